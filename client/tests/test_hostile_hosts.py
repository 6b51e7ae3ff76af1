"""Hosts that do what they should not: the client never raises into them, and what can be told is told."""

import asyncio
import concurrent.futures
import contextvars
import gc
import itertools
import json
import logging
import os
import signal
import sys
import threading
from types import ModuleType
from typing import Any

import pytest
from aiokafka.errors import MessageSizeTooLargeError

from episode_monitor_client import (
    ClientSettings,
    EpisodeMonitorClient,
    EpisodePerformanceTracker,
    created,
    current_client,
    current_operation,
    encoding,
    lifespan,
    monitoring_startup_event,
    use_traceparent,
)
from episode_monitor_client import sender as module
from episode_monitor_client.events import new_id
from episode_monitor_client.pytest_plugin import CapturedEvents
from episode_monitor_client.sender import Sender


class Thorny:
    """Raises whatever is asked of it."""

    def _raise(self, *_: Any) -> Any:
        raise ArithmeticError("do not touch")

    __str__ = __repr__ = __eq__ = __hash__ = __len__ = __bool__ = __iter__ = __format__ = _raise


class Text(str):
    """A text that is another one whenever Python code is asked for it."""

    def encode(self, *_: Any) -> bytes:
        raise ArithmeticError

    def __str__(self) -> str:
        return "other"

    __format__ = __repr__ = lambda self, *_: "other"  # type: ignore[assignment]


def many(kafka: Any) -> Sender:
    return Sender(ClientSettings(bootstrap_servers="fake:1", source="svc"), kafka.connect)


@pytest.mark.parametrize("thing", [[], {}, Thorny(), float("nan"), b"\xff", 10**400, range(10**12), itertools.count()])
def test_things_that_are_no_ids_and_no_numbers_never_raise(thing: Any, episode_events: CapturedEvents) -> None:
    tracker = EpisodePerformanceTracker()
    assert isinstance(tracker.start_operation(thing), str)
    assert tracker.end_operation(thing, "p", "e", episode_number=1) == 0.0
    for name in ("project_id", "episode_id", "episode_number", "had_conflict", "retry_count", "traceparent"):
        said: dict[str, Any] = {"operation_id": "op", "project_id": "p", "episode_id": "e", "episode_number": 1}
        assert tracker.end_operation(**(said | {name: thing})) == 0.0
    tracker.end_operation("op", "p", "e", retry_reasons=thing, retry_count=2, episode_number=1)
    tracker.end_operation("op", "p", success=False, error=thing)
    tracker.end_operation("op", "p", "e", success=thing, episode_number=1)
    tracker.conflict(thing, "p")
    tracker.renumbered("p", "e", 1, thing)
    with tracker.operation("p", thing) as operation:
        operation.retry(thing)
        operation.failed(thing)
    assert all(type(body["project_id"]) is str for body in episode_events.bodies())


def test_a_text_of_the_hosts_own_class_is_told_as_the_text_it_is(sender: Sender, kafka: Any) -> None:
    tracker = EpisodePerformanceTracker(EpisodeMonitorClient(ClientSettings(bootstrap_servers="fake:1"), sender))
    tracker.renumbered(Text("p"), Text("e"), 2)
    tracker.end_operation(
        Text("op"),
        Text("p"),
        success=False,
        error=Text("why"),
        retry_reasons=[Text("conflict")],  # type: ignore[list-item]
    )
    first, second = (json.loads(record.value) for record in kafka.wait_for(2))
    assert (first["project_id"], first["episode_id"]) == ("p", "e")
    assert (second["operation_id"], second["error"], second["retry_reasons"]) == ("op", "why", ["conflict"])
    assert kafka.records[0].key == b"p"


def test_a_huge_error_and_endless_retries_are_cut(episode_events: CapturedEvents) -> None:
    def create() -> None:
        with EpisodePerformanceTracker().operation("p") as operation:
            for _ in range(5000):
                operation.retry("timeout")
            raise ValueError("x" * 10_000_000)

    with pytest.raises(ValueError, match="x"):
        create()
    (event,) = episode_events.all
    assert event.error is not None
    assert (len(event.error), event.retry_count) == (1000, 1000)


