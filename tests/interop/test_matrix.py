"""Every client's records, in every combination, are counted exactly by a worker that reads them from Apache Kafka:
codecs, partitioners, headers, transactions of which some are taken back, record time and append time."""

import asyncio
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import msgspec
import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from prometheus_client.parser import text_string_to_metric_families

from episode_monitor.demo.programs import Program
from episode_monitor.exits import ExitCode
from faults.evidence import Kept, emitted_transitions, read_log
from testbed.apache_kafka import ApacheKafka
from testbed.hashes import PLACES, murmur2
from testbed.monitor_settings import monitor_settings
from tests.interop.cases import CREATED, Case, Odd, cases_of, odd_of
from tests.interop.clients import CLIENTS, Client
from tests.interop.logs import LoggedBatch, batches_of
from tests.interop.senders import ROOT, NotHere, send
from tests.system.running import ask, ready, until, view, worker

PARTITIONS = 8
TIMES = {"record-time": "CreateTime", "append-time": "LogAppendTime"}
APPLY_SECONDS = 120.0


class Topic(msgspec.Struct):
    """One topic with one worker, and what was found when all of it was applied."""

    prefix: str
    worker: Program
    cases: dict[str, list[Case]] = {}  # client -> what it sent
    odds: dict[str, Odd] = {}
    rows: dict[str, dict[str, Any]] = {}  # project -> its line in the list
    traces: dict[str, list[str]] = {}  # project -> of its alert about failures
    letters: list[Kept] = []
    outcomes: dict[str, float] = {}
    replayed: dict[str, Any] = {}
    after_restart: dict[str, dict[str, Any]] = {}  # as `rows`
    log: list[LoggedBatch] = []

    @property
    def events(self) -> str:
        return f"{self.prefix}events"


class Played(msgspec.Struct):
    """Both topics after everything."""

    topics: dict[str, Topic]
    not_here: dict[str, str] = {}  # client -> why it cannot be had
    failed: dict[str, str] = {}  # client -> why it did not send all


@pytest.fixture(scope="module")
def played() -> Iterator[Played]:
    with ExitStack() as stack:
        kafka = stack.enter_context(ApacheKafka())
        broker = kafka.bootstrap_servers
        topics = {kind: Topic(f"{kind}-", worker(broker, f"{kind}-")) for kind in TIMES}
        asyncio.run(create(broker, topics))
        for topic in topics.values():
            stack.enter_context(topic.worker)
        found, now_ms = Played(topics), time.time_ns() // 1_000_000
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(lambda client: send_all(broker, found, client, now_ms), CLIENTS))
        for topic in topics.values():
            look(broker, topic)
            topic.log = list(batches_of(kafka.data_folder, topic.events))
        yield found


async def create(broker: str, topics: dict[str, Topic]) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=broker)
    await admin.start()
    try:
        wanted = [
            NewTopic(topic.events, PARTITIONS, 1, topic_configs={"message.timestamp.type": TIMES[kind]})
            for kind, topic in topics.items()
        ]
        await admin.create_topics(wanted)
    finally:
        await admin.close()


def send_all(broker: str, played: Played, client: Client, now_ms: int) -> None:
    cases = {kind: cases_of(client, topic.events, now_ms) for kind, topic in played.topics.items()}
    odds = {kind: odd_of(client, topic.events) for kind, topic in played.topics.items()}
    try:
        for kind in played.topics:
            send(client, broker, [*(case.batch for case in cases[kind]), odds[kind].batch])
    except NotHere as error:
        played.not_here[client.name] = str(error)
        return
    except (RuntimeError, subprocess.TimeoutExpired) as error:
        played.failed[client.name] = str(error)
        return
    for kind, topic in played.topics.items():
        topic.cases[client.name], topic.odds[client.name] = cases[kind], odds[kind]


