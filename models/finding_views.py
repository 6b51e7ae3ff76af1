"""Answers about findings and their history. Times are RFC 3339 in UTC."""

import msgspec


class WaiverView(msgspec.Struct, frozen=True, kw_only=True):
    """Who waived a finding, why and until when."""

    by: str
    reason: str
    at: str
    until: str


class FindingView(msgspec.Struct, frozen=True, kw_only=True):
    """One gap or duplicate. `since` is when its first number began to be missing or shared; null where that was before
    the recorded history. `settles_at` of a suspect, `waiver` of a waived one."""

    finding_id: str
    kind: str  # "gap" | "duplicate"
    state: str  # "suspect" | "open" | "waived"; "over" where one is asked for by its id
    first_number: int
    last_number: int
    since: str | None = None
    settles_at: str | None = None
    waiver: WaiverView | None = None


class FindingName(msgspec.Struct, frozen=True, kw_only=True):
    """A finding and the numbers that it had at that time."""

    finding_id: str
    first_number: int
    last_number: int


class FindingEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One change of a finding, with its numbers before the change. `text` is a sentence for people."""

    what: str  # "opened" | "filled" | "filled_in_part" | "split" | "healed" | "waived" | "reopened"
    at: str  # event time: of a late event it lies before that of the entry before
    text: str
    finding_id: str
    kind: str
    first_number: int
    last_number: int
    since: str | None = None  # suspect since then: of what opened
    number: int | None = None  # that was taken
    episode_id: str | None = None  # that took it, or that left a number and healed the finding by that
    how: str | None = None  # it healed: "deleted" | "renumbered" | "top_lowered"
    by: str | None = None  # who waived it
    reason: str | None = None
    until: str | None = None
    lives_on_as: list[FindingName] = []  # its numbers belong to these findings afterwards


class FindingDetail(msgspec.Struct, frozen=True, kw_only=True):
    """One finding and its history, oldest first. `history_dropped`: older entries of the project, no longer kept."""

    project_id: str
    finding: FindingView
    history: list[FindingEntry]
    history_dropped: int
    as_of: str


class FindingList(msgspec.Struct, frozen=True, kw_only=True):
    """All findings of one project, at most the first 1000 of each kind and state, and the history of closed ones:
    the newest entries, oldest first. `history_dropped`: older ones, no longer kept."""

    project_id: str
    findings: list[FindingView]
    as_of: str
    history: list[FindingEntry] = []
    history_dropped: int = 0
