"""The fan-out in good order: who gets what, in which order, and when a transition is done."""

import asyncio
from collections.abc import Callable

import httpx
import pytest

from alert_sinks.environment import Environment
from alert_sinks.kinds.webhook import WebhookSink
from alert_sinks.ledger import MemoryLedger
from alert_sinks.limits import Limits
from models.alert import AlertStatus
from streams.routing.alerting import ON_CALL
from tests.alert_sinks.desk import Dead, Desk
from tests.alert_sinks.receiver import Action, Receiver, Request, answers, hangs
from tests.alert_sinks.support import NOW_MS, FakeTime, Signal, alert_of

NewDesk = Callable[..., Desk]


async def test_an_alert_goes_out_at_once_and_is_done_when_it_is_delivered(desk: Desk, receiver: Receiver) -> None:
    desk.notify(alert_of("a"), 7)
    assert desk.fanout.pending == 1

    await desk.until_done(7)

    assert receiver.titles == ["a 1"]
    assert desk.time.asked == []  # nothing was waited for
    assert desk.fanout.counters["webhook"]["delivered"] == 1
    assert desk.fanout.pending == 0


async def test_accepting_does_not_wait_for_a_destination_that_hangs(new_desk: NewDesk, receiver: Receiver) -> None:
    receiver.default = hangs
    desk = new_desk(limits=Limits(close_seconds=0.0))

    for number in range(100):
        desk.notify(alert_of(f"p{number}"), number)

    await receiver.got(4)
    assert desk.fanout.pending == 100
    assert desk.fanout.waiting == {"webhook": 100}
    assert desk.done == []


async def test_a_worker_that_may_tell_nobody_posts_nothing(new_desk: NewDesk, receiver: Receiver) -> None:
    asked = asyncio.Event()

    def stood_still() -> None:
        asked.set()
        raise RuntimeError("the process stood still and is about to end")

    desk = new_desk(environment=Environment(check=stood_still))
    desk.notify(alert_of("a"), 1)
    async with asyncio.timeout(5):
        await asked.wait()
    await desk.fanout.aclose()
    assert (receiver.requests, desk.done) == ([], [])


async def test_a_transition_is_done_only_when_every_sink_has_finished(
    new_desk: NewDesk, client: httpx.AsyncClient, receiver: Receiver, signal: Signal
) -> None:
    receiver.choose = lambda request: answers(500) if request.path == "/hook/bad" else None
    good = WebhookSink(client, receiver.url, name="good")
    bad = WebhookSink(client, receiver.url + "/bad", name="bad")
    desk = new_desk(team=[good, bad])

    desk.notify(alert_of("a"), 1)
    desk.notify(alert_of("a", "2"), 2)
    await receiver.got(3)  # the second one of the good sink follows its first
    await desk.until_asleep()
    assert desk.done == []

    receiver.choose = lambda request: None
    desk.time.advance(0.5)
    await desk.until_done(1, 2)


async def test_transitions_of_one_key_stay_in_order(desk: Desk, receiver: Receiver) -> None:
    receiver.script.extend([answers(500), answers(200), answers(500)])

    for number in range(3):
        desk.notify(alert_of("a", str(number)), number)
    for _ in range(2):
        await desk.until_asleep()
        desk.time.advance(0.5)
    await desk.until_done(0, 1, 2)

    assert receiver.titles == ["a 0", "a 0", "a 1", "a 1", "a 2"]
    assert desk.done == [0, 1, 2]


async def test_a_key_that_is_tried_again_holds_back_no_other(desk: Desk, receiver: Receiver) -> None:
    receiver.script.append(answers(500))
    desk.notify(alert_of("a"), "a")
    await desk.until_asleep()

    for project in ("b", "c"):
        desk.notify(alert_of(project), project)
    await desk.until_done("b", "c")

    assert sorted(receiver.titles) == ["a 1", "b 1", "c 1"]
    assert desk.fanout.pending == 1


async def test_a_sink_in_trouble_holds_back_no_other(
    new_desk: NewDesk, client: httpx.AsyncClient, receiver: Receiver, signal: Signal
) -> None:
    receiver.choose = lambda request: answers(500) if request.path == "/hook/bad" else None
    bad = WebhookSink(client, receiver.url + "/bad", name="bad")
    desk = new_desk(team=[bad, WebhookSink(client, receiver.url, name="good")])

    for number in range(3):
        desk.notify(alert_of("a", str(number)), number)
    await signal.until(lambda: [request.path for request in receiver.requests].count("/hook") == 3)

    assert desk.fanout.counters["bad"]["delivered"] == 0
    assert desk.fanout.pending == 3


async def test_no_more_requests_than_allowed_are_on_their_way(
    new_desk: NewDesk, receiver: Receiver, signal: Signal
) -> None:
    gate = asyncio.Event()

    async def waits(request: object, writer: asyncio.StreamWriter) -> None:
        await gate.wait()
        writer.write(b"HTTP/1.1 204 OK\r\n\r\n")

    receiver.default = waits
    desk = new_desk(limits=Limits(concurrency=3))
    for number in range(12):
        desk.notify(alert_of(f"p{number}"), number)
    await receiver.got(3)
    gate.set()
    await desk.until_done(*range(12))

    assert receiver.most_in_flight == 3


