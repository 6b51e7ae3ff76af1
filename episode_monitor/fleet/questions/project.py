"""One project's numbers, wherever it is."""

from collections.abc import Sequence

from episode_monitor.fleet.local_state import LocalPart, LocalState
from episode_monitor.fleet.question import OfProject, OfProjectParts
from episode_monitor.fleet.split_views import split_view
from models.integrity_views import ProjectView
from streams.partition.holdings import holdings_of
from streams.views.joined_views import Piece, joined_view
from streams.views.project_views import project_view


class ProjectQuestion(OfProject[ProjectView], frozen=True, kw_only=True):
    """None if no event ever named the project; one in several partitions is put together from all owners."""

    found = ProjectView
    any_part = True

    def of(self, part: LocalPart) -> ProjectView:
        return project_view(part.state, part.owned.number, part.at_ms)

    def of_all_parts(self) -> "PiecesQuestion":
        return PiecesQuestion(project_id=self.project_id)


class PiecesQuestion(OfProjectParts[Piece, ProjectView | None], frozen=True, kw_only=True):
    """The same from all parts of a project in several partitions."""

    found = list[Piece]

    def of(self, part: LocalPart) -> Piece | None:
        partition = part.owned.partition
        held = holdings_of(partition, self.project_id)
        if held is None:
            return None
        split = partition.index.splits.get(self.project_id)
        return Piece(
            view=project_view(part.state, part.owned.number, part.at_ms),
            numbers=held.numbers,
            owners=held.owners,
            explained=held.explained,
            keyless=list(split.keyless) if split is not None else [],
        )

    def join(self, parts: Sequence[Piece], here: LocalState) -> ProjectView | None:
        pieces = {piece.view.applied.partition: piece for piece in parts}
        if not pieces:
            return None
        ordered = [pieces[number] for number in sorted(pieces)]
        split = split_view(self.project_id, ordered, here.view.partition_count())
        return joined_view(ordered, here.view.engine.core.numbering, split)
