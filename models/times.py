"""Event time is integer milliseconds inside and RFC 3339 outside; the two meet here."""

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def rfc3339(epoch_ms: int) -> str:
    """`1760000000123` → `2025-10-09T08:53:20.123Z`."""
    return (EPOCH + timedelta(milliseconds=epoch_ms)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def epoch_ms(moment: datetime) -> int:
    """Milliseconds since the epoch of an aware datetime, rounded down."""
    since = moment - EPOCH  # its parts: dividing it takes three times as long, and this is done for every event
    return since.days * 86_400_000 + since.seconds * 1000 + since.microseconds // 1000
