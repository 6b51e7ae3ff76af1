"""Two workers on Apache Kafka, restarted one after the other while events flow and questions are asked: no wrong
answer, every question from before a worker was told to end is answered, and no event is lost or counted twice."""

import asyncio
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest
from aiokafka import AIOKafkaProducer

from episode_monitor.demo.programs import Program
from tests.agents.support import created
from tests.system.running import BASE, ask, ready, until, view, worker

pytestmark = pytest.mark.apache

PROJECTS = [f"rolling_{number}" for number in range(12)]


class Answer(msgspec.Struct):
    """To one question. `status` 0: none came; `ending`: the worker had been told to end before it was asked."""

    worker: Program
    path: str
    status: int
    body: Any
    retry_after: str | None
    ending: bool


class Caller:
    """Asks each worker again and again, each in a thread of its own, as a proxy would that knows of no update."""

    def __init__(self, workers: list[Program]) -> None:
        self.answers: list[Answer] = []
        self.ending: set[Program] = set()
        self._workers = workers
        self._is_over = threading.Event()

    @contextmanager
    def asking(self) -> Iterator["Caller"]:
        threads = [threading.Thread(target=self._ask_on, args=(each,)) for each in self._workers]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self._is_over.set()
            for thread in threads:
                thread.join()

    def _ask_on(self, program: Program) -> None:
        paths = [f"{BASE}/integrity/project/{project}" for project in PROJECTS]
        paths += [f"{BASE}/integrity/summary", "/readyz"]
        number = 0
        while not self._is_over.wait(0.005):
            self.answers.append(self._ask(program, paths[number % len(paths)]))
            number += 1

    def _ask(self, program: Program, path: str) -> Answer:
        ending = program in self.ending
        try:
            with urllib.request.urlopen(f"{program.url}{path}", timeout=30) as answer:
                return Answer(program, path, answer.status, json.load(answer), None, ending)
        except urllib.error.HTTPError as error:
            return Answer(program, path, error.code, None, error.headers["retry-after"], ending)
        except OSError:
            return Answer(program, path, 0, None, None, ending or program in self.ending)


class Feed:
    """Creations 1, 2, 3 … of each project. `sent`: project -> the offset of each, all in the project's partition."""

    def __init__(self, broker: str, topic: str) -> None:
        self.sent: dict[str, list[int]] = {project: [] for project in PROJECTS}
        self._broker, self._topic = broker, topic

    async def run(self, stop: asyncio.Event) -> None:
        async with AIOKafkaProducer(bootstrap_servers=self._broker, acks="all", enable_idempotence=True) as producer:
            while not stop.is_set():
                for project, offsets in self.sent.items():
                    event = created(project, len(offsets) + 1)
                    offsets.append((await producer.send_and_wait(self._topic, event, project.encode())).offset)
                await asyncio.sleep(0.05)


async def test_workers_are_replaced_one_after_the_other_and_nobody_gets_a_wrong_answer(
    broker: str, topic_prefix: str
) -> None:
    workers = [worker(broker, topic_prefix), worker(broker, topic_prefix)]
    feed, stop = Feed(broker, f"{topic_prefix}events"), asyncio.Event()
    try:
        for each in workers:
            await asyncio.to_thread(each.start)
        await asyncio.to_thread(until, lambda: _shared(workers), "both workers with their share")
        feeding = asyncio.create_task(feed.run(stop))
        await asyncio.to_thread(until, lambda: all(_total(each, PROJECTS[-1]) for each in workers), "events in views")
        caller = Caller(workers)
        with caller.asking():
            for each in workers:
                caller.ending.add(each)
                await asyncio.to_thread(each.pause)  # SIGTERM, and it is gone
                await asyncio.to_thread(each.start)
                caller.ending.discard(each)
                await asyncio.to_thread(until, lambda: _shared(workers), "both workers with their share again")
        stop.set()
        await feeding
        for each in workers:
            await asyncio.to_thread(until, lambda each=each: _all_are_there(each, feed), "all events once")
    finally:
        stop.set()
        for each in workers:
            await asyncio.to_thread(each.stop)
    _judge(caller.answers, feed)


def _judge(answers: list[Answer], feed: Feed) -> None:
    assert {answer.status for answer in answers} <= {0, 200, 503}
    assert not [answer.path for answer in answers if answer.status == 0 and not answer.ending], "cut off"
    assert all(answer.retry_after for answer in answers if answer.status == 503)
    right = 0
    for answer in answers:
        if answer.status == 200 and "/project/" in answer.path:
            offsets = feed.sent[answer.body["project_id"]]
            known = sum(offset <= answer.body["applied"]["offset"] for offset in offsets)
            assert (answer.body["total_episodes"], answer.body["max_number"]) == (known, known)
            assert (answer.body["gaps"], answer.body["duplicates"]) == ([], [])
            right += 1
    assert right > 100
    for each in {answer.worker for answer in answers}:
        _is_not_ready_again(
            [answer for answer in answers if answer.worker is each and answer.path == "/readyz" and answer.ending]
        )


def _is_not_ready_again(probes: list[Answer]) -> None:
    """From the first probe that says so to the last before the new process says anything."""
    statuses = [probe.status for probe in probes]
    told = next((place for place, status in enumerate(statuses) if status != 200), len(statuses))
    gone = next((place for place, status in enumerate(statuses) if status == 0), len(statuses))
    assert 200 not in statuses[told:gone], statuses


def _shared(workers: list[Program]) -> bool:
    if not all(ready(each) for each in workers):
        return False
    shares = [int(ask(each, "/readyz")[1]["recovery"]["partitions_live"]) for each in workers]
    return all(shares) and sum(shares) == 4


def _total(each: Program, project: str) -> int:
    body = view(each, f"/integrity/project/{project}")
    return int(body["total_episodes"]) if body else 0


def _all_are_there(each: Program, feed: Feed) -> bool:
    return all(_total(each, project) == len(offsets) for project, offsets in feed.sent.items())
