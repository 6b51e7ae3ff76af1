"""`replay` as people run it: a topic by offsets, times and processes, a file, Ctrl-C, and no effect on anything."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from agents.fetching.reading import reader
from tests.agents.support import config_for, created, make_topics, producing, send
from tests.replay.support import event
from tests.system.test_commands import NOWHERE, ROOT, Ran, run

pytestmark = pytest.mark.broker
HOUR_MS = 3_600_000


async def filled(broker: str, prefix: str, folder: Path) -> tuple[str, int]:
    """A topic of two partitions: 6 records in each, of which the last 3 are ten hours younger. And when those began."""
    config = config_for(broker, prefix, folder)
    await make_topics(broker, config, 2)
    topic, now_ms = config.topics.events, time.time_ns() // 1_000_000
    async with producing(broker) as producer:
        for number in range(1, 7):
            written_ms = now_ms - (20 if number < 4 else 10) * HOUR_MS
            for partition in (0, 1):
                value = created(f"p{partition}", number if number < 6 else 8, occurred_at=written_ms + number)
                await producer.send_and_wait(
                    topic, value, key=b"p%d" % partition, partition=partition, timestamp_ms=written_ms + number
                )
    return topic, now_ms - 10 * HOUR_MS


def rfc3339(at_ms: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at_ms // 1000))


def places(report: dict[str, Any]) -> dict[str, list[int]]:
    return {name: [place["offset"] for place in report[name]] for name in ("from", "to")}


async def test_a_range_is_given_by_offsets_per_partition_or_by_times(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    topic, later_ms = await filled(broker, topic_prefix, tmp_path)
    there = {"KAFKA_BOOTSTRAP_SERVERS": broker, "EVENTS_TOPIC": topic}
    whole = run("replay", "--json", **there)
    assert (whole.json["events"], places(whole.json)) == (12, {"from": [0, 0], "to": [6, 6]})
    assert (whole.json["is_complete"], whole.json["warnings"], whole.json["suspects"]) == (True, [], 4)
    each = run("replay", "--from-offset", "0:2,1:5", "--to-offset", "0:4", "--json", **there)
    assert (each.json["events"], places(each.json)) == (3, {"from": [2, 5], "to": [4, 6]})
    assert each.json["is_complete"] is False
    assert "leaves out what lies before it (0:2, 1:5)" in each.err
    timed = run("replay", "--from", rfc3339(later_ms), "--json", **there)
    assert places(timed.json) == {"from": [3, 3], "to": [6, 6]}
    assert places(run("replay", "--to", rfc3339(later_ms), "--json", **there).json) == {"from": [0, 0], "to": [3, 3]}
    assert places(run("replay", "--from", "-15h", "--json", **there).json)["from"] == [3, 3]
    one = run("replay", "--partition", "1", "--from", "-1d", "--to", "5", "--json", **there)
    assert (one.json["from"], one.json["to"]) == ([{"partition": 1, "offset": 0}], [{"partition": 1, "offset": 5}])


async def test_a_range_that_cannot_be_had_is_one_sentence_and_exit_code_2(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    topic, _ = await filled(broker, topic_prefix, tmp_path)
    there = {"KAFKA_BOOTSTRAP_SERVERS": broker, "EVENTS_TOPIC": topic}
    for words, sentence in [
        (("--from", "5", "--to", "2"), "The range of each partition ends at offset 2, before it begins at offset 5."),
        (("--from", "0:1,7:2"), f"The range names partition 7 of {topic}, which does not exist; leave it out."),
        (
            ("--partition", "7"),
            f"There is no partition 7 of topic {topic} at {broker}, which has 0 to 1; check --partition.",
        ),
        (("--from", "-2h", "--to", "-3h"), "The range ends before it begins; exchange --from and --to."),
        (("--from", "noon"), "--from noon is not an offset, offsets such as 0:100,1:250, a time such as -2h, or an"),
        (("--from", "1", "--from-offset", "2"), "--from and --from-offset say the same twice; use one of them."),
        (("--from-offset", "0:1,0:2"), "--from-offset 0:1,0:2 names partition 0 twice; name it once."),
        (("--snapshot", str(tmp_path / "none")), f"The snapshot {tmp_path / 'none'} cannot be read: No such file"),
        (("--snapshot", "a", "--resume", "b"), "Use either --snapshot or --resume."),
        (("--save-snapshot", str(tmp_path / "no" / "s")), "cannot be written: No such file or directory."),
    ]:
        refused = run("replay", *words, **there)
        assert (refused.code, refused.out) == (2, ""), words
        assert sentence in refused.err
        assert refused.err.count("\n") == 1
    nothing = run("replay", "--from", "6", "--json", **there)
    assert (nothing.code, nothing.json["events"]) == (0, 0)
    assert f"{topic} holds no records in this range.\n" in nothing.err


async def test_two_processes_and_a_snapshot_give_the_report_of_one_replay(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    topic, _ = await filled(broker, topic_prefix, tmp_path)
    there = {"KAFKA_BOOTSTRAP_SERVERS": broker, "EVENTS_TOPIC": topic}
    async with producing(broker) as producer:
        await send(producer, topic, 0, b"both", created("both", 1))
        await send(producer, topic, 1, b"both", created("both", 3))
        await send(producer, topic, 1, b"p1", b"useless")
    whole = run("replay", "--json", **there)
    assert whole.json["split"] == {"both": [0, 1]}
    assert [(each["partition"], each["offset"]) for each in whole.json["dead_letter_records"]] == [(1, 7)]
    assert whole.code == 1
    assert run("replay", "--json", "--processes", "2", **there).out == whole.out
    more = run("replay", "--json", "--processes", "9", **there)
    assert (more.out, more.err) == (whole.out, "There are 2 partitions, so 2 of 9 processes are used.\n")
    kept = tmp_path / "kept"
    run("replay", "--to", "0:3,1:5", "--save-snapshot", str(kept), "--processes", "2", **there)
    after = run("replay", "--json", "--snapshot", str(kept), "--processes", "2", **there)
    assert (after.out, after.err) == (whole.out, "Starts from the snapshot at 0:3, 1:5.\n")
    other = run("replay", "--snapshot", str(kept), **{**there, "GRACE_SECONDS": "7"})
    assert (other.code, "GRACE_SECONDS=60, and now it is 7" in other.err) == (2, True)
    assert run("replay", "--snapshot", str(kept), "--to", "1", **there).code == 2


async def test_a_replay_leaves_groups_topics_and_their_records_as_they_were(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    topic, _ = await filled(broker, topic_prefix, tmp_path)
    before = await everything(broker)
    assert (
        run("replay", "--save-snapshot", str(tmp_path / "s"), KAFKA_BOOTSTRAP_SERVERS=broker, EVENTS_TOPIC=topic).code
        == 0
    )
    assert await everything(broker) == before


async def everything(broker: str) -> tuple[list[Any], dict[str, int]]:
    """Groups, and the end of every partition of every topic."""
    admin = AIOKafkaAdminClient(bootstrap_servers=broker)
    await admin.start()
    try:
        groups = sorted(group[0] for group in await admin.list_consumer_groups())
    finally:
        await admin.close()
    async with reader(broker) as consumer:
        ends: dict[str, int] = {}
        for topic in sorted(await consumer.topics()):
            for number in consumer.partitions_for_topic(topic) or ():
                tp = TopicPartition(topic, number)
                ends[f"{topic}:{number}"] = (await consumer.end_offsets([tp]))[tp]
    return groups, ends


GUARD = """
import asyncio, json, os, socket, sys
allowed = json.loads(os.environ["ALLOWED"])
def refuse(address):
    if isinstance(address, tuple) and address[1] not in allowed:
        print("REFUSED", address, file=sys.stderr)
        os._exit(99)
