"""Pages of projects in a fixed order, so that each worker can make its part and any of them can put parts together.

A page begins after a place, never at a number of rows: projects that come, go or heal meanwhile repeat none and hide
none of the others. A million projects are looked through in slices.
"""

import base64
import binascii
from collections.abc import Callable, Iterable, Sequence
from typing import Literal

import msgspec

from agents.engine.ownership import Owned
from agents.time_slices import in_slices
from episode_monitor.fleet.errors import InvalidQuery
from episode_monitor.fleet.local_state import LocalState
from episode_monitor.fleet.question import LONG_ANSWER_SECONDS, Question, Scope, once_per_project
from models.integrity_views import ProjectPage, ProjectRow
from streams.base import changelog_keys
from streams.base.ranking import HEALTHIEST, Lowest, rank
from streams.base.steps import Steps
from streams.partition.partition import Partition
from streams.partition.summary import STATE_STEP, STEP
from streams.views.project_views import oldest_since, project_row

ProjectHealth = Literal["all", "healthy", "unhealthy", "split"]
ProjectSort = Literal["worst", "project_id", "gaps", "duplicates", "episodes"]
Place = tuple[int, int, str]  # of a project in the order of a list: two numbers by the sort, and its id

_BY_FINDINGS: frozenset[ProjectSort] = frozenset(("worst", "gaps", "duplicates"))
_MAX_ID = 1000

Best = Lowest[Place, Owned]


class OwnPage(msgspec.Struct, frozen=True, kw_only=True):
    """Rows with their places, in order; `total` projects match, before and after the page too."""

    rows: list[tuple[Place, ProjectRow]]
    total: int


class ProjectListQuestion(Question[OwnPage, ProjectPage], frozen=True, kw_only=True):
    """Which projects to list. `q` is looked for anywhere in the project's id, upper and lower case alike. Raises
    InvalidQuery for a cursor that is not of this list."""

    scope = Scope.EVERY_OWNER
    seconds = LONG_ANSWER_SECONDS
    found = OwnPage
    status: ProjectHealth = "all"
    q: str | None = None
    sort: ProjectSort = "worst"
    limit: int = 50  # 1 ... 1000
    cursor: str | None = None  # a page's `next_cursor`, given back unchanged with the same other parameters

    def check(self) -> None:
        self.after()

    async def answer(self, here: LocalState) -> OwnPage:
        return await in_slices(own_page(here.live, self, here.view.as_of_ms))

    def merge(self, parts: Sequence[OwnPage], here: LocalState) -> ProjectPage:
        return merge_pages(parts, self)

    def after(self) -> Place | None:
        """The place behind which the page begins. Raises InvalidQuery."""
        return None if self.cursor is None else _decode_cursor(self.cursor, self.sort)


def place_of(sort: ProjectSort, partition: Partition, project_id: str) -> Place:
    """Where a project stands; lower comes first. A healthy one needs no look at its state but for its episodes."""
    gaps, duplicates = partition.index.unhealthy.get(project_id, (0, 0))
    match sort:
        case "project_id":
            return 0, 0, project_id
        case "gaps":
            return -gaps, 0, project_id
        case "duplicates":
            return -duplicates, 0, project_id
        case "episodes":
            head = partition.head(project_id)
            return 0 if head is None else -head.episodes, 0, project_id
        case "worst":
            head = partition.head(project_id) if gaps or duplicates else None
            if head is None:
                return HEALTHIEST, 0, project_id
            return rank(project_id, gaps, duplicates, head.max_number)


def own_page(live: Sequence[Owned], question: ProjectListQuestion, as_of_ms: Callable[[Owned], int]) -> Steps[OwnPage]:
    """This worker's part of a page, and one row more: is there another page? The unhealthy are few and kept apart, so
    they are looked through first."""
    best: Best = Lowest(question.limit + 1)
    after = question.after()
    total = 0
    if question.status == "split":
        total += yield from _look(live, question, after, best, _split_ids)
    if question.status in ("all", "unhealthy"):
        total += yield from _look(live, question, after, best, _unhealthy_ids)
    if question.q is None and question.status == "all" and _no_healthy_comes_before(best, question):
        total = sum(owned.partition.index.counted_projects for owned in live)
    elif question.status in ("all", "healthy"):
        total += yield from _look(live, question, after, best, _healthy_ids)
    rows = yield from _rows(best, as_of_ms)
    return OwnPage(rows=rows, total=total)


