"""The fan-out and destinations in trouble: what is tried again, when, and under which id."""

import socket
from collections.abc import Callable

import httpx
import pytest
from structlog.testing import capture_logs

from alert_sinks.kinds.slack import SlackSink
from alert_sinks.kinds.webhook import WebhookSink
from alert_sinks.ledger import MemoryLedger
from tests.alert_sinks.desk import Desk
from tests.alert_sinks.receiver import Receiver, answers, receiving, sends
from tests.alert_sinks.support import FakeTime, Signal, alert_of

NewDesk = Callable[..., Desk]


async def test_the_waits_of_a_failing_destination_double_up_to_a_minute(
    new_desk: NewDesk, receiver: Receiver, signal: Signal
) -> None:
    receiver.script.extend([answers(500)] * 9)
    time = FakeTime(signal, jumps=True)
    desk = new_desk(environment=time.environment)

    desk.notify(alert_of("a"), 1)
    await desk.until_done(1)

    assert time.asked == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]
    assert desk.fanout.counters["webhook"]["retried"] == 9
    assert desk.fanout.counters["webhook"]["delivered"] == 1
    assert len({request.headers["webhook-id"] for request in receiver.requests}) == 1


@pytest.mark.parametrize("status", [429, 503])
async def test_a_destination_is_not_asked_before_the_time_it_named(desk: Desk, receiver: Receiver, status: int) -> None:
    receiver.script.append(answers(status, b"", retry_after="30"))
    desk.notify(alert_of("a"), 1)
    await desk.until_asleep()

    desk.time.advance(29.9)
    assert (len(receiver.requests), desk.time.sleepers) == (1, 1)
    desk.time.advance(0.1)
    await desk.until_done(1)

    assert desk.time.asked == [30.0]
    assert len(receiver.requests) == 2


async def test_a_destination_that_limits_us_is_left_alone_by_every_key(desk: Desk, receiver: Receiver) -> None:
    receiver.script.append(answers(429, b"", retry_after="30"))
    desk.notify(alert_of("a"), "a")
    await desk.until_asleep()

    desk.notify(alert_of("b"), "b")
    await desk.until_asleep(2)
    assert receiver.titles == ["a 1"]

    desk.time.advance(30.0)
    await desk.until_done("a", "b")


async def test_a_limit_of_an_hour_costs_another_key_no_more_than_a_minute(desk: Desk, receiver: Receiver) -> None:
    receiver.script.append(answers(429, b"", retry_after="3600"))
    desk.notify(alert_of("a"), "a")
    await desk.until_asleep()
    desk.notify(alert_of("b"), "b")
    await desk.until_asleep(2)

    desk.time.advance(60.0)
    await desk.until_done("b")

    assert receiver.titles == ["a 1", "b 1"]


async def test_a_destination_that_comes_up_late_gets_its_alert(
    new_desk: NewDesk, client: httpx.AsyncClient, signal: Signal
) -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        port = reserved.getsockname()[1]
        desk = new_desk(team=[WebhookSink(client, f"http://127.0.0.1:{port}/hook")])
        desk.notify(alert_of("a"), 1)
        await desk.until_asleep()

    async with receiving(signal, port) as late:
        desk.time.advance(0.5)
        await desk.until_done(1)

    assert late.titles == ["a 1"]


async def test_an_answer_cut_off_before_its_status_is_tried_again_with_the_same_id(
    desk: Desk, receiver: Receiver
) -> None:
    receiver.script.append(sends(b"HTTP/1.1 2"))
    desk.notify(alert_of("a"), 1)
    await desk.until_asleep()
    desk.time.advance(0.5)
    await desk.until_done(1)

    first, second = receiver.requests
    assert first.headers["webhook-id"] == second.headers["webhook-id"]


class _Away(MemoryLedger):
    """A ledger whose database is away."""

    async def already_delivered(self, transition_id: str, sink: str) -> bool:
        raise ConnectionError("away")

    async def record(self, transition_id: str, sink: str, outcome: str, attempts: int, at_ms: int) -> None:
        raise ConnectionError("away")


async def test_a_ledger_that_is_away_holds_back_no_alert(new_desk: NewDesk, receiver: Receiver) -> None:
    desk = new_desk(ledger=_Away())
    with capture_logs() as lines:
        for number in range(5):
            desk.notify(alert_of("a", str(number)), number)
        await desk.until_done(0, 1, 2, 3, 4)

    assert len(receiver.requests) == 5
    assert desk.fanout.ledger_is_away
    assert len([line for line in lines if "is unavailable" in line["event"]]) == 1


async def test_slack_and_a_webhook_are_told_side_by_side(
    new_desk: NewDesk, client: httpx.AsyncClient, receiver: Receiver
) -> None:
    slack = SlackSink(client, receiver.url + "/slack")
    receiver.choose = lambda request: answers(200, b"ok") if request.path == "/hook/slack" else answers(204, b"")
    desk = new_desk(team=[slack, WebhookSink(client, receiver.url)])

    desk.notify(alert_of("a"), 1)
    await desk.until_done(1)

    assert sorted(request.path for request in receiver.requests) == ["/hook", "/hook/slack"]
    assert {name: counted["delivered"] for name, counted in desk.fanout.counters.items()} == {"slack": 1, "webhook": 1}
