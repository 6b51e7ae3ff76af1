"""The routes below /api/v2. They answer as Alertmanager 0.25 does: errors that its document names are one string."""

from collections.abc import Callable, Mapping
from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from episode_monitor import __version__
from episode_monitor.alertmanager_api.alert_views import AlertQuery, alerts_of, groups_of
from episode_monitor.alertmanager_api.answers import TEXT, UNAVAILABLE, Filter, lists, one, text
from episode_monitor.alertmanager_api.config_text import config_text
from episode_monitor.alertmanager_api.shapes import (
    AlertmanagerStatus,
    ApiAlertGroup,
    ApiCluster,
    ApiConfig,
    ApiPeer,
    ApiReceiver,
    ApiVersion,
    GettableAlert,
)
from episode_monitor.alertmanager_api.silence_routes import add_silences
from episode_monitor.dispatch.desk import DispatchDesk
from episode_monitor.web.answers import answer
from episode_monitor.web.parameters import Clean
from episode_monitor.web.problems import Problem
from episode_monitor.web.schemas import Responses
from models.times import rfc3339
from streams.routing.alerting import Alerting
from streams.routing.matcher import MatcherError, MatchOperator, matcher
from streams.routing.matcher_parsing import parse_matcher

API_VERSION = "0.25.0"
_BAD: Responses = {400: {"description": "A filter or a regex is wrong; the string says why.", **TEXT}}

ReceiverRegex = Annotated[
    str | None, Query(max_length=2000, description="A regex; only what goes to such receivers."), Clean
]
Shown = Annotated[bool, Query(description="Whether alerts in this state are shown.")]


class Monitor(msgspec.Struct, frozen=True):
    """What the status tells. `peers` gives the address of each worker by its name."""

    name: str
    started_at_ms: int
    peers: Callable[[], Mapping[str, str]]


def alertmanager_router(desk: DispatchDesk, monitor: Monitor) -> APIRouter:
    """For `create_web_app(extra_routers=[...])`."""
    router = APIRouter(prefix="/api/v2", tags=["alertmanager"])

    @router.get("/status", responses={200: one(AlertmanagerStatus), 503: UNAVAILABLE})
    async def alertmanager_status(request: Request) -> Response:
        """The worker that answers, the fleet, and the routes in force."""

        async def made() -> AlertmanagerStatus:
            return _status(monitor, _alerting(desk))

        return await answer(request, made)

    @router.get("/receivers", responses=lists(ApiReceiver))
    async def alertmanager_receivers(request: Request) -> Response:
        """The names of all receivers."""

        async def made() -> list[ApiReceiver]:
            return [ApiReceiver(name) for name in _alerting(desk).receivers]

        return await answer(request, made)

    _add_alerts(router, desk)
    add_silences(router, desk)
    return router


def _add_alerts(router: APIRouter, desk: DispatchDesk) -> None:
    @router.get("/alerts", responses={**lists(GettableAlert), **_BAD})
    async def alertmanager_alerts(
        request: Request, filters: Filter = [], receiver: ReceiverRegex = None, active: Shown = True,  # noqa: B006
        silenced: Shown = True, inhibited: Shown = True, unprocessed: Shown = True,
    ) -> Response:  # fmt: skip
        """The alerts that fire, acknowledged ones too."""
        flags = {"active": active, "silenced": silenced, "inhibited": inhibited, "unprocessed": unprocessed}
        try:
            query = _query(filters, receiver, flags)
        except MatcherError as error:
            return text(400, str(error))

        async def made() -> list[GettableAlert]:
            return await alerts_of(desk.state(), query, desk.now_ms())

        return await answer(request, made)

    @router.post("/alerts", include_in_schema=False)
    async def alertmanager_no_alerts() -> Response:
        """Refused."""
        detail = "Alerts come from the monitor's rules only: this API reads them, and creates silences."
        raise Problem(405, "alerts_come_from_rules", detail, headers={"allow": "GET, HEAD"})

    @router.get("/alerts/groups", responses={**lists(ApiAlertGroup), **_BAD})
    async def alertmanager_groups(
        request: Request, filters: Filter = [], receiver: ReceiverRegex = None, active: Shown = True,  # noqa: B006
        silenced: Shown = True, inhibited: Shown = True,
    ) -> Response:  # fmt: skip
        """The same alerts by group and receiver."""
        flags = {"active": active, "silenced": silenced, "inhibited": inhibited}
        try:
            query = _query(filters, receiver, flags)
        except MatcherError as error:
            return text(400, str(error))

        async def made() -> list[ApiAlertGroup]:
            return await groups_of(desk.state(), query, desk.now_ms())

        return await answer(request, made)


def _query(filters: list[str], receiver: str | None, flags: dict[str, bool]) -> AlertQuery:
    """Raises MatcherError."""
    matchers = tuple(parse_matcher(each) for each in filters)
    wanted = None if receiver is None else matcher("receiver", MatchOperator.REGEX, receiver)
    return AlertQuery(matchers=matchers, receiver=wanted, **flags)


def _alerting(desk: DispatchDesk) -> Alerting:
    config = desk.state().config
    if config is None:
        raise Problem(503, "recovering", "The dispatcher's state is being read: try again shortly.")
    return config.alerting


def _status(monitor: Monitor, alerting: Alerting) -> AlertmanagerStatus:
    peers = [ApiPeer(name, address) for name, address in sorted(monitor.peers().items())]
    return AlertmanagerStatus(
        cluster=ApiCluster(monitor.name, "ready", peers),
        version_info=ApiVersion(version=API_VERSION, revision=__version__),
        config=ApiConfig(config_text(alerting)),
        uptime=rfc3339(monitor.started_at_ms),
    )
