"""The states of one partition's projects, as a comparison with a replay needs them: rows in pages, or one in full."""

from agents.time_slices import in_slices
from episode_monitor.fleet.errors import InvalidQuery, Refusal, Refused
from episode_monitor.fleet.local_state import LocalState
from episode_monitor.fleet.question import LONG_ANSWER_SECONDS, Question, Scope
from models.project_facts import ProjectFactsAnswer, ProjectStatesPage
from streams.project.state_digest import rules_digest
from streams.views.project_facts import facts_of, rows_from

MAX_ROWS = 2_000  # a page: about 600 kB, and up to half a second of work in slices


class ProjectStatesQuestion(Question[ProjectStatesPage, ProjectStatesPage], frozen=True, kw_only=True):
    """A page of at most `limit` projects. Places are good within one generation of the partition."""

    scope = Scope.ONE_PARTITION
    seconds = LONG_ANSWER_SECONDS
    found = ProjectStatesPage
    partition: int
    limit: int
    cursor: str | None = None

    def check(self) -> None:
        _start_of(self.cursor)

    async def answer(self, here: LocalState) -> ProjectStatesPage | None:
        _check_partition(here, self.partition)
        owned = here.owned(self.partition)
        if owned is None:
            return None
        next_offset, partition = owned.position, owned.partition
        rows, next_start = await in_slices(rows_from(partition, _start_of(self.cursor), self.limit))
        if not owned.is_live:
            return None
        return ProjectStatesPage(
            monitor_id=here.monitor_id, topic=owned.topic, partition=owned.number,
            partitions=here.view.partition_count(), generation=owned.generation, next_offset=next_offset,
            projects_total=partition.index.projects, rules_digest=rules_digest(partition.core), rows=rows,
            next_cursor=None if next_start is None else str(next_start),
        )  # fmt: skip


class ProjectFactsQuestion(Question[ProjectFactsAnswer, ProjectFactsAnswer], frozen=True, kw_only=True):
    """All that one partition's state of a project holds."""

    scope = Scope.ONE_PARTITION
    seconds = LONG_ANSWER_SECONDS
    found = ProjectFactsAnswer
    partition: int
    project_id: str

    async def answer(self, here: LocalState) -> ProjectFactsAnswer | None:
        _check_partition(here, self.partition)
        owned = here.owned(self.partition)
        if owned is None:
            return None
        return ProjectFactsAnswer(partition=owned.number, facts=facts_of(owned.partition, self.project_id))


def _check_partition(here: LocalState, partition: int) -> None:
    count = here.view.partition_count()
    if count and partition >= count:
        raise Refused(Refusal(404, "unknown_partition", f"The events topic has no partition {partition}."))


def _start_of(cursor: str | None) -> int:
    if cursor is None:
        return 0
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 12):
        raise InvalidQuery("cursor", "is not a cursor of this list: use next_cursor of the previous page")
    return int(cursor)
