"""Which records an audit checkpoint must cover by now."""

from typing import Final

_INTERVALS: Final = 3
_MORE_MS: Final = 60_000


def due_before_ms(now_ms: int, checkpoint_seconds: int) -> int:
    """Records written before this moment are late where no checkpoint covers them."""
    return now_ms - _INTERVALS * checkpoint_seconds * 1_000 - _MORE_MS
