"""The hours at which people sleep, by the clock of their time zone."""

from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec


class Night(msgspec.Struct, frozen=True):
    """From hour to hour of the local time; over midnight where it begins later than it ends."""

    begins: int
    ends: int
    zone_name: str

    def __str__(self) -> str:
        return f"{self.hours} {self.zone_name}"

    @property
    def hours(self) -> str:
        """`22-07`."""
        return f"{self.begins:02}-{self.ends:02}"

    def has(self, at_ms: int) -> bool:
        """Whether a moment, in epoch milliseconds, is at night."""
        hour = datetime.fromtimestamp(at_ms / 1000, ZoneInfo(self.zone_name)).hour
        if self.begins <= self.ends:
            return self.begins <= hour < self.ends
        return hour >= self.begins or hour < self.ends


USUAL_NIGHT = (22, 7)
