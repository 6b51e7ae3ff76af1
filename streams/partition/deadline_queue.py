"""Which project is due next. One entry counts for each project, the others in the heap are void."""

from heapq import heapify, heappop, heappush

VOID_ENTRIES = 1000  # beside as many as there are valid ones, before the heap is built anew


class DeadlineQueue:
    """Deadlines in event time, milliseconds. `heap[0][0]` is a lower bound of the next one."""

    __slots__ = ("_noted", "heap")

    def __init__(self) -> None:
        self.heap: list[tuple[int, str]] = []
        self._noted: dict[str, int] = {}  # project -> its valid entry

    def note(self, deadline_ms: int, project_id: str) -> None:
        """The project is due then. A later deadline than the noted one is dropped: the caller notes it anew when the
        project is due."""
        noted_ms = self._noted.get(project_id)
        if noted_ms is not None and noted_ms <= deadline_ms:
            return
        self._noted[project_id] = deadline_ms
        heappush(self.heap, (deadline_ms, project_id))
        if len(self.heap) > VOID_ENTRIES + 2 * len(self._noted):
            self.heap = [(at_ms, name) for name, at_ms in self._noted.items()]
            heapify(self.heap)

    def pop_due(self, now_ms: int) -> str | None:
        """Take out the project that is due next; None where none is due by now."""
        while self.heap and self.heap[0][0] <= now_ms:
            at_ms, project_id = heappop(self.heap)
            if self._noted.get(project_id) == at_ms:
                del self._noted[project_id]
                return project_id
        return None