async def test_a_notification_goes_to_its_receiver_alone(
    new_desk: NewDesk, client: httpx.AsyncClient, receiver: Receiver
) -> None:
    on_call = WebhookSink(client, receiver.url + "/oncall", name="oncall_webhook")
    desk = new_desk(on_call=[on_call])

    desk.notify(alert_of("a"), 1)
    await desk.until_done(1)
    desk.notify(alert_of("a", escalation_level=1), 2, ON_CALL)
    await desk.until_done(1, 2)

    assert [request.path for request in receiver.requests] == ["/hook", "/hook/oncall"]


async def test_an_escalation_without_on_call_reaches_the_team_with_a_mark(desk: Desk, receiver: Receiver) -> None:
    desk.notify(alert_of("a", escalation_level=1), 1, ON_CALL)
    await desk.until_done(1)

    assert receiver.titles == ["[ON-CALL] a 1"]


async def test_an_escalation_reaches_the_team_when_on_call_has_switched_off(
    new_desk: NewDesk, client: httpx.AsyncClient, receiver: Receiver
) -> None:
    on_call = WebhookSink(client, receiver.url + "/oncall", name="oncall_webhook")
    desk = new_desk(on_call=[on_call])
    receiver.script.append(answers(410, b""))
    desk.notify(alert_of("a", escalation_level=1), 1, ON_CALL)
    await desk.until_done(1)

    desk.notify(alert_of("b", escalation_level=1), 2, ON_CALL)
    await desk.until_done(1, 2)

    assert receiver.titles == ["a 1", "[ON-CALL] b 1"]
    assert desk.dead == [Dead("a 1", "oncall_webhook", "HTTP 410")]
    assert desk.fanout.switched_off == ["oncall_webhook"]


async def test_a_notification_that_comes_twice_is_told_once(desk: Desk, receiver: Receiver) -> None:
    for token in (1, 2, 3):
        desk.notify(alert_of("a", acknowledged_by="kim" if token == 3 else None), token)
    await desk.until_done(1, 2, 3)

    assert len(receiver.requests) == 1
    assert desk.fanout.counters["webhook"]["skipped"] == 2


async def test_what_an_earlier_process_delivered_is_not_told_again(new_desk: NewDesk, receiver: Receiver) -> None:
    ledger = MemoryLedger()
    await ledger.record("a-1:firing:0", "webhook", "delivered", 1, NOW_MS)
    desk = new_desk(ledger=ledger)

    desk.notify(alert_of("a"), 1)
    desk.notify(alert_of("a", status=AlertStatus.RESOLVED), 2)
    await desk.until_done(1, 2)

    assert [request.json["alert"]["status"] for request in receiver.requests] == ["resolved"]


async def test_what_an_earlier_process_could_not_deliver_is_tried_again(new_desk: NewDesk, receiver: Receiver) -> None:
    ledger = MemoryLedger()
    await ledger.record("a-1:firing:0", "webhook", "given_up", 9, NOW_MS)
    desk = new_desk(ledger=ledger)

    desk.notify(alert_of("a"), 1)
    await desk.until_done(1)

    assert len(receiver.requests) == 1


async def test_every_end_is_recorded_with_its_tries_and_time(
    new_desk: NewDesk, receiver: Receiver, signal: Signal
) -> None:
    rows: list[tuple[object, ...]] = []
    asked: list[str] = []

    class Recorder(MemoryLedger):
        async def already_delivered(self, transition_id: str, sink: str) -> bool:
            asked.append(transition_id)
            return False

        async def record(self, transition_id: str, sink: str, outcome: str, attempts: int, at_ms: int) -> None:
            rows.append((transition_id, sink, outcome, attempts, at_ms))

    receiver.script.extend([answers(500), answers(200), answers(400)])
    desk = new_desk(ledger=Recorder())
    desk.notify(alert_of("a"), 1)
    await desk.until_asleep()
    desk.time.advance(0.5)
    await desk.until_done(1)
    desk.notify(alert_of("b"), 2)
    await desk.until_done(1, 2)

    assert rows == [
        ("a-1:firing:0", "webhook", "delivered", 2, NOW_MS + 500),
        ("b-1:firing:0", "webhook", "rejected", 1, NOW_MS + 500),
    ]
    assert asked == ["a-1:firing:0", "b-1:firing:0"]  # once, not for every try


@pytest.mark.parametrize("projects", [1, 50])
async def test_a_thousand_transitions_are_each_told_once_and_done_once(
    new_desk: NewDesk, receiver: Receiver, signal: Signal, projects: int
) -> None:
    bad = {number for number in range(1000) if number % 7 == 0}
    failed: set[str] = set()

    def choose(request: Request) -> Action | None:
        title = request.json["alert"]["title"]
        if int(title.split()[1]) in bad and title not in failed:
            failed.add(title)
            return answers(500)
        return None

    receiver.choose = choose
    desk = new_desk(environment=FakeTime(signal, jumps=True).environment)
    for number in range(1000):
        desk.notify(alert_of(f"p{number % projects}", str(number)), number)
    await signal.until(lambda: len(desk.done) == 1000, seconds=60)

    assert sorted(desk.done) == list(range(1000))  # type: ignore[type-var]
    titles = receiver.titles
    assert len(titles) == 1000 + len(bad)
    for project in range(projects):
        tries = [int(title.split()[1]) for title in titles if title.split()[0] == f"p{project}"]
        in_order = range(project, 1000, projects)
        assert tries == [number for number in in_order for _ in range(2 if number in bad else 1)]
    assert desk.dead == []
