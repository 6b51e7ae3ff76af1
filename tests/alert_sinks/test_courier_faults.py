"""The courier in trouble: retries and their schedule, dead letters, lost partitions, crashes and shutdown."""

import asyncio
import socket
from collections.abc import Callable
from dataclasses import replace

import httpx
import pytest
from structlog.testing import capture_logs

from alert_sinks.lanes import Limits, SinkCounters
from alert_sinks.ledger import MemoryLedger
from alert_sinks.sink import Attempt, Outcome
from alert_sinks.slack import SlackSink
from alert_sinks.webhook import WebhookSink
from models.alert import Alert, AlertStatus
from tests.alert_sinks.desk import Dead, Desk
from tests.alert_sinks.receiver import Receiver, answers, hangs, receiving, sends
from tests.alert_sinks.support import FakeTime, Signal, alert_of

NewDesk = Callable[..., Desk]


async def test_the_waits_of_a_failing_destination_double_up_to_a_minute(
    new_desk: NewDesk, receiver: Receiver, signal: Signal
) -> None:
    receiver.script.extend([answers(500)] * 9)
    time = FakeTime(signal, jumps=True)
    desk = new_desk(world=time.world)

    desk.courier.accept(alert_of("a"), 1)
    await desk.until_done(1)

    assert time.asked == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]
    assert desk.courier.counters["webhook"].retried == 9
    assert desk.courier.counters["webhook"].delivered == 1
    assert len({request.headers["webhook-id"] for request in receiver.requests}) == 1


@pytest.mark.parametrize("status", [429, 503])
async def test_a_destination_is_not_asked_before_the_time_it_named(desk: Desk, receiver: Receiver, status: int) -> None:
    receiver.script.append(answers(status, b"", retry_after="30"))
    desk.courier.accept(alert_of("a"), 1)
    await desk.until_asleep()

    desk.time.advance(29.9)
    assert (len(receiver.requests), desk.time.sleepers) == (1, 1)
    desk.time.advance(0.1)
    await desk.until_done(1)

    assert desk.time.asked == [30.0]
    assert len(receiver.requests) == 2


async def test_a_destination_that_limits_us_is_left_alone_by_every_key(desk: Desk, receiver: Receiver) -> None:
    receiver.script.append(answers(429, b"", retry_after="30"))
    desk.courier.accept(alert_of("a"), "a")
    await desk.until_asleep()

    desk.courier.accept(alert_of("b"), "b")
    await desk.until_asleep(2)
    assert receiver.titles == ["a 1"]

    desk.time.advance(30.0)
    await desk.until_done("a", "b")


async def test_a_limit_of_an_hour_costs_another_key_no_more_than_a_minute(desk: Desk, receiver: Receiver) -> None:
    receiver.script.append(answers(429, b"", retry_after="3600"))
    desk.courier.accept(alert_of("a"), "a")
    await desk.until_asleep()
    desk.courier.accept(alert_of("b"), "b")
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
        desk.courier.accept(alert_of("a"), 1)
        await desk.until_asleep()

    async with receiving(signal, port) as late:
        desk.time.advance(0.5)
        await desk.until_done(1)

    assert late.titles == ["a 1"]


async def test_an_answer_cut_off_before_its_status_is_tried_again_with_the_same_id(
    desk: Desk, receiver: Receiver
) -> None:
    receiver.script.append(sends(b"HTTP/1.1 2"))
    desk.courier.accept(alert_of("a"), 1)
    await desk.until_asleep()
    desk.time.advance(0.5)
    await desk.until_done(1)

    first, second = receiver.requests
    assert first.headers["webhook-id"] == second.headers["webhook-id"]


async def test_a_rejected_alert_is_a_dead_letter_at_once_and_the_next_one_goes_on(
    desk: Desk, receiver: Receiver
) -> None:
    receiver.script.append(answers(400, b"no thanks"))
    desk.courier.accept(alert_of("a", "1"), 1)
    desk.courier.accept(alert_of("a", "2"), 2)
    await desk.until_done(1, 2)

    assert desk.dead == [Dead("a 1", "webhook", "HTTP 400: no thanks")]
    assert receiver.titles == ["a 1", "a 2"]
    assert desk.courier.counters["webhook"].rejected == 1


