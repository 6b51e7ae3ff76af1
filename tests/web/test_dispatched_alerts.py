"""Alerts and acts over HTTP where a dispatcher decides: what it knows is what is answered, and what it refuses too."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import quote

import msgspec
import pytest

from agents.dispatch.read_model import ReadModel
from agents.dispatching import Dispatching
from episode_monitor.dispatch.alert_desk import DispatchedAlerts
from episode_monitor.dispatch.desk import DispatchDesk
from episode_monitor.fleet.ask import Asks
from episode_monitor.fleet.errors import Recovering, Unreachable
from episode_monitor.fleet.question import Question
from episode_monitor.fleet.questions.active_alerts import ActiveAlertsQuestion
from episode_monitor.fleet.questions.alert_deliveries import (
    AlertDeliveriesQuestion,
    Deliveries,
    FleetAlertDeliveriesQuestion,
)
from episode_monitor.fleet.questions.alert_history import AlertHistoryQuestion
from episode_monitor.storage.alert_deliveries import AlertDelivery
from episode_monitor.storage.audit import AuditEntry
from models.alert import Alert, AlertStatus, Severity
from models.process_views import AlertHistoryPage, AlertTransition
from models.times import rfc3339
from streams.dispatch.config import default_config
from streams.dispatch.decide import decide
from streams.dispatch.inputs import Act, AnyInput, Tick, Transition
from streams.dispatch.state import State
from streams.dispatch.storage import take_changes
from streams.dispatch.table import Refusal
from tests.agents.support import until
from tests.streams.dispatch.scripts import MINUTE_MS, START_MS, alert
from tests.web.conftest import Connect
from tests.web.fake_views import FakeViews

ROOT = "/monitoring/episodes"
CONFIG = default_config()
P1 = alert("p1", severity=Severity.CRITICAL)


class Dispatched:
    """A dispatcher that decides at once, on a clock that is set by hand; `is_away`: nothing comes back from it."""

    def __init__(self, views: FakeViews, connect: Connect) -> None:
        self.now_ms = START_MS
        self.is_away = False
        self.history: list[Alert] = []
        self.deliveries: list[AlertDelivery] | None = []
        self._views = views
        self._state, self._model = State(), ReadModel(lambda: CONFIG)
        caught_up = asyncio.Event()
        caught_up.set()
        follower = SimpleNamespace(caught_up=caught_up, status="ok")
        parts = cast(Dispatching, SimpleNamespace(model=self._model, follower=follower, act_desk=self))
        desk = DispatchDesk(parts, lambda: self.now_ms)
        self.client = connect(now_ms=lambda: self.now_ms, alert_desk=DispatchedAlerts(desk, cast(Asks, self)))

    def take(self, given: AnyInput, minute: int | None = None) -> Refusal | None:
        if minute is not None:
            self.now_ms = START_MS + minute * MINUTE_MS
        decision = decide(CONFIG, self._state, given, self.now_ms)
        for key, value in sorted(take_changes(self._state), key=lambda pair: pair[0] == b"m"):
            self._model.take(key, value)
        return decision.refusal

    async def perform(self, act: Act) -> Refusal | None:
        if self.is_away:
            raise TimeoutError
        return self.take(act)

    async def ask(self, question: Question[Any, Any]) -> Any:
        """The fleet: what it measures now, and the history."""
        if isinstance(question, ActiveAlertsQuestion):
            return await self._views.ask(question)
        if isinstance(question, AlertDeliveriesQuestion):
            if self.deliveries is None:
                raise Unreachable("PostgreSQL is away.")
            return Deliveries(self.deliveries, isinstance(question, FleetAlertDeliveriesQuestion))
        assert isinstance(question, AlertHistoryQuestion)
        rows = [_transition(one) for one in reversed(self.history) if one.alert_key == question.alert_key]
        return AlertHistoryPage(transitions=rows[: question.limit], next_cursor=None)

    async def post(self, key: str, verb: str, **body: object) -> tuple[int, dict[str, Any]]:
        answer = await self.client.post(f"{ROOT}/alerts/{quote(key, safe='')}/{verb}", json={"by": "kim", **body})
        return answer.status_code, answer.json()

    async def get(self, path: str, **parameters: str | int) -> dict[str, Any]:
        answer = await self.client.get(f"{ROOT}/alerts/{path}", params=parameters)
        found: dict[str, Any] = answer.json()
        return found


def _transition(one: Alert) -> AlertTransition:
    at = rfc3339(one.updated_at_ms)
    return AlertTransition(transition_id="t", at=at, reason=one.reason, by=None, comment=None, alert=one.to_dict())


@pytest.fixture
def dispatched(views: FakeViews, connect: Connect) -> Dispatched:
    return Dispatched(views, connect)


def at(minute: int) -> str:
    return rfc3339(START_MS + minute * MINUTE_MS)


async def test_an_acknowledgement_with_an_expiry_is_shown_and_what_follows_from_it(dispatched: Dispatched) -> None:
    dispatched.take(Transition(alert=P1), 0)
    status, body = await dispatched.post("rate:p1", "acknowledge", comment="mine", minutes=30)
    assert (status, body["acknowledged_by"], body["reason"]) == (200, "kim", "acknowledged_by_person")
    details = await dispatched.get("rate:p1")
    assert details["timeline"] == [
        {"at": at(0), "status": "firing", "reason": P1.reason},
        {"at": at(0), "status": "acknowledged", "reason": "acknowledged_by_person", "by": "kim", "comment": "mine"},
    ]
    assert {"at": at(30), "what": "the acknowledgement expires"} in details["next"]
    assert not any("on-call" in step["what"] for step in details["next"]), "it does not escalate"
    dispatched.take(Tick(), 30)
    assert (await dispatched.get("rate:p1"))["acknowledged_by"] is None


async def test_a_second_acknowledgement_names_the_person_whom_it_replaces_and_both_stay(dispatched: Dispatched) -> None:
    dispatched.take(Transition(alert=P1), 0)
    _, first = await dispatched.post("rate:p1", "acknowledge", comment="I look")
    _, again = await dispatched.post("rate:p1", "acknowledge", comment="still")
    assert "acknowledged_before_by" not in first["annotations"] | again["annotations"]
    status, taken = await dispatched.post("rate:p1", "acknowledge", by="lee", comment="my shift")
    assert (status, taken["acknowledged_by"]) == (200, "lee")
    assert taken["annotations"]["acknowledged_before_by"] == "kim"
    timeline = (await dispatched.get("rate:p1"))["timeline"]
    assert [(line["by"], line["comment"]) for line in timeline if line["reason"] == "acknowledged_by_person"] == [
        ("kim", "I look"), ("kim", "still"), ("lee", "my shift"),
    ]  # fmt: skip


async def test_taking_an_acknowledgement_back_begins_the_escalation_anew(dispatched: Dispatched) -> None:
    dispatched.take(Transition(alert=P1), 0)
    assert (await dispatched.post("rate:p1", "unacknowledge"))[1]["code"] == "not_acknowledged"
    await dispatched.post("rate:p1", "acknowledge")
    dispatched.take(Tick(), 10)
    status, body = await dispatched.post("rate:p1", "unacknowledge")
    assert (status, body["acknowledged_by"]) == (200, None)
    assert {"at": at(15), "what": "escalation to on-call"} in (await dispatched.get("rate:p1"))["next"]


async def test_a_silenced_alert_stays_in_the_list_with_the_silence_that_hides_it(dispatched: Dispatched) -> None:
    dispatched.take(Transition(alert=P1), 0)
    dispatched.take(Tick(), 1)
    status, body = await dispatched.post("rate:p1", "silence", minutes=20, comment="deploy")
    assert (status, body["silenced_until"]) == (200, at(21))
    (shown,) = (await dispatched.get("active"))["alerts"]
    assert (shown["silenced_by"], shown["silenced_until"]) == (["alert:rate:p1"], at(21))
    details = await dispatched.get("rate:p1")
    assert details["silenced_by"] == ["alert:rate:p1"]
    assert {"receiver": "team", "reason": "silenced by alert:rate:p1", "until": at(21)} in details["not_told"]
    assert (await dispatched.post("rate:p1", "silence"))[1]["silenced_until"] == at(61), "an hour is the default"


async def test_an_alert_that_a_person_resolved_is_not_active_and_cannot_be_acted_on_again(
    dispatched: Dispatched, views: FakeViews, audit: list[AuditEntry]
) -> None:
    dispatched.take(Transition(alert=P1), 0)
    status, body = await dispatched.post("rate:p1", "resolve", comment="renumbered")
    assert (status, body["status"], body["reason"]) == (200, "resolved", "resolved_by_person")
    assert (await dispatched.get("active"))["total"] == 0
    for verb in ("acknowledge", "unacknowledge", "resolve", "silence"):
        status, body = await dispatched.post("rate:p1", verb)
        assert (status, body["code"]) == (409, "already_resolved")
    timeline = (await dispatched.get("rate:p1"))["timeline"]
    assert [(line["status"], line.get("by")) for line in timeline] == [("firing", None), ("resolved", "kim")]
    assert [(one.what, one.who, one.result) for one in audit][:2] == [
        ("alert.resolve", "kim", "done"), ("alert.acknowledge", "kim", "already_resolved")
    ]  # fmt: skip
    assert audit[0].request == {"role": "loopback", "peer": "127.0.0.1", "comment": "renumbered"}


@pytest.mark.parametrize("verb", ["acknowledge", "unacknowledge", "resolve", "silence"])
async def test_an_alert_that_the_dispatcher_does_not_have_is_unknown_ended_or_not_read_yet(
    dispatched: Dispatched, verb: str
) -> None:
    status, body = await dispatched.post("rate:p1", verb)
    assert (status, body["code"]) == (404, "unknown_alert")
    dispatched.history = [P1]
    status, body = await dispatched.post("rate:p1", verb)
    assert (status, body["code"]) == (503, "unreachable")
    dispatched.history = [P1, alert("p1", AlertStatus.RESOLVED)]
    status, body = await dispatched.post("rate:p1", verb)
    assert (status, body["code"]) == (409, "already_resolved")


async def test_an_act_that_is_not_done_in_time_is_503_with_what_to_do(
    dispatched: Dispatched, audit: list[AuditEntry]
) -> None:
    dispatched.take(Transition(alert=P1), 0)
    dispatched.is_away = True
    status, body = await dispatched.post("rate:p1", "acknowledge")
    assert (status, body["code"]) == (503, "dispatcher_busy")
    assert "try again" in body["detail"]
    assert [entry.result for entry in audit] == ["dispatcher_busy"]


async def test_active_alerts_come_in_pages_the_most_severe_first(dispatched: Dispatched) -> None:
    for number in range(5):
        severity = Severity.CRITICAL if number == 3 else Severity.WARNING
        dispatched.take(Transition(alert=alert(f"p{number}", severity=severity, at_ms=START_MS + number)))
    seen: list[str] = []
    page = await dispatched.get("active", limit=2)
    while page["next_cursor"]:
        assert page["total"] == 5
        seen += [one["project_id"] for one in page["alerts"]]
        page = await dispatched.get("active", limit=2, cursor=page["next_cursor"])
    seen += [one["project_id"] for one in page["alerts"]]
    assert seen == ["p3", "p4", "p2", "p1", "p0"]
    for cursor in ("x", "WzFd"):
        assert (await dispatched.get("active", cursor=cursor))["code"] == "invalid_cursor"


async def test_an_alert_that_the_dispatcher_has_not_read_is_active_in_its_place_and_may_be_acted_on(
    dispatched: Dispatched, views: FakeViews
) -> None:
    for project in ("p1", "p4"):
        dispatched.take(Transition(alert=alert(project)), 0)
    later = [alert("p2", severity=Severity.CRITICAL), alert("p1", number=2, at_ms=START_MS + 9), alert("p3")]
    views.alerts = {one.alert_key: one for one in later}
    page = await dispatched.get("active", limit=2)
    assert ([one["project_id"] for one in page["alerts"]], page["total"]) == (["p2", "p1"], 4)
    assert page["alerts"][1]["alert_id"] == later[1].alert_id, "the firing before has ended"
    rest = await dispatched.get("active", cursor=page["next_cursor"])
    assert [one["project_id"] for one in rest["alerts"]] == ["p3", "p4"]
    assert (await dispatched.get("rate:p2"))["status"] == "firing"
    views.asked.clear()
    asking = asyncio.create_task(dispatched.post("rate:p2", "acknowledge"))
    await until(lambda: bool(views.asked), "the question about what the cores have emitted")
    dispatched.take(Transition(alert=later[0]))
    assert (await asking)[0] == 200


async def test_values_are_those_of_now_or_of_the_last_transition_where_nobody_can_be_asked(
    dispatched: Dispatched, views: FakeViews
) -> None:
    dispatched.take(Transition(alert=P1), 0)
    views.alerts = {"rate:p1": msgspec.structs.replace(P1, value=50.0, sample_size=8, description="half of them")}
    details = await dispatched.get("rate:p1")
    assert (details["value"], details["description"]) == (50.0, "half of them")
    assert details["inputs"] == {"state": "firing", "bad": 4, "whole": 8, "rate": 50.0}
    assert details["values_are_current"]
    assert (await dispatched.get("active"))["values_are_current"]
    views.failing = Recovering()
    active = await dispatched.get("active")
    assert (active["alerts"][0]["value"], active["values_are_current"]) == (P1.value, False)
    assert not (await dispatched.get("rate:p1"))["values_are_current"]


async def test_the_values_of_an_alert_that_is_over_are_final(dispatched: Dispatched, views: FakeViews) -> None:
    dispatched.take(Transition(alert=P1), 0)
    dispatched.take(Transition(alert=alert("p1", AlertStatus.RESOLVED)), 1)
    views.failing = Recovering()
    assert (await dispatched.get("rate:p1"))["values_are_current"]


async def test_deliveries_are_those_that_the_workers_know_of_and_null_where_nobody_can_be_asked(
    dispatched: Dispatched,
) -> None:
    dispatched.take(Transition(alert=P1), 0)
    dispatched.deliveries = [
        AlertDelivery("rate:p1", "n_1", "slack", "team", "given_up", 7, "503 from the server", dispatched.now_ms)
    ]
    assert (await dispatched.get("rate:p1"))["deliveries"] == [
        {
            "receiver": "team", "sink": "slack", "status": "given_up", "attempts": 7, "at": at(0),
            "last_error": "503 from the server",
        }
    ]  # fmt: skip
    dispatched.deliveries = None
    assert (await dispatched.get("rate:p1"))["deliveries"] is None


async def test_details_of_an_alert_that_ended_long_ago_come_from_the_history(dispatched: Dispatched) -> None:
    ended = alert("p1", AlertStatus.RESOLVED)
    dispatched.history = [P1, ended]
    details = await dispatched.get("rate:p1")
    assert (details["status"], [line["status"] for line in details["timeline"]]) == (
        "resolved", ["firing", "resolved"]
    )  # fmt: skip
    assert (await dispatched.get("rate:p9"))["code"] == "unknown_alert"