def _rows(best: Best, as_of_ms: Callable[[Owned], int]) -> Steps[list[tuple[Place, ProjectRow]]]:
    """Only the state of an unhealthy project is looked at: it knows since when."""
    rows, looked_at = [], 0
    for place, owned in best.entries():
        partition, project_id = owned.partition, place[2]
        head = partition.head(project_id)
        if head is None:
            continue
        row = project_row(project_id, head, as_of_ms(owned), is_split=project_id in partition.index.splits)
        state = None if row.is_healthy else partition.look(project_id)
        if state is not None:
            row = msgspec.structs.replace(row, since=oldest_since(state))
            looked_at += 1
            if looked_at % STATE_STEP == 0:
                yield
        rows.append((place, row))
    return rows


Ids = Callable[[Partition], Iterable[str | None]]


def _look(
    live: Sequence[Owned], question: ProjectListQuestion, after: Place | None, best: Best, ids: Ids
) -> Steps[int]:
    """Offer every matching project of one kind; answers how many matched, those before the place included."""
    wanted = None if question.q is None else question.q.casefold()
    matching = 0
    for owned in live:
        partition = owned.partition
        for seen, project_id in enumerate(ids(partition), 1):
            if seen % STEP == 0:
                yield
            if project_id is None or (wanted is not None and wanted not in project_id.casefold()):
                continue
            matching += 1
            place = place_of(question.sort, partition, project_id)
            if after is None or place > after:
                best.offer(place, owned)
    return matching


def _unhealthy_ids(partition: Partition) -> Iterable[str | None]:
    return list(partition.index.unhealthy)


def _split_ids(partition: Partition) -> Iterable[str | None]:
    """Those that this partition counts."""
    return filter(partition.index.counts, list(partition.index.splits))


def _healthy_ids(partition: Partition) -> Iterable[str | None]:
    """None stands for a project that is not healthy, or that a lower partition counts. New projects may come
    meanwhile; they are at the end."""
    head_keys, unhealthy = partition.index.head_keys, partition.index.unhealthy
    at = 0
    while at < len(head_keys):
        project_id = changelog_keys.project_of(head_keys[at])
        is_healthy = project_id not in unhealthy and partition.index.counts(project_id)
        yield project_id if is_healthy else None
        at += 1


def _no_healthy_comes_before(best: Best, question: ProjectListQuestion) -> bool:
    """Whether the page is full of unhealthy projects that all stand before any healthy one."""
    if question.sort not in _BY_FINDINGS:
        return False
    entries = best.entries()
    first_healthy = (HEALTHIEST if question.sort == "worst" else 0, 0, "")
    return len(entries) > question.limit and entries[-1][0] < first_healthy


# --- putting parts together


def merge_pages(pages: Iterable[OwnPage], query: ProjectListQuestion) -> ProjectPage:
    """The page of the whole fleet."""
    pages = list(pages)
    ordered = once_per_project((page.rows for page in pages), lambda entry: entry[0][2], order=lambda entry: entry[0])
    shown = ordered[: query.limit]
    more = len(ordered) > query.limit
    return ProjectPage(
        projects=[row for _, row in shown],
        total=sum(page.total for page in pages),
        next_cursor=_encode_cursor(query.sort, shown[-1][0]) if more else None,
    )


class _Cursor(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    sort: ProjectSort
    place: Place


def _encode_cursor(sort: ProjectSort, place: Place) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(_Cursor(sort, place))).decode().rstrip("=")


def _decode_cursor(cursor: str, sort: ProjectSort) -> Place:
    try:
        packed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        decoded = msgspec.json.decode(packed, type=_Cursor)
    except (binascii.Error, ValueError, RecursionError) as error:
        raise _not_ours() from error
    if decoded.sort != sort or len(decoded.place[2]) > _MAX_ID:
        raise _not_ours()
    return decoded.place


def _not_ours() -> InvalidQuery:
    return InvalidQuery(
        "cursor", "is not a cursor of this list: use next_cursor of the previous page, with the same other parameters"
    )