async def test_an_alert_counts_as_done_only_after_its_dead_letter_is_written(
    desk: Desk, receiver: Receiver, signal: Signal
) -> None:
    receiver.script.append(answers(400, b""))
    trouble: list[BaseException] = [ConnectionError("no broker"), ConnectionError("no broker")]
    desk.dead_letter_trouble = lambda: trouble.pop() if trouble else None
    desk.courier.accept(alert_of("a"), 1)

    await desk.until_asleep()
    assert (desk.done, desk.dead, desk.courier.dead_letters_pending) == ([], [], 1)
    desk.time.advance(0.5)
    await signal.until(lambda: desk.time.asked == [0.5, 1.0])
    desk.time.advance(1.0)
    await desk.until_done(1)

    assert desk.dead == [Dead("a 1", "webhook", "HTTP 400")]
    assert desk.courier.dead_letters_pending == 0


async def test_dead_letters_that_cannot_be_written_hold_back_no_alert(new_desk: NewDesk, receiver: Receiver) -> None:
    receiver.script.append(answers(400, b""))
    desk = new_desk(limits=Limits(close_seconds=0.0))
    desk.dead_letter_trouble = lambda: ConnectionError("no broker")
    desk.courier.accept(alert_of("a", "1"), 1)
    await desk.until_asleep()

    desk.courier.accept(alert_of("a", "2"), 2)
    await desk.until_done(2)


async def test_an_alert_is_given_up_after_the_time_allowed(
    new_desk: NewDesk, receiver: Receiver, signal: Signal
) -> None:
    receiver.default = answers(500, b"")
    desk = new_desk(limits=Limits(give_up_seconds=10.0), world=FakeTime(signal, jumps=True).world)
    desk.courier.accept(alert_of("a"), 1)
    await desk.until_done(1)

    # Tries at 0, 0.5, 1.5, 3.5 and 7.5 s; the next would be at 15.5 s.
    assert len(receiver.requests) == 5
    assert desk.dead == [Dead("a 1", "webhook", "gave up after 5 tries in 8 s: HTTP 500")]
    assert desk.courier.counters["webhook"].given_up == 1


async def test_a_sink_that_is_gone_switches_off_and_says_it_once(desk: Desk, receiver: Receiver) -> None:
    receiver.script.extend([answers(500, b""), answers(410, b"archived")])
    with capture_logs() as lines:
        desk.courier.accept(alert_of("a"), "a")
        await desk.until_asleep()
        desk.courier.accept(alert_of("b"), "b")
        await desk.until_done("a", "b")
        desk.courier.accept(alert_of("c"), "c")
        await desk.until_done("a", "b", "c")

    assert receiver.titles == ["a 1", "b 1"]
    assert {letter.title for letter in desk.dead} == {"a 1", "b 1", "c 1"}
    assert all("HTTP 410: archived" in letter.reason for letter in desk.dead)
    assert desk.courier.switched_off == ["webhook"]
    assert desk.courier.counters["webhook"].disabled == 3
    (line,) = [line for line in lines if line["log_level"] == "error"]
    assert "switched off" in line["event"]


async def test_requests_on_their_way_when_a_sink_switches_off_are_not_repeated(
    desk: Desk, receiver: Receiver, signal: Signal
) -> None:
    gate = asyncio.Event()

    async def fails_late(request: object, writer: asyncio.StreamWriter) -> None:
        await gate.wait()
        writer.write(b"HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n")

    receiver.script.extend([fails_late, answers(410, b"")])
    desk.courier.accept(alert_of("a"), "a")
    await receiver.got(1)
    desk.courier.accept(alert_of("b"), "b")
    await desk.until_done("b")
    gate.set()
    await desk.until_done("a", "b")

    assert len(receiver.requests) == 2
    assert [letter.title for letter in desk.dead] == ["b 1", "a 1"]


async def test_beyond_the_queue_limit_the_oldest_waiting_alert_is_a_dead_letter(
    new_desk: NewDesk, receiver: Receiver, signal: Signal
) -> None:
    receiver.default = hangs
    desk = new_desk(limits=Limits(queue_limit=2, concurrency=1, close_seconds=0.0))
    desk.courier.accept(alert_of("sent"), 0)
    await receiver.got(1)

    for number in range(1, 5):
        desk.courier.accept(alert_of(f"p{number}"), number)
    await desk.until_done(1, 2)

    reason = "more than 2 alerts waited for this sink"
    assert desk.dead == [Dead("p1 1", "webhook", reason), Dead("p2 1", "webhook", reason)]
    assert desk.courier.counters["webhook"].overflowed == 2
    assert desk.courier.waiting == {"webhook": 3}


