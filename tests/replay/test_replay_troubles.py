"""A replay with a full disk, with a topic that changes under it, and Ctrl-C: one sentence, and nothing half-written."""

import os
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.records_to_delete import RecordsToDelete

from episode_monitor.exits import ExitCode
from episode_monitor.replay.processes import do_in_processes
from episode_monitor.replay.ranges import BadRange, Range
from episode_monitor.replay.report import merged
from episode_monitor.replay.run import Replay, replay, take_all
from episode_monitor.replay.topic_source import TopicSource
from episode_monitor.replay.work import Work
from episode_monitor.settings.rules_file import core_from
from episode_monitor.settings.settings import Settings
from testbed.worker_process import make_core
from tests.agents.support import config_for, created, make_topics, producing, send
from tests.replay.support import event
from tests.system.test_commands import NOWHERE, ROOT, Ran, run

# --- a full disk


def limited(*words: str, out: str | None = None, file_bytes: int | None = None) -> Ran:
    """The command, with standard output in a file or files that cannot grow beyond a size."""

    def limit() -> None:
        if file_bytes is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))

    with open(out or os.devnull, "w") as file:
        done = subprocess.run(
            [sys.executable, "-m", "episode_monitor", "replay", *words], stdout=file if out else subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, check=False, timeout=60, cwd=ROOT, preexec_fn=limit,
            env={"PATH": os.environ["PATH"], "KAFKA_BOOTSTRAP_SERVERS": NOWHERE, "PYTHONDONTWRITEBYTECODE": "1"},
        )  # fmt: skip
    return Ran(done.returncode, done.stdout or "", done.stderr)


def events_file(folder: Path) -> str:
    file = folder / "events.jsonl"
    file.write_bytes(event("p", 0, "created", "a", 1) + b"\n" + event("p", 1, "created", "c", 3) + b"\n")
    return str(file)


@pytest.mark.parametrize("words", [("--json",), ()])
def test_a_full_disk_under_the_report_is_one_sentence(tmp_path: Path, words: tuple[str, ...]) -> None:
    ran = limited("--jsonl", events_file(tmp_path), *words, out="/dev/full")
    assert (ran.code, ran.err) == (
        2, "episode-monitor: The output cannot be written: No space left on device. Free some space and try again.\n"
    )  # fmt: skip


def test_a_full_disk_at_the_snapshot_leaves_the_report_and_no_file(tmp_path: Path) -> None:
    lines, kept = events_file(tmp_path), tmp_path / "kept"
    ran = limited("--jsonl", lines, "--json", "--save-snapshot", str(kept), file_bytes=100)
    assert (ran.code, ran.json["events"]) == (ExitCode.USAGE, 2)
    assert ran.err == f"episode-monitor: The snapshot {kept} cannot be written: File too large.\n"
    assert [each.name for each in tmp_path.iterdir()] == ["events.jsonl"]


@pytest.mark.parametrize(("place", "why"), [("", "A directory is there"), ("none/kept", "No such file or directory")])
@pytest.mark.parametrize("option", ["--save-snapshot", "--resume"])
def test_a_place_where_no_snapshot_can_be_is_refused_before_anything_is_read(
    tmp_path: Path, option: str, place: str, why: str
) -> None:
    ran = run("replay", "--jsonl", str(tmp_path / "nothing"), option, str(tmp_path / place))
    assert (ran.code, ran.out, why in ran.err, ran.err.count("\n")) == (2, "", True, 1), ran
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("option", ["--save-snapshot", "--resume"])
@pytest.mark.parametrize("kind", ["pipe", "link", "link to nothing", "the events"])
def test_what_is_no_regular_file_is_refused_and_stays(tmp_path: Path, option: str, kind: str) -> None:
    lines, place = Path(events_file(tmp_path)), tmp_path / "place"
    if kind == "pipe":
        os.mkfifo(place)
    elif kind == "the events":
        os.link(lines, place)
    else:
        place.symlink_to(lines if kind == "link" else tmp_path / "nothing")
    before = (place.lstat(), lines.read_bytes(), sorted(tmp_path.iterdir()))
    ran = run("replay", "--jsonl", str(lines), option, str(place))
    why = "has the events" if kind == "the events" else "cannot be written: What is there is not a regular file.\n"
    assert (ran.code, ran.out, why in ran.err, ran.err.count("\n")) == (2, "", True, 1), ran
    after = (place.lstat(), lines.read_bytes(), sorted(tmp_path.iterdir()))
    assert (before[0].st_ino, before[0].st_mode, *before[1:]) == (after[0].st_ino, after[0].st_mode, *after[1:])


# --- Ctrl-C


