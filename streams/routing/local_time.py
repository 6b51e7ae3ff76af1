"""Local times and moments, over clock changes: every local time has one moment, and later ones are never earlier."""

from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from models.times import EPOCH, epoch_ms


def local_time(at_ms: int, zone: ZoneInfo) -> datetime:
    """What a clock on the wall shows; naive."""
    return (EPOCH + timedelta(milliseconds=at_ms)).astimezone(zone).replace(tzinfo=None, fold=0)


@lru_cache(maxsize=10_000)
def moment(local: datetime, zone: ZoneInfo, *, second: bool = False) -> int:
    """Epoch milliseconds of a naive local time.

    A time that the clocks skip is the moment of their change; of a time that comes twice it is the first, or the
    second if asked for.
    """
    early, late = sorted(epoch_ms(local.replace(tzinfo=zone, fold=fold)) for fold in (0, 1))
    if early == late:
        return early
    if local_time(late, zone) == local:  # it comes twice
        return late if second else early
    return clock_change(early, late, zone)


def clock_change(early_ms: int, late_ms: int, zone: ZoneInfo) -> int:
    """The moment, after `early_ms` and up to `late_ms`, from which the offset is that of `late_ms`."""
    after = _offset(late_ms, zone)
    while late_ms - early_ms > 1:
        middle = (early_ms + late_ms) // 2
        if _offset(middle, zone) == after:
            late_ms = middle
        else:
            early_ms = middle
    return late_ms


def _offset(at_ms: int, zone: ZoneInfo) -> timedelta | None:
    return (EPOCH + timedelta(milliseconds=at_ms)).astimezone(zone).utcoffset()


def offset_changes(early_ms: int, late_ms: int, zone: ZoneInfo) -> bool:
    """Whether the clocks have changed between the two moments."""
    return _offset(early_ms, zone) != _offset(late_ms, zone)