async def test_an_alert_that_waits_for_its_next_try_is_the_oldest_and_makes_way(
    new_desk: NewDesk, receiver: Receiver
) -> None:
    receiver.script.append(answers(500))
    desk = new_desk(limits=Limits(queue_limit=2))
    desk.courier.accept(alert_of("a", "1"), "a1")
    await desk.until_asleep()

    desk.courier.accept(alert_of("a", "2"), "a2")
    desk.courier.accept(alert_of("a", "3"), "a3")
    await desk.until_done("a1", "a2", "a3")

    assert [letter.title for letter in desk.dead] == ["a 1"]
    assert receiver.titles == ["a 1", "a 2", "a 3"]


async def test_an_alert_that_has_failed_stays_older_than_those_never_tried(
    new_desk: NewDesk, receiver: Receiver
) -> None:
    gate = asyncio.Event()

    async def fails_late(request: object, writer: asyncio.StreamWriter) -> None:
        await gate.wait()
        writer.write(b"HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n")

    receiver.script.extend([fails_late, hangs])
    desk = new_desk(limits=Limits(queue_limit=2, concurrency=1, close_seconds=0.0))
    desk.courier.accept(alert_of("a"), "a")
    await receiver.got(1)
    desk.courier.accept(alert_of("b"), "b")
    desk.courier.accept(alert_of("c"), "c")
    gate.set()
    await receiver.got(2)  # b is on its way; a and c wait

    desk.courier.accept(alert_of("d"), "d")
    await desk.until_done("a")

    assert [letter.title for letter in desk.dead] == ["a 1"]


async def test_taking_out_a_later_alert_does_not_hurry_the_one_that_waits(desk: Desk, receiver: Receiver) -> None:
    receiver.script.append(answers(500))
    desk.courier.accept(alert_of("a", "1"), "a1")
    await desk.until_asleep()
    desk.courier.accept(alert_of("a", "2"), "a2")

    desk.courier.forget(lambda token: token == "a2")
    for others in (["b"], ["b", "c"], ["b", "c", "d"]):
        desk.courier.accept(alert_of(others[-1]), others[-1])
        await desk.until_done(*others)

    assert receiver.titles == ["a 1", "b 1", "c 1", "d 1"]
    desk.time.advance(0.5)
    await desk.until_done("a1", "b", "c", "d")


async def test_forgotten_alerts_are_neither_told_nor_done(
    new_desk: NewDesk, receiver: Receiver, signal: Signal
) -> None:
    gate = asyncio.Event()

    async def waits(request: object, writer: asyncio.StreamWriter) -> None:
        await gate.wait()
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")

    receiver.script.append(waits)
    desk = new_desk(limits=Limits(concurrency=1))
    for partition, project in [(0, "a"), (0, "b"), (1, "c"), (0, "d")]:
        desk.courier.accept(alert_of(project), (partition, project))
    await receiver.got(1)

    desk.courier.forget(lambda token: token[0] == 0)  # type: ignore[index]
    assert desk.courier.pending == 1
    gate.set()
    await desk.until_done((1, "c"))

    assert receiver.titles == ["a 1", "c 1"]


