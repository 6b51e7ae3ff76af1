"""The operators' calendar day: which day an event time belongs to in their time zone."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from mypy_extensions import i64

from models.times import epoch_ms


class Calendar:
    """Maps event time to day numbers. Remembers the last day it was asked for, because events come in order."""

    __slots__ = ("_day", "_end_ms", "_start_ms", "_zone", "zone_name")

    def __init__(self, zone_name: str = "UTC") -> None:
        """`zone_name` is an IANA name; raises ZoneInfoNotFoundError for another."""
        self.zone_name = zone_name
        self._zone = ZoneInfo(zone_name)
        self._day: i64 = 0
        self._start_ms: i64 = 1
        self._end_ms: i64 = 0

    def day(self, at_ms: i64) -> i64:
        """The proleptic ordinal of the local day that holds `at_ms`; days of 23 and 25 hours included."""
        if not self._start_ms <= at_ms < self._end_ms:
            local = datetime.fromtimestamp(int(at_ms // 1000), self._zone)
            midnight = datetime(local.year, local.month, local.day, tzinfo=self._zone)
            following = (midnight + timedelta(days=1)).replace(hour=0)
            self._day = local.toordinal()
            self._start_ms, self._end_ms = epoch_ms(midnight), epoch_ms(following)
        return self._day
