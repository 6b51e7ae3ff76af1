"""Sums over a partition's projects, and which projects have findings or alerts."""

from streams.base import changelog_keys
from streams.partition.splits import Split
from streams.project.project_state import ProjectState
from streams.project.state_shapes import Head

_HEALTHY = (0, 0)


class ProjectIndex:
    """Sums and lists that follow every change of a project, so that summaries need no state."""

    __slots__ = (
        "alerting", "counted_elsewhere", "duplicates", "episodes", "gaps", "head_keys", "partition", "splits",
        "stored_to", "unhealthy",
    )  # fmt: skip

    def __init__(self, partition: int) -> None:
        self.partition = partition
        self.head_keys: list[bytes] = []  # of all projects, in the order they became known; it only grows
        self.stored_to = 0  # the next offset after all records in the states that were restored
        self.episodes = 0
        self.gaps = 0
        self.duplicates = 0
        self.unhealthy: dict[str, tuple[int, int]] = {}  # project -> its gaps and duplicates, as the sums contain them
        self.alerting: set[str] = set()
        self.splits: dict[str, Split] = {}  # projects that are in other partitions, too; none of their findings counts
        self.counted_elsewhere = 0  # of those: how many another partition counts, which is the lowest that has them

    @property
    def projects(self) -> int:
        """How many there are."""
        return len(self.head_keys)

    @property
    def counted_projects(self) -> int:
        """Projects without those that another partition counts."""
        return len(self.head_keys) - self.counted_elsewhere

    def counts(self, project_id: str) -> bool:
        """Whether this partition counts the project: the only one that has it, or of several the lowest."""
        split = self.splits.get(project_id)
        return split is None or split.partitions[0] == self.partition

    @property
    def counted_splits(self) -> int:
        """Split projects that this partition counts, being the lowest of theirs."""
        return len(self.splits) - self.counted_elsewhere

    def restore(self, head_key: bytes, head: Head) -> None:
        """Add a project as it is stored."""
        self.head_keys.append(head_key)
        self.episodes += head.episodes
        if head.applied >= self.stored_to:
            self.stored_to = head.applied + 1
        if head.gaps or head.duplicates or head.alerts:
            self._note(changelog_keys.project_of(head_key), head.gaps, head.duplicates, head.alerts > 0)

    def changed(self, state: ProjectState) -> None:
        """The findings or alerts of a project may have changed."""
        anomalies = state.numbering.anomalies
        gaps, duplicates = anomalies.open_gaps.count, len(anomalies.open_duplicates)
        self._note(state.project_id, gaps, duplicates, bool(state.alerts))

    def know_split(self, project_id: str, split: Split) -> None:
        """The project is in several partitions: its findings no longer count."""
        was_counted = self.counts(project_id)
        self.splits[project_id] = split
        self.counted_elsewhere += was_counted - self.counts(project_id)
        self._note(project_id, 0, 0, project_id in self.alerting)

    def _note(self, project_id: str, gaps: int, duplicates: int, is_alerting: bool) -> None:
        if project_id in self.splits:
            gaps = duplicates = 0
        known_gaps, known_duplicates = self.unhealthy.get(project_id, _HEALTHY)
        self.gaps += gaps - known_gaps
        self.duplicates += duplicates - known_duplicates
        if gaps or duplicates:
            self.unhealthy[project_id] = (gaps, duplicates)
        else:
            self.unhealthy.pop(project_id, None)
        if is_alerting:
            self.alerting.add(project_id)
        else:
            self.alerting.discard(project_id)
