"""Numbers that rise by one for each project, and never come again, however many projects there are."""

MAX_PROJECTS = 100_000  # remembered; beyond that all start again above the highest


class Sequences:
    """Those of one source. For one thread."""

    def __init__(self, most: int = MAX_PROJECTS) -> None:
        self._most = most
        self._known: dict[str, int] = {}
        self._highest_forgotten = 0

    def next(self, project_id: str) -> int:
        """The project's next number, from 1 on."""
        known = self._known
        sequence = known.get(project_id, self._highest_forgotten) + 1
        if len(known) >= self._most and project_id not in known:
            self._highest_forgotten = max(known.values())
            sequence = self._highest_forgotten + 1
            known.clear()
        known[project_id] = sequence
        return sequence
