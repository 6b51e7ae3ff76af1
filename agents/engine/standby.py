"""A note in a partition's changelog that keeps workers from going live: another monitor is in its place, or still is.

Two monitors with one past would notify twice. The note is a stored value like others, so every worker reads it.
"""

from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec

KEY = b"h"  # in the changelog


class Standby(msgspec.Struct, frozen=True, array_like=True):
    """`other` took the place of this monitor (`is_replaced`) at `at_ms` of the wall clock; or this one is built from
    it, and the process that builds it gave its last sign of life then, 0 where it has ended."""

    is_replaced: bool
    other: str
    at_ms: int

    @property
    def standing(self) -> str:
        """In a few words."""
        return f"replaced by {self.other}" if self.is_replaced else f"not in force: a rebuild of {self.other}"

    def sentence(self, monitor_id: str) -> str:
        """What an operator reads."""
        if not self.is_replaced:
            return (
                f"Monitor {monitor_id} is being rebuilt from {self.other} and not in force yet. Run `episode-monitor "
                f"rebuild switch --to {monitor_id}` with MONITOR_ID={self.other}, then start the workers."
            )
        at = datetime.fromtimestamp(self.at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
        return (
            f"Monitor {monitor_id} was replaced by {self.other} at {at}, and keeps its state as it was. Start the "
            f"workers with MONITOR_ID={self.other}; or go back with `episode-monitor rebuild undo --to {self.other}`."
        )


def encode_standby(standby: Standby) -> tuple[bytes, bytes]:
    """The changelog record."""
    return KEY, msgspec.msgpack.encode(standby)


def standby_in(values: Mapping[bytes, bytes]) -> Standby | None:
    """The note among stored values; None: the partition may go live."""
    value = values.get(KEY)
    return None if value is None else msgspec.msgpack.decode(value, type=Standby)
