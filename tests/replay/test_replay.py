"""A replay comes to what the worker comes to, whatever it reads from, and changes nothing."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from agents.runtime import Runtime
from episode_monitor.replay import run as run_module
from episode_monitor.replay.file_source import FileSource, LinesSource
from episode_monitor.replay.ranges import Bounds, Range
from episode_monitor.replay.report import Report, state_hash
from episode_monitor.replay.run import replay
from episode_monitor.replay.source import Line, NoSuchPartition, ReplayBatch
from episode_monitor.replay.topic_source import TopicSource
from streams.project.fingerprint import fingerprint
from testbed.worker_process import make_core
from tests.agents.support import Rig, config_for, created, make_topics, producing, running, send, until
from tests.system.test_commands import run

NOON_MS = 1_760_000_400_000  # 2025-10-09T09:00:00Z
HANG_SECONDS = 30.0


def line(number: int, project: str = "p", kind: str = "episode.created", **fields: Any) -> bytes:
    """Event `number` of a project, a second after the one before."""
    wire: dict[str, Any] = {
        "event_id": f"{project}-{number}", "type": kind, "project_id": project, "occurred_at": NOON_MS + number * 1000,
    }  # fmt: skip
    if kind == "episode.created":
        wire |= {"episode_id": f"ep-{project}-{number}", "episode_number": number, "duration_seconds": 0.5}
    return json.dumps(wire | fields).encode() + b"\n"


async def report_of(*lines: bytes, until_ms: int | None = None) -> Report:
    return await replay(make_core(), LinesSource(lines, NOON_MS + 3_600_000), until_ms)


async def test_a_replay_counts_what_it_took_and_what_it_could_not_use() -> None:
    lines = (line(1), line(2), b"\n", b"useless\n", line(9, occurred_at=NOON_MS + 9_999_999), line(4))
    report = await report_of(*lines, until_ms=NOON_MS + 120_000)
    assert (report.events, report.applied, report.tombstones) == (5, 3, 0)
    assert report.dead_letters == {"future_timestamp": 1, "malformed_json": 1}
    assert (report.projects, report.episodes, report.gaps, report.projects_with_findings) == (1, 3, 1, 1)
    assert report.firings["episode_integrity"] == 1
    assert [(alert["alert_key"], alert["reason"]) for alert in report.alerts] == [
        ("episode_integrity:p", "threshold_crossed")
    ]


async def test_a_gap_is_only_suspect_where_time_does_not_go_on() -> None:
    report = await report_of(line(1), line(3))
    assert (report.gaps, report.transitions, report.alerts) == (0, 0, [])


class Given:
    """Batches at hand."""

    name, is_topic, done = "given", True, 0
    warnings: tuple[str, ...] = ()
    total: int | None = None

    def __init__(self, *given: ReplayBatch) -> None:
        self._given = given

    async def resolve(self) -> tuple[Bounds, ...]:
        return tuple(Bounds(number, 0, None) for number in sorted({batch.partition for batch in self._given}))

    async def batches(self, bounds: Sequence[Bounds]) -> AsyncIterator[ReplayBatch]:
        for batch in self._given:
            yield batch


def partitioned(*lines_of: list[bytes]) -> Given:
    """Each list is a partition."""
    return Given(
        *(
            ReplayBatch(number, [Line(offset, one, NOON_MS + 3_600_000) for offset, one in enumerate(lines)])
            for number, lines in enumerate(lines_of)
        )
    )


async def test_a_project_in_two_partitions_is_named_counted_once_and_has_no_gaps() -> None:
    odd = [line(number, "halved") for number in (1, 3, 5)] + [line(200, "fine", episode_number=1)]
    even = [line(number, "halved") for number in (2, 4)] + [line(200, "gappy", episode_number=2)]
    report = await replay(make_core(), partitioned(odd, even), NOON_MS + 400_000)
    assert (report.split_projects, report.split) == (1, {"halved": [0, 1]})
    assert (report.projects, report.projects_with_findings, report.gaps) == (3, 1, 1)
    assert report.firings["episode_integrity"] == 1
    assert [alert["alert_key"] for alert in report.alerts] == ["episode_integrity:gappy"]
    assert report.transitions == 1


async def test_the_hash_of_a_split_project_does_not_depend_on_which_part_is_read_first() -> None:
    odd, even = [line(1), line(3), line(300, "a")], [line(2), line(4), line(300, "b")]
    there = await replay(make_core(), partitioned(odd, even), NOON_MS + 400_000)
    back = await replay(make_core(), partitioned(even, odd), NOON_MS + 400_000)
    assert there.state_hash == back.state_hash


async def test_the_hash_is_the_same_for_the_same_state_and_another_for_another() -> None:
    straight = await report_of(line(1), line(2), line(1, "q"))
    mixed = await report_of(line(1, "q"), line(1), line(2))
    other = await report_of(line(1), line(3), line(1, "q"))
    assert straight.state_hash == mixed.state_hash != other.state_hash


async def test_a_tombstone_is_counted_and_passed_over() -> None:
    records = [Line(0, None, NOON_MS, b"p"), Line(1, line(1), NOON_MS + 1, b"p")]
    report = await replay(make_core(), Given(ReplayBatch(0, records)), None)
    assert (report.tombstones, report.applied) == (1, 1)


async def test_what_is_packed_to_save_memory_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [line(number, f"p{number % 7}") for number in range(1, 400)]
    records = [Line(at, each, NOON_MS + 500_000) for at, each in enumerate(lines)]
    batches = [ReplayBatch(partition, records[at : at + 50]) for partition in (0, 1) for at in range(0, 399, 50)]
    hashes = set()
    for most in (0, 3, 1000):
        monkeypatch.setattr(run_module, "MOST_DECODED", most)
        report = await replay(make_core(), Given(*batches), None)
        assert (report.applied, report.projects, report.episodes) == (798, 7, 798)
        hashes.add(report.state_hash)
    assert len(hashes) == 1


@pytest.mark.broker
async def test_a_replay_of_the_topic_comes_to_the_states_of_the_worker(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    rig = Rig(config_for(broker, topic_prefix, tmp_path))
    async with running(rig), producing(broker) as producer:
        for number in range(1, 8):
            partition = number % 2
            project = f"p{partition}"
            await send(producer, rig.topics.events, partition, project.encode(), created(project, number))
        await send(producer, rig.topics.events, 0, b"p0", b"useless")
        await until(lambda: rig.outcome("applied") == 7 and rig.outcome("dead_letter") == 1)
        live = _hash(rig.runtime)
    core = make_core()

    async def noted(wanted: Range) -> Report:
        return await replay(core, TopicSource(broker, rig.topics.events, wanted), None)

    whole = await noted(Range())
    assert (whole.events, whole.applied, whole.dead_letters) == (8, 7, {"malformed_json": 1})
    assert (whole.projects, whole.episodes) == (2, 7)
    assert whole.state_hash == live
    part = await noted(Range(partition=0, first=1, end=3))
    assert (part.events, part.applied) == (2, 2)
    with pytest.raises(NoSuchPartition, match="no partition 7"):
        await noted(Range(partition=7))


async def test_a_replay_reads_the_last_batch_to_its_end(broker: str, topic_prefix: str, tmp_path: Path) -> None:
    config = config_for(broker, topic_prefix, tmp_path)
    await make_topics(broker, config, 1)
    async with producing(broker, linger_ms=50) as producer:
        for _ in range(2):
            sending = [await producer.send(config.topics.events, created("p", at), b"p") for at in range(1, 30)]
            await asyncio.gather(*sending)
    report = await replay(make_core(), TopicSource(broker, config.topics.events))
    assert (report.events, report.end[0].offset) == (58, 58)


@pytest.mark.parametrize("sent_to", [(), (0,), (0, 3)])
async def test_a_replay_ends_wherever_partitions_are_empty(
    broker: str, topic_prefix: str, tmp_path: Path, sent_to: tuple[int, ...]
) -> None:
    config = config_for(broker, topic_prefix, tmp_path)
    await make_topics(broker, config, 4)
    async with producing(broker) as producer:
        for partition in sent_to:
            await send(producer, config.topics.events, partition, b"p%d" % partition, created(f"p{partition}", 1))
    async with asyncio.timeout(HANG_SECONDS):
        report = await replay(make_core(), TopicSource(broker, config.topics.events, Range()), None)
        assert (report.events, report.projects) == (len(sent_to), len(sent_to))
        nothing = await replay(make_core(), TopicSource(broker, config.topics.events, Range(first=7)), None)
        assert nothing.events == 0


def _hash(runtime: Runtime) -> str:
    """The worker's states, hashed as a replay hashes its own."""
    named: list[tuple[str, str]] = []
    for owned in runtime.engine.owned.values():
        for project, _ in owned.partition.heads():
            state = owned.partition.state(project)
            assert state is not None
            named.append((project, fingerprint(state)))
    return state_hash(named)


