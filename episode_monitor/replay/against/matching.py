"""One partition replayed beside the live monitor's digests: each project is looked at when exactly the record that the
live monitor applied last has been taken.

A project that is not equal there may be so at the end: in a copy of the topic records lie at other offsets.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence

import msgspec

from episode_monitor.replay.against.live import LivePartition
from episode_monitor.replay.partition_replay import PartitionReplay
from episode_monitor.replay.source import Replayed
from models.project_facts import ProjectStateRow
from streams.alerting.core import Core
from streams.base import changelog_keys
from streams.partition.partition import Partition
from streams.project.fingerprint import fingerprint
from streams.project.project_state import ProjectState
from streams.project.state_codec import read_head
from streams.project.state_digest import rules_digest
from streams.views.project_facts import row_of

MOST_DECODED = 20_000  # as in a replay
_LIVE_END = ""  # no project: the place that the live monitor has reached


class Moved(msgspec.Struct, frozen=True):
    """A project that is equal, but whose last record lies at another offset."""

    project_id: str
    replayed: int
    live: int


class Matched(msgspec.Struct, frozen=True):
    """What came of a partition. `unequal`: both sides have them and differ. `only_live`, `only_replayed`: one side has
    them; a project that came after the live monitor's answer is not among them."""

    projects: int
    common: int
    unequal: list[str]
    moved: list[Moved]
    only_live: list[str]
    only_replayed: list[str]

    @property
    def shift(self) -> int:
        """By how much offsets of the replay are ahead of the live ones, as most moved projects have it."""
        shifts = [one.replayed - one.live for one in self.moved]
        return max(set(shifts), key=shifts.count) if shifts else 0


class Matching:
    """Takes the records of one partition. `live.rows` loses each row that is found equal."""

    def __init__(self, core: Core, first: int, live: LivePartition) -> None:
        self.replay = PartitionReplay(core, live.number, first)
        self._live = live
        self._same_rules = rules_digest(core) == live.rules_digest
        self._unequal: list[str] = []
        self._ahead: set[str] = set()  # of those: equal, until a record came that the live monitor never applied
        self._known: int | None = None  # projects that the replay had where the live monitor stood
        rows = live.rows
        order = [(row.applied, name) for name, row in rows.items() if row is not None]
        order.append((live.next_offset - 1, _LIVE_END))
        order.sort()
        self._order, self._place = order, 0

    @property
    def is_done(self) -> bool:
        """All places are reached, and all projects were equal there."""
        return self._place == len(self._order) and not self._unequal

    def take(self, records: Sequence[Replayed], after: int) -> None:
        """Records in order; they are divided at the places to look at. `after`: where the next ones begin."""
        at = 0
        while self._place < len(self._order) and self._order[self._place][0] < after:
            offset, project_id = self._order[self._place]
            end = bisect_right(records, offset, lo=at, key=lambda record: record.offset)
            self._step(records[at:end])
            self._look(project_id)
            at, self._place = end, self._place + 1
        self._step(records[at:])
        if self.replay.decoded > MOST_DECODED:
            self.replay.pack()

    def _step(self, records: Sequence[Replayed]) -> None:
        if records:
            self.replay.take(records)

    def _look(self, project_id: str) -> None:
        if project_id == _LIVE_END:
            self._known = self.replay.partition.index.projects
            self._ahead.update(self._gone_on())
            self._unequal.extend(self._ahead)
            return
        state, row = self.replay.partition.state(project_id), self._live.rows[project_id]
        if state is None or row is None:
            self._unequal.append(project_id)
        elif state.applied == row.applied and self._is_equal(state, row):
            self._live.rows[project_id] = None
        else:
            self._unequal.append(project_id)

    def _gone_on(self) -> Iterator[str]:
        """Projects that were equal, and have had records since which the live monitor has passed."""
        for offset, project_id in self._order[: self._place]:
            if self._live.rows[project_id] is None and _applied(self.replay.partition, project_id) > offset:
                yield project_id

    def _is_equal(self, state: ProjectState, row: ProjectStateRow) -> bool:
        if self._same_rules:
            return fingerprint(state) == row.state_hash
        ours = row_of(self.replay.partition, state.project_id)
        return ours is not None and _without_rules(ours) == _without_rules(row)

    def finish(self) -> Matched:
        """What came of it, when all records are taken."""
        partition, rows = self.replay.partition, self._live.rows
        left = [*self._unequal, *(name for _, name in self._order[self._place :] if name != _LIVE_END)]
        found = Matched(len(rows), len(rows) - len(left), [], [], [], list(self._only_replayed()))
        for project_id in left:
            state, row = partition.state(project_id), rows[project_id]
            if project_id in self._ahead:
                found.unequal.append(project_id)
            elif state is None or row is None:
                found.only_live.append(project_id)
            elif state.applied != row.applied and self._is_equal(state, row):
                found.moved.append(Moved(project_id, state.applied, row.applied))
            else:
                found.unequal.append(project_id)
        return msgspec.structs.replace(
            found,
            projects=len(rows) + len(found.only_replayed),
            common=found.common + len(found.moved) + len(found.unequal),
        )

    def _only_replayed(self) -> Iterator[str]:
        head_keys = self.replay.partition.index.head_keys
        for key in head_keys[: self._known]:
            project_id = changelog_keys.project_of(key)
            if project_id not in self._live.rows:
                yield project_id


def _applied(partition: Partition, project_id: str) -> int:
    found = partition.peek(project_id)
    assert found is not None
    return found.applied if isinstance(found, ProjectState) else read_head(found).applied


def _without_rules(row: ProjectStateRow) -> tuple[object, ...]:
    return row.numbers_hash, row.total_episodes, row.missing, row.duplicates, row.late_events
