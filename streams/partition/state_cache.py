"""Decoded states of projects: those that events came for lately, and a few that only readers asked for."""

from streams.project.project_state import ProjectState

LOOKED_AT_MOST = 256  # decoded states kept ready for readers


class StateCache:
    """Two generations: when `young` is full it becomes the old one, and what only the old one held is dropped."""

    __slots__ = ("_generation_size", "_looked_at", "_old", "young")

    def __init__(self, projects: int) -> None:
        self.young: dict[str, ProjectState] = {}  # used since the last change of generations
        self._old: dict[str, ProjectState] = {}
        self._generation_size = max(1, projects // 2)
        self._looked_at: dict[str, tuple[bytes, ProjectState]] = {}  # with the bytes it was decoded from

    def get(self, project_id: str) -> ProjectState | None:
        """A cached state; its generation stays."""
        return self.young.get(project_id) or self._old.get(project_id)

    def put(self, state: ProjectState) -> None:
        """The state is in use."""
        if len(self.young) >= self._generation_size:
            self._old, self.young = self.young, {}
        self.young[state.project_id] = state

    # --- for readers, which change nothing: they displace no project that events come for

    def looked_at(self, project_id: str, stored: bytes) -> ProjectState | None:
        """The state that was decoded for a reader, unless another one is stored by now."""
        known = self._looked_at.get(project_id)
        return None if known is None or known[0] != stored else known[1]

    def keep_looked_at(self, stored: bytes, state: ProjectState) -> None:
        """It was decoded for a reader; the first to come is the first to go."""
        self._looked_at.pop(state.project_id, None)
        if len(self._looked_at) >= LOOKED_AT_MOST:
            del self._looked_at[next(iter(self._looked_at))]
        self._looked_at[state.project_id] = (stored, state)
