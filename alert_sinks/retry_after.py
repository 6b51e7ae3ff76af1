"""Reads the Retry-After header (RFC 9110, 10.2.3): seconds or an HTTP date. What is neither counts as absent."""

import re
from datetime import UTC
from email.utils import parsedate_to_datetime

from models.times import EPOCH

CAP_SECONDS = 3600.0  # a destination may slow us down, but not silence us for a day
_SECONDS = re.compile(r"[0-9]+")
_MOST_DIGITS = 9  # more is beyond the cap, and int() refuses thousands of digits


def retry_after_seconds(header: str | None, now_ms: int) -> float | None:
    """Seconds to wait from `now_ms` on (epoch milliseconds), between 0 and one hour; None without a usable header."""
    if header is None:
        return None
    text = header.strip()
    if _SECONDS.fullmatch(text):
        return CAP_SECONDS if len(text) > _MOST_DIGITS else min(CAP_SECONDS, float(text))
    try:
        moment = parsedate_to_datetime(text)
        # A date without a zone is GMT: the two old forms of HTTP dates have none.
        aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
        wait = (aware - EPOCH).total_seconds() - now_ms / 1000
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return min(CAP_SECONDS, max(0.0, wait))
