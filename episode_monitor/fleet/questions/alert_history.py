"""Past transitions of alerts, made from the rows of the storage."""

from typing import Literal

from episode_monitor.fleet.errors import InvalidQuery, Unreachable
from episode_monitor.fleet.local_state import LocalState
from episode_monitor.fleet.question import Question
from episode_monitor.storage.database_service import DatabaseAway
from episode_monitor.storage.history import AlertHistory, HistoryQuery, Transition
from episode_monitor.storage.paging import BadQuery
from models.alert import ACTED_BY, COMMENT
from models.process_views import AlertHistoryPage, AlertTransition
from models.times import rfc3339

TransitionStatus = Literal["pending", "firing", "resolved"]


class AlertHistoryQuestion(Question[AlertHistoryPage, AlertHistoryPage], frozen=True, kw_only=True):
    """A page, newest first. `since_ms` is inside the range, `until_ms` is not. Raises InvalidQuery for a cursor that is
    not of this list, Unreachable without database."""

    project_id: str | None = None
    rule_id: str | None = None
    alert_key: str | None = None
    status: TransitionStatus | None = None
    since_ms: int | None = None
    until_ms: int | None = None
    limit: int = 100  # 1 ... 1000
    cursor: str | None = None

    async def answer(self, here: LocalState) -> AlertHistoryPage:
        wanted = HistoryQuery(**{name: getattr(self, name) for name in self.__struct_fields__})
        rows, next_cursor = await _list(here.history, wanted)
        return AlertHistoryPage(transitions=[_shown(row) for row in rows], next_cursor=next_cursor)


def last_transitions(alert_key: str, limit: int) -> AlertHistoryQuestion:
    """The newest of one alert."""
    return AlertHistoryQuestion(alert_key=alert_key, limit=limit)


async def _list(history: AlertHistory, query: HistoryQuery) -> tuple[list[Transition], str | None]:
    try:
        page = await history.list(query)
    except BadQuery as error:
        raise InvalidQuery("cursor", str(error)) from error
    except DatabaseAway as error:
        raise Unreachable(str(error)) from error
    return page.items, page.next_cursor


def _shown(row: Transition) -> AlertTransition:
    """The person is in the row or, where the row was stored without, in the transition itself."""
    annotations = row.alert.get("annotations") or {}
    return AlertTransition(
        transition_id=row.transition_id,
        at=rfc3339(row.at_ms),
        reason=row.reason,
        by=row.acted_by or annotations.get(ACTED_BY),
        comment=row.comment or annotations.get(COMMENT),
        alert=row.alert,
    )
