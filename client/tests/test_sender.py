"""The queue and its thread: order, a full queue, a Kafka that is away, and an end within its time."""

import asyncio
import json
import logging
import os
import threading
import time
from typing import Any

import pytest

from episode_monitor_client import ClientSettings, EpisodeMonitorClient, created
from episode_monitor_client import sender as module
from episode_monitor_client.encoding import Record
from episode_monitor_client.sender import Sender
from episode_monitor_client.sequences import Sequences


def bodies(records: list[Record]) -> list[dict[str, Any]]:
    return [json.loads(record.value) for record in records]


def test_events_leave_in_their_order_with_sequences_that_rise_by_one_a_project(sender: Sender, kafka: Any) -> None:
    for number, project in enumerate(["a", "b", "a", "a", "b"], start=1):
        assert sender.emit(created(project, "e", number))
    told = bodies(kafka.wait_for(5))
    assert [(body["project_id"], body["sequence"], body["episode_number"]) for body in told] == [
        ("a", 1, 1),
        ("b", 1, 2),
        ("a", 2, 3),
        ("a", 3, 4),
        ("b", 2, 5),
    ]
    assert {body["source"] for body in told} == {sender.source}


def test_a_full_queue_drops_the_oldest_and_counts_it(sender: Sender, kafka: Any) -> None:
    kafka.away = True
    for number in range(1, 9):
        assert sender.emit(created("p", "e", number))
    stats = sender.stats()
    assert (stats.waiting, stats.dropped, stats.sent) == (5, 3, 0)
    kafka.away = False
    told = bodies(kafka.wait_for(5))
    assert [(body["episode_number"], body["sequence"]) for body in told] == [(n, n - 3) for n in range(4, 9)]


def test_what_did_not_land_is_sent_again_first_and_the_same(sender: Sender, kafka: Any) -> None:
    kafka.refusals = 2
    for number in range(1, 4):
        sender.emit(created("p", "e", number))
    assert [body["episode_number"] for body in bodies(kafka.wait_for(3))] == [1, 2, 3]
    assert kafka.connections == 3


def test_closing_sends_what_waits_and_later_events_are_refused(sender: Sender, kafka: Any) -> None:
    sender.emit(created("p", "e", 1))
    assert sender.close(20.0) == 0
    assert len(kafka.records) == 1
    assert not sender.emit(created("p", "e", 2))
    assert sender.stats().dropped == 1
    assert sender.close(20.0) == 0  # a second time does nothing


@pytest.mark.parametrize("away", [True, False])
def test_closing_without_kafka_ends_within_its_time_and_says_what_is_lost(
    sender: Sender, kafka: Any, away: bool, caplog: pytest.LogCaptureFixture
) -> None:
    kafka.away = away
    kafka.answers.clear()  # or it is there and does not answer
    sender.emit(created("p", "e", 1))
    assert sender.close(0.2) == 1
    assert sender._thread is not None
    assert not sender._thread.is_alive()
    assert "1 episode events are lost" in caplog.text


def test_closing_with_nothing_to_send_does_not_wait_for_a_kafka_that_never_answers() -> None:
    begun = threading.Event()

    async def connect(_: ClientSettings) -> Any:
        begun.set()
        await asyncio.Event().wait()

    sender = Sender(ClientSettings(bootstrap_servers="fake:1"), connect)
    sender.start()
    assert begun.wait(20)
    ending = threading.Thread(target=sender.close, args=(300.0,), daemon=True)
    ending.start()
    ending.join(20)
    assert not ending.is_alive()
    assert not sender.is_running


def test_a_fault_of_kafka_is_said_in_the_stats_and_goes_with_it(sender: Sender, kafka: Any) -> None:
    kafka.away = True
    sender.emit(created("p", "e", 1))
    assert sender.stats().fault is not None
    kafka.away = False
    kafka.wait_for(1)
    deadline = time.monotonic() + 20
    while sender.stats().waiting and time.monotonic() < deadline:
        time.sleep(0.005)
    assert sender.stats() == module.SenderStats(sent=1, waiting=0, dropped=0, fault=None)


def test_an_event_after_a_long_silence_is_sent_although_nobody_is_woken(
    sender: Sender, kafka: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "IDLE_AFTER_SECONDS", 0.0)
    monkeypatch.setattr(module, "IDLE_LOOK_SECONDS", 0.002)
    for number in range(1, 4):
        sender.emit(created("p", "e", number))
        kafka.wait_for(number)


def test_many_threads_at_once_draw_each_sequence_once(kafka: Any) -> None:
    sender = Sender(ClientSettings(bootstrap_servers="fake:1"), kafka.connect)
    threads = [
        threading.Thread(target=lambda: [sender.emit(created("p", "e", 1)) for _ in range(200)]) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sender.close(20.0) == 0
    assert [body["sequence"] for body in bodies(kafka.records)] == list(range(1, 1601))


def test_forgetting_projects_never_repeats_a_sequence() -> None:
    sequences = Sequences(most=2)
    drawn = [(project, sequences.next(project)) for project in "aabcabcba"]
    assert drawn[:3] == [("a", 1), ("a", 2), ("b", 1)]
    assert len(set(drawn)) == len(drawn)
    for project in "abc":
        mine = [sequence for name, sequence in drawn if name == project]
        assert mine == sorted(mine)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_child_sends_its_own_events_as_another_source(sender: Sender, kafka: Any) -> None:
    sender.emit(created("p", "e", 1))
    kafka.wait_for(1)
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            kafka.landed, kafka.records = threading.Condition(), []
            sender.emit(created("p", "e", 2))
            body = bodies(kafka.wait_for(1))[0]
            os.write(write, json.dumps([body["source"], body["sequence"], body["episode_number"]]).encode())
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        source, sequence, number = json.load(pipe)
    os.waitpid(child, 0)
    assert source != sender.source
    assert (sequence, number) == (1, 2)


def test_without_configuration_there_is_one_line_and_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "episode_monitor_client"):
        client = EpisodeMonitorClient.from_environment()
        client.start()
        assert not client.emit(created("p", "e", 1))
        assert client.close() == 0
    assert [record.getMessage() for record in caplog.records] == [
        "episode events are not sent: KAFKA_BOOTSTRAP_SERVERS is not set"
    ]
    assert client.stats().enabled is False
