"""The fan-out when its work is cut short: lost partitions, crashes, shutdown, and bugs of our own."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from alert_sinks.ledger import MemoryLedger
from alert_sinks.limits import Limits
from models.alert import AlertStatus
from tests.alert_sinks.desk import Dead, Desk
from tests.alert_sinks.receiver import Receiver, answers, hangs
from tests.alert_sinks.support import FakeTime, Signal, alert_of

NewDesk = Callable[..., Desk]


async def test_taking_out_a_later_alert_does_not_hurry_the_one_that_waits(desk: Desk, receiver: Receiver) -> None:
    receiver.script.append(answers(500))
    desk.notify(alert_of("a", "1"), "a1")
    await desk.until_asleep()
    desk.notify(alert_of("a", "2"), "a2")

    desk.fanout.forget(lambda token: token == "a2")
    for others in (["b"], ["b", "c"], ["b", "c", "d"]):
        desk.notify(alert_of(others[-1]), others[-1])
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
        desk.notify(alert_of(project), (partition, project))
    await receiver.got(1)

    desk.fanout.forget(lambda token: token[0] == 0)  # type: ignore[index]
    assert desk.fanout.pending == 1
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
    desk.notify(alert_of("a"), "a")
    await receiver.got(1)
    desk.fanout.forget(lambda token: True)
    gate.set()
    await desk.fanout.aclose()

    assert (desk.done, desk.dead, desk.time.asked) == ([], [], [])
    assert desk.fanout.counters["webhook"].total() == 0
    assert desk.fanout.waiting == {"webhook": 0}


async def test_a_forgotten_alert_that_comes_again_is_told_only_once(desk: Desk, receiver: Receiver) -> None:
    gate = asyncio.Event()

    async def waits(request: object, writer: asyncio.StreamWriter) -> None:
        await gate.wait()
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")

    receiver.script.append(waits)
    desk.notify(alert_of("a"), "before")
    await receiver.got(1)
    desk.fanout.forget(lambda token: True)
    desk.notify(alert_of("a"), "after")
    gate.set()
    await desk.until_done("after")

    assert len(receiver.requests) == 1


async def test_a_forgotten_alert_that_fails_is_left_to_its_new_owner(desk: Desk, receiver: Receiver) -> None:
    receiver.script.extend([answers(500), answers(400)])
    desk.notify(alert_of("a"), "a")
    await desk.until_asleep()
    desk.dead_letter_trouble = lambda: ConnectionError("no broker")
    desk.notify(alert_of("b"), "b")
    await desk.until_asleep(2)

    desk.fanout.forget(lambda token: True)
    desk.dead_letter_trouble = lambda: None
    desk.time.advance(60.0)
    desk.notify(alert_of("c"), "c")
    await desk.until_done("c")

    assert receiver.titles == ["a 1", "b 1", "c 1"]
    assert (desk.dead, desk.fanout.dead_letters_pending) == ([], 0)


async def test_a_crash_between_the_post_and_the_record_repeats_it_with_the_same_id(
    new_desk: NewDesk, receiver: Receiver, signal: Signal
) -> None:
    recording = asyncio.Event()

    class Slow(MemoryLedger):
        async def record(self, transition_id: str, sink: str, outcome: str, attempts: int, at_ms: int) -> None:
            recording.set()
            await asyncio.Event().wait()  # the process dies here

    before = new_desk(ledger=Slow(), limits=Limits(close_seconds=0.0))
    before.notify(alert_of("a"), 1)
    await recording.wait()
    await before.close()
    assert before.done == []

    after = new_desk()
    after.notify(alert_of("a"), 1)
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
    desk.notify(alert_of("retrying"), 1)
    await desk.until_asleep()
    desk.notify(alert_of("on its way"), 2)
    await receiver.got(2)
    desk.notify(alert_of("waiting"), 3)

    closing = asyncio.create_task(desk.close())
    await asyncio.sleep(0)
    desk.notify(alert_of("too late"), 4)
    gate.set()
    async with asyncio.timeout(10.0):
        await closing

    assert desk.done == [2]
    assert receiver.titles == ["retrying 1", "on its way 1"]
    assert desk.dead == []
    assert desk.fanout.pending == 2


async def test_closing_waits_no_longer_than_allowed_for_a_destination_that_hangs(
    new_desk: NewDesk, receiver: Receiver
) -> None:
    receiver.default = hangs
    desk = new_desk(limits=Limits(close_seconds=0.05))
    desk.notify(alert_of("a"), 1)
    await receiver.got(1)

    await desk.close()

    assert (desk.done, desk.dead) == ([], [])


async def test_closing_writes_the_dead_letters_that_are_left(desk: Desk, receiver: Receiver) -> None:
    receiver.script.append(answers(400, b""))
    trouble: list[BaseException] = [ConnectionError("no broker")]
    desk.dead_letter_trouble = lambda: trouble.pop() if trouble else None
    desk.notify(alert_of("a"), 1)
    await desk.until_asleep()

    closing = asyncio.create_task(desk.close())
    for _ in range(20):  # closing has now done all that it can
        await asyncio.sleep(0)
    assert not closing.done()
    desk.time.advance(0.5)
    await closing

    assert desk.dead == [Dead("a 1", "webhook", "HTTP 400")]
    assert desk.done == [1]


async def test_a_callback_that_raises_does_not_stop_the_next_delivery(desk: Desk, receiver: Receiver) -> None:
    told: list[object] = []

    def on_done(token: object) -> None:
        told.append(token)
        if token == 1:
            raise RuntimeError("bug")
        desk._on_done(token)

    desk.fanout._on_done = on_done
    desk.notify(alert_of("a", "1"), 1)
    desk.notify(alert_of("a", "2"), 2)
    await desk.until_done(2)

    assert told == [1, 2]


async def test_a_callback_that_raises_does_not_reach_the_agent(desk: Desk) -> None:
    def on_done(token: object) -> None:
        raise RuntimeError("bug")

    desk.fanout._on_done = on_done

    desk.notify(alert_of("a", status=AlertStatus.PENDING), 1)


async def test_a_bug_of_ours_costs_one_alert_its_token_and_the_key_goes_on(
    new_desk: NewDesk, receiver: Receiver, signal: Signal
) -> None:
    def breaks() -> float:
        raise ZeroDivisionError

    receiver.script.append(answers(500))
    desk = new_desk(environment=replace(FakeTime(signal).environment, jitter=breaks))
    desk.notify(alert_of("a", "1"), 1)
    desk.notify(alert_of("a", "2"), 2)
    await desk.until_done(2)

    assert desk.dead == []
    assert desk.fanout.pending == 1  # not done: it will be read again
