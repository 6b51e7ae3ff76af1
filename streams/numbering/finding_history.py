"""What happened to one project's findings: when each opened, was filled, healed, was waived and reopened.

Only changes of open or waived findings are recorded: a suspect that heals before it settles leaves no entry. Entries
are in the order of the changes, so they are no part of a state's canonical form: events in another order reach the same
end by other changes.
"""

import msgspec

from streams.numbering.waivers import GAP, Waiver

KEPT = 64  # entries of a project; the oldest go first

OPENED = "opened"  # a suspect has settled
FILLED = "filled"  # an episode took a number of a gap
HEALED = "healed"  # corrected in another way
WAIVED = "waived"
REOPENED = "reopened"  # a waiver is over

DELETED = "deleted"  # how it healed: one of a duplicate's episodes was deleted,
RENUMBERED = "renumbered"  # or got another number,
TOP_LOWERED = "top_lowered"  # or a gap lies above the highest number now

Interval = tuple[int, int]


class FindingRecord(msgspec.Struct, frozen=True, array_like=True):
    """Numbers first … last are the finding before it was filled, healed or waived, or what opened.

    `at_ms` is the event time of its cause: that of a late event is before that of the previous entry.
    """

    what: str
    kind: str
    first: int
    last: int
    at_ms: int
    since_ms: int = 0  # when it opens: suspect since then
    number: int = 0  # that was taken
    episode: bytes = b""  # that took it, or that left a number
    how: str = ""  # it healed
    beside: list[Interval] = []  # gaps that were open next to what opened: all of them are one finding now
    until_ms: int = 0  # the waiver holds
    by: str = ""
    reason: str = ""

    @property
    def lives_on(self) -> list[Interval]:
        """The other open or waived findings that this one's numbers belong to afterwards."""
        if self.what == FILLED:
            parts = ((self.first, self.number - 1), (self.number + 1, self.last))
            return [(first, last) for first, last in parts if first <= last]
        if self.beside:
            return [(min(self.first, self.beside[0][0]), max(self.last, self.beside[-1][1]))]
        return []

    @property
    def ended(self) -> list[Interval]:
        """The findings that ended or changed, the one the entry is about first."""
        return [(self.first, self.last), *self.beside]


class FindingHistory(msgspec.Struct, array_like=True):
    """The newest entries, oldest first, and how many older ones were dropped. Stored with the project's head."""

    dropped: int = 0
    entries: list[FindingRecord] = []

    def add(self, entry: FindingRecord) -> None:
        """Append an entry; drop the oldest above the limit."""
        self.entries.append(entry)
        if len(self.entries) > KEPT:
            del self.entries[0]
            self.dropped += 1

    def opened(self, kind: str, first: int, last: int, at_ms: int, since_ms: int, beside: list[Interval]) -> None:
        """A suspect has settled."""
        self.add(FindingRecord(OPENED, kind, first, last, at_ms, since_ms=since_ms, beside=beside))

    def reopened(self, waiver: Waiver, at_ms: int, beside: list[Interval]) -> None:
        """A waiver has expired, and its finding is open again."""
        self.add(FindingRecord(REOPENED, waiver.kind, waiver.first, waiver.last, at_ms, beside=beside))

    def filled(self, first: int, last: int, at_ms: int, number: int, episode: bytes) -> None:
        """An episode took a number of the gap first … last."""
        self.add(FindingRecord(FILLED, GAP, first, last, at_ms, number=number, episode=episode))

    def healed(self, kind: str, first: int, last: int, at_ms: int, how: str, episode: bytes) -> None:
        """An episode left a number, and so this is no finding any longer."""
        self.add(FindingRecord(HEALED, kind, first, last, at_ms, episode=episode, how=how))

    def waived(self, waiver: Waiver) -> None:
        """A person waived an open finding."""
        self.add(
            FindingRecord(
                WAIVED,
                waiver.kind,
                waiver.first,
                waiver.last,
                waiver.at_ms,
                until_ms=waiver.until_ms,
                by=waiver.by,
                reason=waiver.reason,
            )
        )