@pytest.mark.parametrize("status", [500, 400, 410])
async def test_a_request_on_its_way_when_its_alert_is_forgotten_has_no_consequence(
    desk: Desk, receiver: Receiver, status: int
) -> None:
    gate = asyncio.Event()

    async def fails_late(request: object, writer: asyncio.StreamWriter) -> None:
        await gate.wait()
        writer.write(f"HTTP/1.1 {status} No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode())

    receiver.script.append(fails_late)
    desk.courier.accept(alert_of("a"), "a")
    await receiver.got(1)
    desk.courier.forget(lambda token: True)
    gate.set()
    await desk.courier.aclose()

    assert (desk.done, desk.dead, desk.time.asked) == ([], [], [])
    assert desk.courier.counters["webhook"] == SinkCounters()
    assert desk.courier.waiting == {"webhook": 0}


async def test_a_forgotten_alert_that_comes_again_is_told_only_once(desk: Desk, receiver: Receiver) -> None:
    gate = asyncio.Event()

    async def waits(request: object, writer: asyncio.StreamWriter) -> None:
        await gate.wait()
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")

    receiver.script.append(waits)
    desk.courier.accept(alert_of("a"), "before")
    await receiver.got(1)
    desk.courier.forget(lambda token: True)
    desk.courier.accept(alert_of("a"), "after")
    gate.set()
    await desk.until_done("after")

    assert len(receiver.requests) == 1


async def test_a_forgotten_alert_that_fails_is_left_to_its_new_owner(desk: Desk, receiver: Receiver) -> None:
    receiver.script.extend([answers(500), answers(400)])
    desk.courier.accept(alert_of("a"), "a")
    await desk.until_asleep()
    desk.dead_letter_trouble = lambda: ConnectionError("no broker")
    desk.courier.accept(alert_of("b"), "b")
    await desk.until_asleep(2)

    desk.courier.forget(lambda token: True)
    desk.dead_letter_trouble = lambda: None
    desk.time.advance(60.0)
    desk.courier.accept(alert_of("c"), "c")
    await desk.until_done("c")

    assert receiver.titles == ["a 1", "b 1", "c 1"]
    assert (desk.dead, desk.courier.dead_letters_pending) == ([], 0)


class _Broken:
    """A sink with a bug."""

    name = "broken"

    def __init__(self) -> None:
        self.tries = 0

    async def deliver(self, alert: Alert, attempt: Attempt) -> Outcome:
        self.tries += 1
        raise KeyError("bug")

    async def aclose(self) -> None:
        """Nothing."""


async def test_a_sink_with_a_bug_stops_no_other_and_ends_in_the_dead_letters(
    new_desk: NewDesk, client: httpx.AsyncClient, receiver: Receiver, signal: Signal
) -> None:
    broken = _Broken()
    time = FakeTime(signal, jumps=True)
    desk = new_desk(
        team=[broken, WebhookSink(client, receiver.url)], limits=Limits(give_up_seconds=1.0), world=time.world
    )
    desk.courier.accept(alert_of("a"), 1)
    await desk.until_done(1)

    assert receiver.titles == ["a 1"]
    assert broken.tries == 2
    assert desk.dead == [Dead("a 1", "broken", "gave up after 2 tries in 0 s: the sink raised KeyError")]


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
            desk.courier.accept(alert_of("a", str(number)), number)
        await desk.until_done(0, 1, 2, 3, 4)

    assert len(receiver.requests) == 5
    assert desk.courier.ledger_is_away
    assert len([line for line in lines if "does not answer" in line["event"]]) == 1


async def test_a_crash_between_the_post_and_the_record_repeats_it_with_the_same_id(
    new_desk: NewDesk, receiver: Receiver, signal: Signal
) -> None:
    recording = asyncio.Event()

    class Slow(MemoryLedger):
        async def record(self, transition_id: str, sink: str, outcome: str, attempts: int, at_ms: int) -> None:
            recording.set()
            await asyncio.Event().wait()  # the process dies here

    before = new_desk(ledger=Slow(), limits=Limits(close_seconds=0.0))
    before.courier.accept(alert_of("a"), 1)
    await recording.wait()
    await before.close()
    assert before.done == []

    after = new_desk()
    after.courier.accept(alert_of("a"), 1)
    await after.until_done(1)

    first, second = receiver.requests
    assert first.headers["webhook-id"] == second.headers["webhook-id"]


async def test_closing_ends_what_is_on_its_way_and_leaves_the_rest_undone(
    new_desk: NewDesk, receiver: Receiver, signal: Signal
) -> None:
    gate = asyncio.Event()

    async def waits(request: object, writer: asyncio.StreamWriter) -> None:
        await gate.wait()
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")

    receiver.script.extend([answers(500), waits])
    desk = new_desk(limits=Limits(concurrency=1, close_seconds=30.0))
    desk.courier.accept(alert_of("retrying"), 1)
    await desk.until_asleep()
    desk.courier.accept(alert_of("on its way"), 2)
    await receiver.got(2)
    desk.courier.accept(alert_of("waiting"), 3)

    closing = asyncio.create_task(desk.close())
    await asyncio.sleep(0)
    desk.courier.accept(alert_of("too late"), 4)
    gate.set()
    async with asyncio.timeout(10.0):
        await closing

    assert desk.done == [2]
    assert receiver.titles == ["retrying 1", "on its way 1"]
    assert desk.dead == []
    assert desk.courier.pending == 2


async def test_closing_waits_no_longer_than_allowed_for_a_destination_that_hangs(
    new_desk: NewDesk, receiver: Receiver
) -> None:
    receiver.default = hangs
    desk = new_desk(limits=Limits(close_seconds=0.05))
    desk.courier.accept(alert_of("a"), 1)
    await receiver.got(1)

    await desk.close()

    assert (desk.done, desk.dead) == ([], [])


async def test_closing_writes_the_dead_letters_that_are_left(desk: Desk, receiver: Receiver) -> None:
    receiver.script.append(answers(400, b""))
    trouble: list[BaseException] = [ConnectionError("no broker")]
    desk.dead_letter_trouble = lambda: trouble.pop() if trouble else None
    desk.courier.accept(alert_of("a"), 1)
    await desk.until_asleep()

    closing = asyncio.create_task(desk.close())
    for _ in range(20):  # closing has now done all that it can
        await asyncio.sleep(0)
    assert not closing.done()
    desk.time.advance(0.5)
    await closing

    assert desk.dead == [Dead("a 1", "webhook", "HTTP 400")]
    assert desk.done == [1]


async def test_room_is_waited_for_only_while_dead_letters_pile_up(
    new_desk: NewDesk, receiver: Receiver, signal: Signal
) -> None:
    receiver.default = answers(400)
    desk = new_desk(limits=Limits(queue_limit=2))
    desk.dead_letter_trouble = lambda: ConnectionError("no broker")
    await desk.courier.wait_for_room()
    for number in range(2):
        desk.courier.accept(alert_of(f"p{number}"), number)
    await desk.until_asleep(2)
    await desk.courier.wait_for_room()
    desk.courier.accept(alert_of("p2"), 2)
    await desk.until_asleep(3)

    waiting = asyncio.create_task(desk.courier.wait_for_room())
    await asyncio.sleep(0)
    assert not waiting.done()
    desk.dead_letter_trouble = lambda: None
    desk.time.advance(0.5)
    await waiting
    await desk.until_done(0, 1, 2)


async def test_slack_and_a_webhook_are_told_side_by_side(
    new_desk: NewDesk, client: httpx.AsyncClient, receiver: Receiver
) -> None:
    slack = SlackSink(client, receiver.url + "/slack")
    receiver.choose = lambda request: answers(200, b"ok") if request.path == "/hook/slack" else answers(204, b"")
    desk = new_desk(team=[slack, WebhookSink(client, receiver.url)])

    desk.courier.accept(alert_of("a"), 1)
    await desk.until_done(1)

    assert sorted(request.path for request in receiver.requests) == ["/hook", "/hook/slack"]
    assert {name: counted.delivered for name, counted in desk.courier.counters.items()} == {"slack": 1, "webhook": 1}


async def test_a_callback_that_raises_does_not_stop_the_next_delivery(desk: Desk, receiver: Receiver) -> None:
    told: list[object] = []

    def on_done(token: object) -> None:
        told.append(token)
        if token == 1:
            raise RuntimeError("bug")
        desk._on_done(token)

    desk.courier._on_done = on_done
    desk.courier.accept(alert_of("a", "1"), 1)
    desk.courier.accept(alert_of("a", "2"), 2)
    await desk.until_done(2)

    assert told == [1, 2]


async def test_a_callback_that_raises_does_not_reach_the_agent(desk: Desk) -> None:
    def on_done(token: object) -> None:
        raise RuntimeError("bug")

    desk.courier._on_done = on_done

    desk.courier.accept(alert_of("a", status=AlertStatus.PENDING), 1)


async def test_a_bug_of_ours_costs_one_alert_its_token_and_the_key_goes_on(
    new_desk: NewDesk, receiver: Receiver, signal: Signal
) -> None:
    def breaks() -> float:
        raise ZeroDivisionError

    receiver.script.append(answers(500))
    desk = new_desk(world=replace(FakeTime(signal).world, jitter=breaks))
    desk.courier.accept(alert_of("a", "1"), 1)
    desk.courier.accept(alert_of("a", "2"), 2)
    await desk.until_done(2)

    assert desk.dead == []
    assert desk.courier.pending == 1  # not done: it will be read again