def interrupted(*words: str, settings: Callable[[int], dict[str, str]]) -> Ran:
    """A command that waits for an answer of a port, at which nothing answers, and gets SIGINT then."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        environment = {"PATH": os.environ["PATH"], **settings(port)}
        given = [word.replace("PORT", str(port)) for word in words]
        process = subprocess.Popen(
            [sys.executable, "-m", "episode_monitor", "replay", *given], cwd=ROOT, env=environment,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        silent.settimeout(60)
        connection, _ = silent.accept()
        with connection:
            connection.settimeout(60)
            connection.recv(1)  # the question is there
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=60)
    return Ran(process.returncode, out, err)


STOPPED = (ExitCode.INTERRUPTED, "", "episode-monitor: Interrupted; nothing was kept.\n")


@pytest.mark.parametrize("words", [(), ("--processes", "2"), ("--from", "-2h")])
def test_ctrl_c_while_the_broker_is_asked(tmp_path: Path, words: tuple[str, ...]) -> None:
    kept = tmp_path / "kept"
    ran = interrupted(
        "--save-snapshot", str(kept), *words, settings=lambda port: {"KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{port}"}
    )
    assert ran == STOPPED
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_while_the_database_is_asked() -> None:
    there = {"KAFKA_BOOTSTRAP_SERVERS": NOWHERE}
    ran = interrupted(
        "--against", "database", settings=lambda port: {**there, "DATABASE_URL": f"postgresql://a@127.0.0.1:{port}/b"}
    )
    assert ran == STOPPED


@pytest.mark.broker
async def test_ctrl_c_while_the_live_monitor_is_asked(broker: str, topic_prefix: str, tmp_path: Path) -> None:
    config = await filled(broker, topic_prefix, tmp_path)
    there = {"KAFKA_BOOTSTRAP_SERVERS": broker, "EVENTS_TOPIC": config}
    ran = interrupted("--against", "live", "--monitor-url", "http://127.0.0.1:PORT", settings=lambda port: there)
    assert ran == STOPPED


@pytest.mark.broker
async def test_processes_that_are_stopped_leave_states_from_which_the_same_report_comes(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    topic = await filled(broker, topic_prefix, tmp_path)
    settings = Settings(kafka_bootstrap_servers=broker, events_topic=topic)
    source = TopicSource(broker, topic)
    work = Work(await source.resolve(), keeps_stop=True)
    stopped = do_in_processes(settings, topic, work, 2, None, lambda: True)
    assert (stopped.is_finished, stopped.outcomes, len(stopped.saved)) == (False, [], 2)
    bounds = [
        msgspec.structs.replace(each, first=saved.tally.next)
        for each, saved in zip(work.bounds, stopped.saved, strict=True)
    ]
    rest = do_in_processes(settings, topic, Work(bounds, stopped.saved), 2, None, lambda: False)
    assert merged(core_from(settings), rest.outcomes) == await replay(core_from(settings), TopicSource(broker, topic))


# --- a topic that changes


async def filled(broker: str, prefix: str, folder: Path) -> str:
    """A topic of two partitions with five records each."""
    config = config_for(broker, prefix, folder)
    await make_topics(broker, config, 2)
    async with producing(broker) as producer:
        for number in range(1, 6):
            for partition in (0, 1):
                await put(producer, config.topics.events, partition, number)
    return config.topics.events


async def put(producer: AIOKafkaProducer, topic: str, partition: int, number: int) -> None:
    await send(producer, topic, partition, b"p%d" % partition, created(f"p{partition}", number))


@pytest.mark.broker
async def test_what_comes_to_a_topic_while_it_is_replayed_is_no_part_of_it(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    topic = await filled(broker, topic_prefix, tmp_path)
    source = TopicSource(broker, topic)
    bounds = await source.resolve()
    async with producing(broker) as producer:
        for number in (6, 7):
            await put(producer, topic, 1, number)
    running = Replay(make_core(), bounds)
    assert await take_all(running, source, bounds)
    assert (running.events, [each.offset for each in running.report().end]) == (10, [5, 5])


@pytest.mark.apache  # the embedded broker deletes no records
async def test_deleted_records_are_named_where_they_were_asked_for(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    topic = await filled(broker, topic_prefix, tmp_path)
    before = TopicSource(broker, topic)
    bounds = await before.resolve()
    admin = AIOKafkaAdminClient(bootstrap_servers=broker)
    await admin.start()
    try:
        await admin.delete_records({TopicPartition(topic, 1): RecordsToDelete(3)})
    finally:
        await admin.close()
    with pytest.raises(BadRange, match=r"Partition 1 of .* from offset 0, and begins at 3 by now"):
        await take_all(Replay(make_core(), bounds), before, bounds)
    there = {"KAFKA_BOOTSTRAP_SERVERS": broker, "EVENTS_TOPIC": topic}
    refused = run("replay", "--from-offset", "1:1", **there)
    assert (refused.code, refused.out) == (2, "")
    assert f"Offsets 1 to 2 of partition 1 of {topic} have been deleted; it begins at 3." in refused.err
    cut = run("replay", "--json", **there)
    assert (cut.json["events"], cut.json["is_complete"]) == (7, False)
    assert "leaves out what lies before it (1:3)" in cut.err


@pytest.mark.apache  # the embedded broker has no transactions
async def test_transactions_leave_markers_that_are_no_records(broker: str, topic_prefix: str, tmp_path: Path) -> None:
    config = config_for(broker, topic_prefix, tmp_path)
    await make_topics(broker, config, 1)
    async with producing(broker, transactional_id=topic_prefix) as producer:
        for number in (1, 2, 3):
            await producer.begin_transaction()
            await put(producer, config.topics.events, 0, number)
            await (producer.abort_transaction() if number == 2 else producer.commit_transaction())
    report = await replay(make_core(), TopicSource(broker, config.topics.events, Range()))
    assert (report.events, report.episodes, report.end[0].offset) == (2, 2, 6)
    marker = await replay(make_core(), TopicSource(broker, config.topics.events, Range(first=1, end=4)))
    assert (marker.events, marker.begin[0].offset, marker.end[0].offset) == (0, 1, 4)