def test_a_block_may_be_left_in_another_context_than_it_was_entered_in(episode_events: CapturedEvents) -> None:
    operation, trace = EpisodePerformanceTracker().operation("p"), use_traceparent(None)
    entering, leaving = contextvars.copy_context(), contextvars.copy_context()
    for block in (operation, trace):
        entering.run(block.__enter__)
    operation.created("e", 1)
    for block in (trace, operation):
        leaving.run(block.__exit__, None, None, None)
    assert [event.episode_id for event in episode_events.all] == ["e"]
    assert current_operation() is None


def test_a_log_of_the_hosts_that_raises_is_the_hosts_no_matter(episode_events: CapturedEvents) -> None:
    def refuse(_: logging.LogRecord) -> bool:
        raise OSError("the log is full")

    tracker, log = EpisodePerformanceTracker(), logging.getLogger("episode_monitor_client")
    log.addFilter(refuse)
    try:
        tracker.deleted("", "e")
    finally:
        log.removeFilter(refuse)
    assert (episode_events.all, tracker.invalid) == ([], 1)


def test_a_tracing_library_that_fails_costs_the_trace_and_not_the_event(
    episode_events: CapturedEvents, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", ModuleType("opentelemetry.trace"))  # half imported
    EpisodePerformanceTracker().deleted("p", "e")
    assert [event.traceparent for event in episode_events.all] == [None]


def test_threads_and_loops_share_one_tracker_and_every_event_arrives_once(kafka: Any) -> None:
    sender = many(kafka)
    tracker = EpisodePerformanceTracker(EpisodeMonitorClient(ClientSettings(bootstrap_servers="fake:1"), sender))

    def tell(thread: int) -> None:
        for number in range(1, 201):
            tracker.end_operation(tracker.start_operation(), f"p{thread}", f"e{number}", episode_number=number)

    async def tell_in_a_loop(thread: int) -> None:
        for number in range(1, 201):
            async with tracker.operation(f"p{thread}") as operation:
                await asyncio.sleep(0)
                operation.created(f"e{number}", number)

    threads = [threading.Thread(target=tell, args=(n,)) for n in range(3)]
    threads += [threading.Thread(target=lambda n=n: asyncio.run(tell_in_a_loop(n))) for n in range(3, 6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    asyncio.run(tell_in_a_loop(6))  # a loop after others have ended
    assert sender.close(20.0) == 0
    bodies = [json.loads(record.value) for record in kafka.records]
    assert len({body["event_id"] for body in bodies}) == len({body["operation_id"] for body in bodies}) == 1400
    for project in range(7):
        mine = [(b["episode_number"], b["sequence"]) for b in bodies if b["project_id"] == f"p{project}"]
        assert mine == [(n, n) for n in range(1, 201)]
    assert (tracker.invalid, len(tracker._open)) == (0, 0)


def test_what_is_told_while_the_sender_closes_is_sent_or_counted(kafka: Any) -> None:
    sender, kept = many(kafka), []
    begun = threading.Barrier(5)

    def tell() -> None:
        begun.wait()
        for number in range(1, 2001):
            kept.append(sender.emit(created("p", "e", number)))

    threads = [threading.Thread(target=tell) for _ in range(4)]
    for thread in threads:
        thread.start()
    begun.wait()
    sender.close(20.0)
    for thread in threads:
        thread.join()
    stats = sender.stats()
    assert (stats.sent, stats.dropped) == (kept.count(True), kept.count(False))
    assert (len(kafka.records), stats.waiting) == (stats.sent, 0)


def test_a_finalizer_may_tell_an_event_while_another_one_is_queued(sender: Sender, kafka: Any) -> None:
    kafka.away = True
    for number in range(1, 6):
        sender.emit(created("p", "e", number))

    class Dying:
        def __init__(self) -> None:
            self.myself = self  # for the garbage collector alone

        def __del__(self) -> None:
            sender.emit(created("p", "e", 6))

    def collect() -> None:
        with sender._lock:  # as `emit` has it where the queue is full
            Dying()
            gc.collect()

    thread = threading.Thread(target=collect, daemon=True)
    thread.start()
    thread.join(20)
    is_stuck = thread.is_alive()
    if is_stuck:
        sender._lock = threading.RLock()  # so that at least the test comes to its end
    assert not is_stuck
    assert (sender.stats().waiting, sender.stats().dropped) == (5, 1)


def test_a_system_that_gives_no_thread_is_asked_again(
    sender: Sender, kafka: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as without:
        without.setattr(threading.Thread, "start", refuse)
        assert sender.emit(created("p", "e", 1))
        assert "no thread" in str(sender.stats().fault)
        assert not sender.is_running
    sender._start_at = 0.0
    assert sender.emit(created("p", "e", 2))
    assert [json.loads(record.value)["episode_number"] for record in kafka.wait_for(2)] == [1, 2]


def test_an_event_that_cannot_be_sent_keeps_no_other_from_it(
    sender: Sender, kafka: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    take, write = kafka.send, encoding.record_of

    async def send(records: Any) -> None:
        if any(b'"episode_number":2' in record.value for record in records):
            raise MessageSizeTooLargeError("too large")
        await take(records)

    def record_of(event: Any, *rest: Any) -> Any:
        if event.episode_number == 3:
            raise ArithmeticError
        return write(event, *rest)

    monkeypatch.setattr(kafka, "send", send)
    monkeypatch.setattr(module, "record_of", record_of)
    for number in range(1, 5):
        sender.emit(created("p", "e", number))
    assert [json.loads(record.value)["episode_number"] for record in kafka.wait_for(2)] == [1, 4]
    assert sender.close(20.0) == 0
    assert (sender.stats().sent, sender.stats().dropped) == (2, 2)
    assert "can never be sent: too large for Kafka" in caplog.text
    assert "cannot be written" in caplog.text


async def test_the_end_needs_no_thread_of_a_host_whose_threads_are_all_busy(
    client: EpisodeMonitorClient, kafka: Any
) -> None:
    loop, free = asyncio.get_running_loop(), threading.Event()
    pool = concurrent.futures.ThreadPoolExecutor(max_workers=1)
    loop.set_default_executor(pool)
    busy = loop.run_in_executor(None, free.wait)
    try:
        async with asyncio.timeout(20), lifespan():
            EpisodePerformanceTracker().deleted("p", "e")
        assert len(kafka.records) == 1
    finally:
        free.set()
        await busy


async def test_events_before_the_start_are_kept_and_after_the_end_a_new_client_begins(
    client: EpisodeMonitorClient, kafka: Any
) -> None:
    tracker = EpisodePerformanceTracker()
    tracker.deleted("p", "before")
    async with lifespan():
        tracker.deleted("p", "within")
    tracker.deleted("p", "after")  # nothing is configured here
    assert not client.emit(created("p", "to one that is closed", 1))
    assert [json.loads(record.value)["episode_id"] for record in kafka.records] == ["before", "within"]
    assert not current_client().enabled
    await monitoring_startup_event()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_child_forked_while_others_hold_every_lock_tells_under_ids_of_its_own(kafka: Any) -> None:
    sender = many(kafka)
    tracker = EpisodePerformanceTracker(EpisodeMonitorClient(ClientSettings(bootstrap_servers="fake:1"), sender))
    held, free = threading.Event(), threading.Event()

    def hold() -> None:
        with sender._lock, kafka.landed:
            held.set()
            free.wait(20)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(20)
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            signal.alarm(30)  # a child that is stuck must not hold the test
            kafka.landed, kafka.records = threading.Condition(), []
            tracker.end_operation(tracker.start_operation(), "p", "e", episode_number=1)
            sender.close(20.0)
            os.write(write, json.dumps([json.loads(record.value)["event_id"] for record in kafka.records]).encode())
        finally:
            os._exit(0)
    os.close(write)
    free.set()
    holder.join()
    mine = {new_id() for _ in range(20)}
    with os.fdopen(read) as pipe:
        (theirs,) = json.load(pipe)
    os.waitpid(child, 0)
    assert len(theirs) == 32
    assert theirs not in mine