def look(broker: str, topic: Topic) -> None:
    expected = sum(case.applied for cases in topic.cases.values() for case in cases) + 2 * len(topic.odds)
    until(lambda: sum(counted(topic.worker).values()) >= expected, "worker that has read all", APPLY_SECONDS)
    until(lambda: ready(topic.worker), "worker with nothing left to apply")
    topic.outcomes, topic.rows = counted(topic.worker), rows(topic.worker)
    topic.letters = asyncio.run(read_log(broker, f"{topic.prefix}dead-letters", 0))
    for number in range(PARTITIONS):
        for alert in emitted_transitions(asyncio.run(read_log(broker, f"{topic.prefix}alerts", number))):
            if alert.rule_id == "episode_failure_rate":
                topic.traces[alert.project_id] = alert.trace_ids
    topic.replayed = replayed(broker, topic)
    topic.worker.stop()
    topic.worker.start()
    until(lambda: ready(topic.worker), "worker that was started again")
    topic.after_restart = rows(topic.worker)


def counted(program: Program) -> dict[str, float]:
    """Records by what became of them."""
    with urllib.request.urlopen(f"{program.url}/metrics", timeout=10) as answer:
        families = text_string_to_metric_families(answer.read().decode())
    (family,) = [each for each in families if each.name == "episode_monitor_events"]
    return {sample.labels["outcome"]: sample.value for sample in family.samples if sample.value}


def rows(program: Program) -> dict[str, dict[str, Any]]:
    found, cursor = list[dict[str, Any]](), ""
    while cursor is not None:
        page = view(program, f"/integrity/projects?limit=200{f'&cursor={cursor}' if cursor else ''}")
        found += page["projects"]
        cursor = page["next_cursor"]
    assert len({row["project_id"] for row in found}) == len(found), "a project is listed twice"
    return {row.pop("project_id"): row for row in found}


def without_times(found: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {project: row | {"as_of": ""} for project, row in found.items()}


def replayed(broker: str, topic: Topic) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "episode_monitor", "replay", "--json"], cwd=ROOT, capture_output=True, text=True,
        check=False, timeout=120, env={**os.environ, **monitor_settings(broker, topic.prefix)},
    )  # fmt: skip
    assert done.returncode in (ExitCode.CLEAN, ExitCode.ISSUES_FOUND), done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def sent(played: Played, client: Client, kind: str) -> tuple[Topic, list[Case]]:
    """What a client has sent; a client that cannot be had is skipped, but in CI it must be there."""
    if client.name in played.not_here:
        reason = played.not_here[client.name]
        assert not os.environ.get("CI"), f"CI has to run every client: {reason}"
        pytest.skip(reason)
    assert client.name not in played.failed, played.failed[client.name]
    return played.topics[kind], played.topics[kind].cases[client.name]


every_client = pytest.mark.parametrize("client", CLIENTS, ids=[client.name for client in CLIENTS])
both_times = pytest.mark.parametrize("kind", TIMES)


@pytest.mark.apache
@both_times
@every_client
def test_every_event_of_a_client_is_counted_once(played: Played, client: Client, kind: str) -> None:
    topic, cases = sent(played, client, kind)
    assert len(cases) >= 6
    for case in cases:
        for project in case.keyed:
            row = topic.rows[project]
            assert (row["total_episodes"], row["max_number"], row["is_healthy"]) == (CREATED, CREATED, True), project
        assert topic.rows[case.keyless]["total_episodes"] == 1


@pytest.mark.apache
@both_times
@every_client
def test_what_a_client_took_back_was_never_there(played: Played, client: Client, kind: str) -> None:
    topic, cases = sent(played, client, kind)
    taken_back = [project for case in cases for project in case.aborted]
    assert len(taken_back) == len(client.codecs)
    written = {project for batch in topic.log for _, project in batch.events}
    assert set(taken_back) <= written, "nothing was taken back"
    for project in taken_back:
        assert project not in topic.rows
        assert ask(topic.worker, f"/monitoring/episodes/integrity/project/{project}")[0] == 404


@pytest.mark.apache
@both_times
@every_client
def test_the_trace_of_a_clients_event_reaches_its_alert(played: Played, client: Client, kind: str) -> None:
    topic, cases = sent(played, client, kind)
    assert {case.keyed[0]: topic.traces.get(case.keyed[0]) for case in cases} == {
        case.keyed[0]: [case.trace_id] for case in cases
    }


