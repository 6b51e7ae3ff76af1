"""Event time is integer milliseconds inside and RFC 3339 outside; the two meet here."""

import re
from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LEAP_SECOND = re.compile(r"(.{16}):60(?:\.[0-9]+)?(?![0-9.])")
_LONG_FRACTION = re.compile(r"(.{16}:[0-9][0-9]\.[0-9]{6})[0-9]+")
_MAY_BE_ROUNDED = re.compile(rb":[0-9][0-9]\.[0-9]{7}")


def rfc3339(epoch_ms: int) -> str:
    """`1760000000123` → `2025-10-09T08:53:20.123Z`."""
    return (EPOCH + timedelta(milliseconds=epoch_ms)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def epoch_ms(moment: datetime) -> int:
    """Milliseconds since the epoch of an aware datetime, rounded down."""
    since = moment - EPOCH  # its parts: dividing it takes three times as long, and this is done for every event
    return since.days * 86_400_000 + since.seconds * 1000 + since.microseconds // 1000


def plain_rfc3339(text: str) -> str:
    """The moment without what `datetime` cannot hold: a leap second is the last millisecond of the one before it, and
    digits beyond microseconds are cut off. Anything else stays as it is."""
    return _LONG_FRACTION.sub(r"\1", _LEAP_SECOND.sub(r"\1:59.999", text, count=1), count=1)


def may_be_rounded(moment: datetime, value: bytes) -> bool:
    """Whether it may be later than the text it was read from: msgspec rounds digits beyond microseconds."""
    # Only 999 and another digit of at least 5 are rounded to a whole millisecond, and few values hold that.
    return not moment.microsecond % 1000 and b"999" in value and _MAY_BE_ROUNDED.search(value) is not None