async def test_a_file_is_read_as_lines(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    file.write_bytes(line(1) + line(2))
    assert (await replay(make_core(), FileSource(file, NOON_MS + 60_000), None)).episodes == 2


def test_rules_are_tried_on_past_events_by_command(tmp_path: Path) -> None:
    events, strict, lax = tmp_path / "events.jsonl", tmp_path / "strict.yaml", tmp_path / "lax.yaml"
    events.write_bytes(line(1) + line(2, kind="episode.creation_failed") + line(3) + line(4))
    rule = (
        "rules:\n  - {{rule_id: f, alert_type: HIGH_FAILURE_RATE, severity: warning, threshold: {}, window_minutes: 5}}"
    )
    strict.write_text(rule.format("10%"))
    lax.write_text(rule.format("60%"))
    tried = run("rules", "backtest", str(strict), "--jsonl", str(events), "--transitions", "--json")
    assert (tried.code, tried.json["new"]["total"]["firings"]) == (1, 1)
    assert [alert["value"] for alert in tried.json["alerts"]] == [50.0]
    assert run("rules", "backtest", str(lax), "--jsonl", str(events)).code == 0
    replayed = run("replay", "--jsonl", str(events), "--until", "2025-10-09T10:00:00Z", "--json")
    assert (replayed.code, replayed.json["gaps"]) == (1, 1)
    assert run("replay", "--jsonl", str(events), "--until", "noon").code == 2
    assert run("replay", "--jsonl", str(tmp_path / "none")).code == 2
    assert run("replay").code == 3