for name in ("connect", "connect_ex", "sendto", "bind"):
    def guarded(self, *words, _inner=getattr(socket.socket, name)):
        refuse(words[-1])
        return _inner(self, *words)
    setattr(socket.socket, name, guarded)
sock_connect = asyncio.selector_events.BaseSelectorEventLoop.sock_connect
async def connect(self, sock, address):
    refuse(address)
    return await sock_connect(self, sock, address)
asyncio.selector_events.BaseSelectorEventLoop.sock_connect = connect
import aiokafka
def no_producer(*words, **more):
    os._exit(98)
aiokafka.AIOKafkaProducer.__init__ = no_producer
sys.argv = ["episode-monitor", *sys.argv[1:]]
from episode_monitor.cli import main
main()
"""


async def test_a_replay_connects_to_the_broker_alone_and_makes_no_producer(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    topic, _ = await filled(broker, topic_prefix, tmp_path)
    settings = {
        "KAFKA_BOOTSTRAP_SERVERS": broker, "EVENTS_TOPIC": topic, "SLACK_WEBHOOK_URL": "http://127.0.0.1:9/hook",
        "MONITORING_WEBHOOK_URL": "http://127.0.0.1:9/hook", "DATABASE_URL": "postgresql://127.0.0.1:9/d",
        "MONITOR_DATABASE_URL": "postgresql://127.0.0.1:9/d",
    }  # fmt: skip

    def guarded(*ports: int) -> int:
        return subprocess.run(
            [sys.executable, "-c", GUARD, "replay", "--until", "2030-01-01T00:00:00Z"], capture_output=True,
            check=False, timeout=60, cwd=ROOT,
            env={"PATH": os.environ["PATH"], **settings, "ALLOWED": json.dumps(ports)},
        ).returncode  # fmt: skip

    assert guarded(int(broker.rsplit(":", 1)[1])) == 1, "the gaps of the topic, and no connection but the broker's"
    assert guarded() == 99, "the guard sees the broker's connection, too"


# --- Ctrl-C


def interrupted(folder: Path, lines: list[bytes], *words: str) -> Ran:
    """A replay of a pipe, ended by SIGINT while it reads; then it is given the rest."""
    pipe = folder / f"pipe{len(list(folder.iterdir()))}"
    os.mkfifo(pipe)
    environment = {"PATH": os.environ["PATH"], "KAFKA_BOOTSTRAP_SERVERS": NOWHERE}
    process = subprocess.Popen(
        [sys.executable, "-m", "episode_monitor", "replay", "--jsonl", str(pipe), *words], cwd=ROOT, env=environment,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip

    def feed() -> None:
        try:
            with pipe.open("wb", buffering=0) as stream:  # opens when the replay has begun to read
                stream.write(b"".join(lines[:4000]))
                process.send_signal(signal.SIGINT)
                stream.write(b"".join(lines[4000:]))
        except BrokenPipeError:
            pass  # it has ended

    feeder = threading.Thread(target=feed)
    feeder.start()
    out, err = process.communicate(timeout=60)
    feeder.join(60)
    return Ran(process.returncode, out, err)


def many_lines() -> list[bytes]:
    return [
        event(f"p{number % 5}", number, "created", f"e{number}", number // 5 + (number > 7000)) + b"\n"
        for number in range(5, 12_000)
    ]


def test_an_interrupted_replay_is_resumed_to_the_report_of_an_uninterrupted_one(tmp_path: Path) -> None:
    lines = many_lines()
    events, state = tmp_path / "events.jsonl", tmp_path / "state"
    events.write_bytes(b"".join(lines))
    whole = run("replay", "--jsonl", str(events), "--until", "2025-10-10T00:00:00Z", "--json")
    assert (whole.code, whole.json["events"]) == (1, len(lines))
    for option in ("--resume", "--save-snapshot"):
        stopped = interrupted(tmp_path, lines, option, str(state), "--until", "2025-10-10T00:00:00Z", "--json")
        assert (stopped.code, stopped.out) == (130, "")
        assert stopped.err.startswith("episode-monitor: Interrupted after ")
        assert stopped.err.endswith(f" events; replay --resume {state} continues.\n")
        again = run("replay", "--jsonl", str(events), "--resume", str(state), "--json")
        assert (again.code, again.out) == (1, whole.out)
        assert again.err.startswith("Continues an interrupted replay at 0:")
        assert not state.exists()


def test_an_interrupted_replay_is_not_continued_with_another_range(tmp_path: Path) -> None:
    lines = many_lines()
    events, state = tmp_path / "events.jsonl", tmp_path / "state"
    events.write_bytes(b"".join(lines))
    assert interrupted(tmp_path, lines, "--resume", str(state), "--from", "10").code == 130
    kept = state.read_bytes()
    for words, named in (
        (("--from", "11"), "--from"),
        (("--from", "10", "--to", "500"), "--to"),
        (("--until", "2030-01-01T00:00:00Z"), "--until"),
    ):
        refused = run("replay", "--jsonl", str(events), "--resume", str(state), *words)
        assert (refused.code, refused.out) == (2, "")
        assert refused.err == (
            f"episode-monitor: {state} has a replay of another range, from 0:10 to 0:end (--from 10); "
            f"leave out {named} to continue it, or name a new file.\n"
        )
    assert state.read_bytes() == kept
    assert run("replay", "--jsonl", str(events), "--resume", str(state), "--from", "10").code == 1
    assert not state.exists()


def test_the_snapshot_of_a_finished_replay_is_not_resumed_and_not_deleted(tmp_path: Path) -> None:
    events, state = tmp_path / "events.jsonl", tmp_path / "state"
    events.write_bytes(many_lines()[0])
    assert run("replay", "--jsonl", str(events), "--save-snapshot", str(state)).code in (0, 1)
    refused = run("replay", "--jsonl", str(events), "--resume", str(state))
    assert (refused.code, refused.out) == (2, "")
    assert refused.err.startswith(f"episode-monitor: {state} has the end of a finished replay;")
    assert state.stat().st_mode & 0o777 == 0o600


def test_without_a_file_to_keep_its_state_an_interrupted_replay_ends_with_one_sentence(tmp_path: Path) -> None:
    stopped = interrupted(tmp_path, many_lines())
    assert (stopped.code, stopped.out) == (130, "")
    assert stopped.err == "episode-monitor: Interrupted; nothing was kept.\n"
