"""Alert history as people see it, made from the rows of the storage."""

from episode_monitor.fleet.errors import AlertHistoryQuery, InvalidQuery, Unreachable
from episode_monitor.storage.cursors import BadQuery
from episode_monitor.storage.protocols import AlertHistory, DatabaseAway
from episode_monitor.storage.records import HistoryQuery, Transition
from models.times import rfc3339
from models.views import AlertHistoryPage, AlertTransition
from streams.project.alert_actions import ACTED_BY, COMMENT


async def history_page(history: AlertHistory, query: AlertHistoryQuery) -> AlertHistoryPage:
    """A page, newest first. Raises InvalidQuery for a cursor that is not of this list, Unreachable without database."""
    page = await _list(
        history,
        HistoryQuery(
            project_id=query.project_id,
            alert_key=query.alert_key,
            rule_id=query.rule_id,
            status=query.status,
            since_ms=query.since_ms,
            until_ms=query.until_ms,
            limit=query.limit,
            cursor=query.cursor,
        ),
    )
    return AlertHistoryPage(transitions=[_shown(row) for row in page[0]], next_cursor=page[1])


async def is_known(history: AlertHistory, alert_key: str) -> bool:
    """Whether this alert was ever told of, as far as the history goes. Raises Unreachable without database."""
    return bool((await _list(history, HistoryQuery(alert_key=alert_key, limit=1)))[0])


async def _list(history: AlertHistory, query: HistoryQuery) -> tuple[list[Transition], str | None]:
    try:
        page = await history.list(query)
    except BadQuery as error:
        raise InvalidQuery("cursor", str(error)) from error
    except DatabaseAway as error:
        raise Unreachable(str(error)) from error
    return page.items, page.next_cursor


def _shown(row: Transition) -> AlertTransition:
    """The person stands in the row, or, where whoever stored it did not look, in the transition itself."""
    annotations = row.alert.get("annotations") or {}
    return AlertTransition(
        transition_id=row.transition_id,
        at=rfc3339(row.at_ms),
        reason=row.reason,
        by=row.acted_by or annotations.get(ACTED_BY),
        comment=row.comment or annotations.get(COMMENT),
        alert=row.alert,
    )
