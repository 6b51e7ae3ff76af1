"""What a partition has to store: collected as it was at a cut, while further records are applied."""

from collections.abc import Sequence

from streams.base import changelog_keys
from streams.base.checkpoint_types import Changes, Cursor, Section, Store
from streams.base.steps import Steps
from streams.project.project_state import ProjectState
from streams.project.state_codec import checkpoint
from streams.rates.totals import PartitionTotals


class Checkpointer:
    """Changed projects, before and after the last cut, and the writes made of them so far."""

    __slots__ = ("_dirty", "_garbage", "_store", "cursor", "sections", "waiting", "writes")

    def __init__(self, store: Store, sections: Sequence[Section]) -> None:
        self._store = store
        self.sections = sections
        self._dirty: dict[str, ProjectState] = {}  # changed since the last cut
        self.waiting: dict[str, ProjectState] = {}  # changed before it, and not collected yet
        self.writes: dict[bytes, bytes] = {}  # collected, until the caller gets them
        self._garbage: list[bytes] = []
        self.cursor = Cursor(0, 0)  # of the last cut

    # --- reading

    def stored(self, key: bytes) -> bytes | None:
        """A stored value, or what was collected to replace it."""
        return self.writes.get(key) or self._store.get(key)

    def changed(self, project_id: str) -> ProjectState | None:
        """The state of a project where it is newer than what is stored."""
        return self._dirty.get(project_id) or self.waiting.get(project_id)

    @property
    def is_dirty(self) -> bool:
        """Whether there is anything to write beside the cursor."""
        return bool(self._dirty or self.waiting) or any(section.is_dirty for section in self.sections)

    @property
    def unstored(self) -> int:
        """How many projects have changed since they were last collected; each is decoded in memory until then."""
        return len(self._dirty) + len(self.waiting)

    # --- collecting

    def mark_changed(self, state: ProjectState) -> None:
        """The project must be stored."""
        state.is_dirty = True
        self._dirty[state.project_id] = state

    def cut(self, cursor: Cursor, totals: PartitionTotals, *, has_closed: bool = False) -> None:
        """Begin to collect what has changed. Totals are written first, so that they are never behind a project.
        `has_closed`: seconds of the fleet were closed, so that totals have changed although no project has."""
        self.cursor = cursor
        self.waiting, self._dirty = self._dirty, {}
        for section in self.sections:
            if section.is_dirty:
                self.writes.update(section.writes())
                self._garbage.extend(section.garbage())
                section.is_dirty = False
        if self.waiting or has_closed:
            self.writes[changelog_keys.TOTALS] = totals.encode()

    def collecting(self) -> Steps[Changes]:
        """The changes up to the last `cut`, in steps of one project: thousands of them take long. Run it to its end
        and store what it returns before the next read."""
        while self.waiting:
            self.collect(next(iter(self.waiting)))
            yield
        writes: list[tuple[bytes, bytes | None]] = list(self.writes.items())
        garbage, self.writes, self._garbage = self._garbage, {}, []
        return Changes(writes, self.cursor, garbage)

    def collect(self, project_id: str) -> None:
        """Collect a project as it is now, if it waits for that. Its head is written after its chunks."""
        state = self.waiting.pop(project_id, None)
        if state is None:
            return
        stored, writes = checkpoint(state), self.writes
        state.is_dirty = False
        for chunk, version, content in stored.chunks:
            writes[changelog_keys.chunk(project_id, chunk, version)] = content
        writes[changelog_keys.head(project_id)] = stored.head
        self._garbage.extend(changelog_keys.chunk(project_id, chunk, version) for chunk, version in stored.obsolete)
