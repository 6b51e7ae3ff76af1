"""The fan-out and what cannot be delivered: dead letters, limits, and destinations that are gone."""

import asyncio
from collections.abc import Callable

import httpx
from structlog.testing import capture_logs

from alert_sinks.kinds.webhook import WebhookSink
from alert_sinks.limits import Limits
from alert_sinks.sink import Attempt, Outcome
from models.alert import Alert
from tests.alert_sinks.desk import Dead, Desk
from tests.alert_sinks.receiver import Receiver, answers, hangs
from tests.alert_sinks.support import FakeTime, Signal, alert_of

NewDesk = Callable[..., Desk]


async def test_a_rejected_alert_is_a_dead_letter_at_once_and_the_next_one_goes_on(
    desk: Desk, receiver: Receiver
) -> None:
    receiver.script.append(answers(400, b"no thanks"))
    desk.notify(alert_of("a", "1"), 1)
    desk.notify(alert_of("a", "2"), 2)
    await desk.until_done(1, 2)

    assert desk.dead == [Dead("a 1", "webhook", "HTTP 400: no thanks")]
    assert receiver.titles == ["a 1", "a 2"]
    assert desk.fanout.counters["webhook"]["rejected"] == 1


async def test_an_alert_counts_as_done_only_after_its_dead_letter_is_written(
    desk: Desk, receiver: Receiver, signal: Signal
) -> None:
    receiver.script.append(answers(400, b""))
    trouble: list[BaseException] = [ConnectionError("no broker"), ConnectionError("no broker")]
    desk.dead_letter_trouble = lambda: trouble.pop() if trouble else None
    desk.notify(alert_of("a"), 1)

    await desk.until_asleep()
    assert (desk.done, desk.dead, desk.fanout.dead_letters_pending) == ([], [], 1)
    desk.time.advance(0.5)
    await signal.until(lambda: desk.time.asked == [0.5, 1.0])
    desk.time.advance(1.0)
    await desk.until_done(1)

    assert desk.dead == [Dead("a 1", "webhook", "HTTP 400")]
    assert desk.fanout.dead_letters_pending == 0


async def test_dead_letters_that_cannot_be_written_hold_back_no_alert(new_desk: NewDesk, receiver: Receiver) -> None:
    receiver.script.append(answers(400, b""))
    desk = new_desk(limits=Limits(close_seconds=0.0))
    desk.dead_letter_trouble = lambda: ConnectionError("no broker")
    desk.notify(alert_of("a", "1"), 1)
    await desk.until_asleep()

    desk.notify(alert_of("a", "2"), 2)
    await desk.until_done(2)


async def test_an_alert_is_given_up_after_the_time_allowed(
    new_desk: NewDesk, receiver: Receiver, signal: Signal
) -> None:
    receiver.default = answers(500, b"")
    desk = new_desk(limits=Limits(give_up_seconds=10.0), environment=FakeTime(signal, jumps=True).environment)
    desk.notify(alert_of("a"), 1)
    await desk.until_done(1)

    # Tries at 0, 0.5, 1.5, 3.5 and 7.5 s; the next would be at 15.5 s.
    assert len(receiver.requests) == 5
    assert desk.dead == [Dead("a 1", "webhook", "gave up after 5 attempts in 8 s: HTTP 500")]
    assert desk.fanout.counters["webhook"]["given_up"] == 1


async def test_a_sink_that_is_gone_switches_off_and_says_it_once(desk: Desk, receiver: Receiver) -> None:
    receiver.script.extend([answers(500, b""), answers(410, b"archived")])
    with capture_logs() as lines:
        desk.notify(alert_of("a"), "a")
        await desk.until_asleep()
        desk.notify(alert_of("b"), "b")
        await desk.until_done("a", "b")
        desk.notify(alert_of("c"), "c")
        await desk.until_done("a", "b", "c")

    assert receiver.titles == ["a 1", "b 1"]
    assert {letter.title for letter in desk.dead} == {"a 1", "b 1", "c 1"}
    assert all("HTTP 410: archived" in letter.reason for letter in desk.dead)
    assert desk.fanout.switched_off == ["webhook"]
    assert desk.fanout.counters["webhook"]["disabled"] == 3
    (line,) = [line for line in lines if line["log_level"] == "error"]
    assert "is disabled" in line["event"]


async def test_requests_on_their_way_when_a_sink_switches_off_are_not_repeated(
    desk: Desk, receiver: Receiver, signal: Signal
) -> None:
    gate = asyncio.Event()

    async def fails_late(request: object, writer: asyncio.StreamWriter) -> None:
        await gate.wait()
        writer.write(b"HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n")

    receiver.script.extend([fails_late, answers(410, b"")])
    desk.notify(alert_of("a"), "a")
    await receiver.got(1)
    desk.notify(alert_of("b"), "b")
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
    desk.notify(alert_of("sent"), 0)
    await receiver.got(1)

    for number in range(1, 5):
        desk.notify(alert_of(f"p{number}"), number)
    await desk.until_done(1, 2)

    reason = "more than 2 alerts waited for this sink"
    assert desk.dead == [Dead("p1 1", "webhook", reason), Dead("p2 1", "webhook", reason)]
    assert desk.fanout.counters["webhook"]["overflowed"] == 2
    assert desk.fanout.waiting == {"webhook": 3}


async def test_an_alert_that_waits_for_its_next_try_is_the_oldest_and_makes_way(
    new_desk: NewDesk, receiver: Receiver
) -> None:
    receiver.script.append(answers(500))
    desk = new_desk(limits=Limits(queue_limit=2))
    desk.notify(alert_of("a", "1"), "a1")
    await desk.until_asleep()

    desk.notify(alert_of("a", "2"), "a2")
    desk.notify(alert_of("a", "3"), "a3")
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
    desk.notify(alert_of("a"), "a")
    await receiver.got(1)
    desk.notify(alert_of("b"), "b")
    desk.notify(alert_of("c"), "c")
    gate.set()
    await receiver.got(2)  # b is on its way; a and c wait

    desk.notify(alert_of("d"), "d")
    await desk.until_done("a")

    assert [letter.title for letter in desk.dead] == ["a 1"]


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
        team=[broken, WebhookSink(client, receiver.url)],
        limits=Limits(give_up_seconds=1.0),
        environment=time.environment,
    )
    desk.notify(alert_of("a"), 1)
    await desk.until_done(1)

    assert receiver.titles == ["a 1"]
    assert broken.tries == 2
    assert desk.dead == [Dead("a 1", "broken", "gave up after 2 attempts in 0 s: the sink raised KeyError")]


async def test_room_is_waited_for_only_while_dead_letters_pile_up(
    new_desk: NewDesk, receiver: Receiver, signal: Signal
) -> None:
    receiver.default = answers(400)
    desk = new_desk(limits=Limits(queue_limit=2))
    desk.dead_letter_trouble = lambda: ConnectionError("no broker")
    await desk.fanout.wait_for_room()
    for number in range(2):
        desk.notify(alert_of(f"p{number}"), number)
    await desk.until_asleep(2)
    await desk.fanout.wait_for_room()
    desk.notify(alert_of("p2"), 2)
    await desk.until_asleep(3)

    waiting = asyncio.create_task(desk.fanout.wait_for_room())
    await asyncio.sleep(0)
    assert not waiting.done()
    desk.dead_letter_trouble = lambda: None
    desk.time.advance(0.5)
    await waiting
    await desk.until_done(0, 1, 2)
