"""What happened in one part of a project in several partitions, as workers send it to each other."""

import msgspec

from episode_monitor.fleet.local_state import LocalPart
from streams.rates import performance


class MeasuredPart(msgspec.Struct, frozen=True, kw_only=True):
    """Up to the part's own time. Packed counts are hexadecimal, since they have more bits than a JSON number; a window
    is interval 0."""

    at_ms: int
    today: str
    measured: dict[int, tuple[str, dict[int, int]]]

    @classmethod
    def of(cls, part: LocalPart, measured: performance.ByInterval) -> "MeasuredPart":
        """The part's operations of today, and those of these intervals."""
        today = performance.today(part.state.days, part.state.core.calendar, part.at_ms)
        packed = {number: (f"{counts:x}", dict(sketch)) for number, (counts, sketch) in measured.items()}
        return cls(at_ms=part.at_ms, today=f"{today:x}", measured=packed)

    def intervals(self) -> performance.ByInterval:
        """Unpacked."""
        return {number: (int(counts, 16), sketch) for number, (counts, sketch) in self.measured.items()}