@pytest.mark.apache
@both_times
@every_client
def test_keys_lie_where_the_partitioner_promises(played: Played, client: Client, kind: str) -> None:
    topic, cases = sent(played, client, kind)
    partitions: dict[bytes, set[int]] = {}
    for batch in topic.log:
        for key, _ in batch.events:
            if key is not None:
                partitions.setdefault(key, set()).add(batch.partition)
    for case in cases:
        keys = [project.encode() for project in case.keyed]
        assert [len(partitions[key]) for key in keys] == [1] * len(keys)
        place = PLACES.get(client.partitioners[case.batch.partitioner])
        if place is not None:
            assert [min(partitions[key]) for key in keys] == [place(key, PARTITIONS) for key in keys]
    for asked, taken in client.partitioners.items():
        keys = [project.encode() for case in cases if case.batch.partitioner == asked for project in case.keyed]
        elsewhere = [key for key in keys if partitions[key] != {PLACES["murmur2"](key, PARTITIONS)}]
        assert bool(elsewhere) == (taken != "murmur2"), f"{client.name}, {asked}: {len(elsewhere)} of {len(keys)}"


@pytest.mark.apache
@both_times
@every_client
def test_the_log_holds_what_a_client_was_asked_for(played: Played, client: Client, kind: str) -> None:
    topic, cases = sent(played, client, kind)
    batches: dict[str, list[LoggedBatch]] = {}
    for batch in topic.log:
        for _, project in batch.events[:1]:
            batches.setdefault(project, []).append(batch)
    for case in cases:
        found = [batch for project in case.keyed for batch in batches.get(project, [])]
        wanted = client.own_codec if case.batch.codec == "default" else case.batch.codec
        assert {batch.codec for batch in found} == {wanted}, case.batch.name
        assert {batch.magic for batch in found} == {2}
        assert {batch.is_log_append_time for batch in found} == {TIMES[kind] == "LogAppendTime"}
        assert {batch.is_transactional for batch in found} == {case.batch.mode == "transactional"}
        is_idempotent = client.is_idempotent or case.batch.mode != "default"
        assert {batch.has_producer_id for batch in found} == {is_idempotent}, case.batch.name


@pytest.mark.apache
@both_times
@every_client
def test_what_is_no_event_is_kept_with_every_header_of_a_client(played: Played, client: Client, kind: str) -> None:
    topic, _ = sent(played, client, kind)
    odd = topic.odds[client.name]
    (letter,) = [letter for letter in topic.letters if letter.value == odd.value]
    assert (letter.key or b"").decode() == odd.batch.name
    assert list(letter.headers)[: len(odd.headers)] == odd.headers
    assert dict(letter.headers)["dl_reason"] == b"malformed_json"


@pytest.mark.apache
@both_times
def test_all_of_it_adds_up_and_a_replay_and_another_start_see_the_same(played: Played, kind: str) -> None:
    topic = played.topics[kind]
    assert not played.failed
    cases = [case for cases in topic.cases.values() for case in cases]
    applied, clients = sum(case.applied for case in cases), len(topic.cases)
    assert topic.outcomes == {"applied": applied, "dead_letter": clients, "tombstone": clients}
    assert len(topic.letters) == clients
    known = {project for case in cases for project in (*case.keyed, case.keyless)}
    assert topic.rows.keys() == known
    assert without_times(topic.after_restart) == without_times(topic.rows)
    assert (topic.replayed["applied"], topic.replayed["gaps"], topic.replayed["duplicates"]) == (applied, 0, 0)
    assert topic.replayed["dead_letters"] == {"malformed_json": clients}
    assert (topic.replayed["projects"], topic.replayed["tombstones"]) == (len(known), clients)
    controls = Counter(batch.is_control for batch in topic.log)
    assert controls[True] >= 2 * sum(len(client.codecs) for client in CLIENTS if client.name in topic.cases)


def test_murmur2_is_that_of_java() -> None:
    known = {  # of Apache Kafka's own test of it
        b"21": -973932308,
        b"foobar": -790332482,
        b"a-little-bit-long-string": -985981536,
        b"a-little-bit-longer-string": -1486304829,
        b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
        b"abc": 479470107,
    }
    assert {key: murmur2(key) for key in known} == {key: value % 2**32 for key, value in known.items()}
