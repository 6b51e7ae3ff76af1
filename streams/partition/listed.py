"""The active alerts of projects as they were described for readers last, which describing anew would not change."""

from collections.abc import Iterable

from models.alert import Alert


class ListedAlerts:
    """Each project's, at the offset of its last record. Between records only what the partition is told of changes a
    state: while that happens, and after it was undone, nothing is kept."""

    __slots__ = ("_changing", "_kept")

    def __init__(self) -> None:
        self._kept: dict[str, tuple[int, list[Alert]]] = {}
        self._changing: set[str] = set()

    def begin_change(self, project_id: str) -> None:
        """Its state changes without a record, or is restored, until `changed` is called."""
        self._kept.pop(project_id, None)
        self._changing.add(project_id)

    def changed(self, project_id: str) -> None:
        """Its state is another now."""
        self._kept.pop(project_id, None)
        self._changing.discard(project_id)

    def get(self, project_id: str, applied: int) -> list[Alert] | None:
        """They are still those of a state with this last record; None: not known."""
        kept = self._kept.get(project_id)
        return None if kept is None or kept[0] != applied else kept[1]

    def keep(self, project_id: str, applied: int, alerts: list[Alert]) -> None:
        """They were described."""
        if project_id not in self._changing:
            self._kept[project_id] = applied, alerts

    def forget_others(self, projects: Iterable[str]) -> None:
        """Only these are asked for."""
        for project_id in self._kept.keys() - projects:
            del self._kept[project_id]
