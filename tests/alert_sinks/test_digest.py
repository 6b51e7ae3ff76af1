"""Many alerts in one message: what it holds, who gets it, and what becomes of it when a destination fails."""

import json
from collections.abc import Callable
from typing import Any

import httpx

from alert_sinks.kinds.slack import SlackSink
from alert_sinks.kinds.webhook import WebhookSink
from alert_sinks.slack_message import slack_digest
from models.alert import Alert, AlertStatus, Severity
from streams.dispatch.outputs import Notification
from streams.routing.alerting import ON_CALL, TEAM
from tests.alert_sinks.desk import Desk
from tests.alert_sinks.receiver import Receiver, answers
from tests.alert_sinks.support import alert_of, digest_of, notification

NewDesk = Callable[..., Desk]


def many(*projects: str, receiver: str = TEAM) -> Notification:
    return notification(receiver, *(alert_of(project) for project in projects), group_key="team:all")


async def test_many_alerts_are_one_message_a_sink(
    new_desk: NewDesk, client: httpx.AsyncClient, receiver: Receiver
) -> None:
    receiver.choose = lambda request: answers(200, b"ok") if request.path == "/hook/slack" else answers(204, b"")
    desk = new_desk(team=[SlackSink(client, receiver.url + "/slack"), WebhookSink(client, receiver.url)])
    desk.fanout.accept(many(*"abcdef"), "all")
    await desk.until_done("all")

    assert sorted(request.path for request in receiver.requests) == ["/hook", "/hook/slack"]
    (body,) = [request.json for request in receiver.requests if request.path == "/hook"]
    assert sorted(body) == ["alert", "alerts", "component", "group_key", "service", "timestamp", "truncated"]
    assert body["alert"] == body["alerts"][0]
    assert [alert["project_id"] for alert in body["alerts"]] == list("abcdef")
    assert (body["group_key"], body["truncated"]) == ("team:all", 0)
    assert desk.fanout.counters["webhook"]["delivered"] == 6


async def test_the_same_alerts_bear_the_same_id_when_they_are_told_again(new_desk: NewDesk, receiver: Receiver) -> None:
    receiver.script.append(answers(500))
    desk = new_desk()
    desk.fanout.accept(many(*"abcdef"), "all")
    await desk.until_asleep()
    desk.time.advance(0.5)
    await desk.until_done("all")
    first, second = receiver.requests
    assert first.headers["webhook-id"] == second.headers["webhook-id"]


async def test_what_happens_to_an_alert_after_its_digest_is_told_after_it(desk: Desk, receiver: Receiver) -> None:
    receiver.script.append(answers(500))
    desk.fanout.accept(many(*"abcdef"), "all")
    await desk.until_asleep()
    desk.notify(alert_of("c", status=AlertStatus.RESOLVED), "end")
    desk.notify(alert_of("z"), "other")
    await receiver.got(2)
    desk.time.advance(0.5)
    await desk.until_done("all", "end", "other")
    told = [request.json["alert"]["alert_id"] + " " + request.json["alert"]["status"] for request in receiver.requests]
    assert told == ["a-1 firing", "z-1 firing", "a-1 firing", "c-1 resolved"]


async def test_a_refused_digest_is_a_dead_letter_for_each_of_its_alerts(desk: Desk, receiver: Receiver) -> None:
    receiver.script.append(answers(400))
    desk.fanout.accept(many(*"abcdef"), "all")
    await desk.until_done("all")
    assert sorted(letter.title for letter in desk.dead) == [f"{name} 1" for name in "abcdef"]


async def test_many_escalations_are_one_page(new_desk: NewDesk, client: httpx.AsyncClient, receiver: Receiver) -> None:
    desk = new_desk(on_call=[WebhookSink(client, receiver.url + "/oncall", name="oncall_webhook")])
    desk.fanout.accept(many(*"abcdef", receiver=ON_CALL), "all")
    await desk.until_done("all")
    assert [request.path for request in receiver.requests] == ["/hook/oncall"]


class OneByOne:
    """A sink of somebody's own, which knows nothing of digests."""

    name = "own"

    def __init__(self) -> None:
        self.titles: list[str] = []

    async def deliver(self, alert: Alert, attempt: object) -> object:
        self.titles.append(alert.title)
        from alert_sinks.sink import Delivered

        return Delivered()

    async def aclose(self) -> None:
        """Nothing to close."""


async def test_a_sink_that_takes_no_digests_gets_every_alert(new_desk: NewDesk) -> None:
    sink = OneByOne()
    desk = new_desk(team=[sink])
    desk.fanout.accept(many(*"abcdef"), "all")
    await desk.until_done("all")
    assert sorted(sink.titles) == [f"{name} 1" for name in "abcdef"]


def test_slack_gets_the_worst_first_and_a_number_for_the_rest() -> None:
    warnings = [alert_of(f"p{number:02}", starts_at_ms=number) for number in range(24)]
    critical = alert_of("bad", severity=Severity.CRITICAL, starts_at_ms=99)
    ended = alert_of("over", status=AlertStatus.RESOLVED)
    message: Any = slack_digest(digest_of([*warnings, ended, critical]))
    assert message["text"] == "Alerts: 25 alerts are on, 1 alert has ended"
    (attachment,) = message["attachments"]
    lines = attachment["text"].split("\n")
    assert lines[0] == "CRITICAL bad 1: 2.5 %, since 1970-01-01 00:00:00 UTC"
    assert lines[1].startswith("WARNING p00 1: 2.5 %")
    assert (len(lines), lines[-1]) == (11, "and 16 more")
    assert attachment["color"] == "danger"
    assert {field["title"]: field["value"] for field in attachment["fields"]} == {"CRITICAL": "1", "WARNING": "24"}


def test_a_digest_of_thousands_stays_small() -> None:
    digest = digest_of(alert_of(f"p{number}", starts_at_ms=number) for number in range(3000))
    assert (len(digest.shown), digest.truncated) == (100, 2900)
    assert len(json.dumps(slack_digest(digest))) < 10_000
