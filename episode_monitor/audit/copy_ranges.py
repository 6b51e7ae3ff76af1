"""A copy beside ranges that the topic no longer has: as many records as a range states, one range after the other.

Behind a range that differs, the place of the next is looked for nearby, because records may be missing or too many.
"""

from collections.abc import Sequence
from typing import Final

from episode_monitor.audit.reading import Continued, Records
from episode_monitor.audit.records import Audited, RangeDigest
from models.audit_checkpoint import AuditRange

NEARBY: Final = 64  # records missing or too many, in all, after which the next range is still found
_MOST_SOUGHT: Final = 20_000  # records of a range that is looked for at other places


class CopyRanges:
    """`check` each range in order, then go on with `rest`."""

    def __init__(self, copy: Records) -> None:
        self._copy = copy
        self._held: list[Audited] = []  # from up to NEARBY records before the place on
        self._at = 0  # the place, in these
        self._is_lost = False
        self._has_ended = False

    async def check(self, stated: AuditRange) -> int | None:
        """None: the copy has these records. Else how many records it has where they should be."""
        await self._fill(self._at + stated.records + NEARBY)
        for start in self._starts(stated):
            if self._has(stated, start):
                self._go_on(start + stated.records)
                self._is_lost = False
                return None
        found = max(0, min(stated.records, len(self._held) - self._at))
        self._is_lost = True
        self._go_on(self._at + found)
        return found

    def rest(self) -> Records:
        """What follows the last range."""
        return Continued(self._held[self._at :], self._copy)

    def _starts(self, stated: AuditRange) -> list[int]:
        if not self._is_lost or stated.records > _MOST_SOUGHT or not stated.records:
            return [self._at]
        return sorted(range(max(0, self._at - NEARBY), self._at + NEARBY + 1), key=lambda start: abs(start - self._at))

    def _has(self, stated: AuditRange, start: int) -> bool:
        digest = RangeDigest()
        digest.add(self._held[start : start + stated.records])
        return digest.is_of(stated)

    def _go_on(self, at: int) -> None:
        dropped = max(0, at - NEARBY)
        del self._held[:dropped]
        self._at = at - dropped

    async def _fill(self, count: int) -> None:
        while len(self._held) < count and not self._has_ended:
            records: Sequence[Audited] = await self._copy.next()
            self._has_ended = not records
            self._held += records
