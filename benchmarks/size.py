"""What very many projects cost a worker: the start from a changelog of them, its memory, its file, and a first look.

One partition is read back as after a restart, without a broker: batches of format 2, as a broker answers them, are
parsed and kept, then the partition is made. Only that is timed, not the making of the batches. It is run in a process
of its own.
"""

from episode_monitor import compiled

IS_COMPILED = compiled.activate()  # before anything of the core is imported
# ruff: noqa: E402

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from aiokafka import TopicPartition
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from agents.engine.changelog import keep_newest_of
from agents.engine.checkpoint import cursor_record
from agents.engine.gc_tuning import spare_the_state
from agents.engine.stored_values import StoredValues
from agents.fetching.batches import PartitionBatches
from agents.fetching.taken_records import FetchedBytes
from benchmarks.state_size import project_at
from streams.alerting.core import Core
from streams.alerting.rule_parsing import parse_rules
from streams.alerting.rules import RuleSet
from streams.base import changelog_keys
from streams.base.checkpoint_types import Cursor
from streams.base.steps import finish
from streams.base.value_log import SEGMENT_BYTES
from streams.partition.partition import Partition
from streams.project.state_codec import checkpoint

BATCH_BYTES = 1_000_000  # as a worker's producer makes them
TEMPLATES = 40
LOOKS = 2_000
CHANGELOG = TopicPartition("changelog", 0)
MIB = 1024 * 1024


def batches(projects: int, episodes: int, *, is_uuid: bool) -> Iterator[tuple[int, int, bytes]]:
    """The changelog of so many projects whose episodes are hours apart: offset, records and bytes of each batch."""
    heads = [checkpoint(project_at(21_600 + 60 * n, episodes, is_uuid=is_uuid)).head for n in range(TEMPLATES)]
    a_batch = max(1, BATCH_BYTES // len(heads[0]))
    for first in range(0, projects, a_batch):
        builder = DefaultRecordBatchBuilder(2, 0, False, -1, -1, 0, 2**24)
        for at, number in enumerate(range(first, min(first + a_batch, projects))):
            builder.append(at, 0, project_key(number), heads[number % TEMPLATES], [])
        yield first, at + 1, first.to_bytes(8, "big") + bytes(builder.build())[8:] + bytes(64)


def project_key(number: int) -> bytes:
    """Its head's key."""
    return changelog_keys.head(f"proj_{number:08d}")


def memory(what: str) -> float:
    """MiB of this process: `RssAnon` is its own, `VmRSS` with mapped files."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(what + ":")) / 1024


def measure(projects: int, episodes: int, folder: Path, in_memory: int, *, is_uuid: bool) -> dict[str, Any]:
    """In this process."""
    spare_the_state()
    parsing = keeping = 0.0
    state_bytes = 0
    before = memory("RssAnon")
    values = StoredValues(folder=folder, memory_bytes=in_memory)
    for offset, count, raw in batches(projects, episodes, is_uuid=is_uuid):
        began = time.perf_counter()
        records = PartitionBatches(CHANGELOG, FetchedBytes(raw), None, offset, None, None, True, 0).take(count)
        parsed = time.perf_counter()
        keep_newest_of(values, records)
        keeping += time.perf_counter() - parsed
        parsing += parsed - began
        state_bytes += sum(len(record.key) + len(record.value) for record in records)
        del records
    values.put(*cursor_record(Cursor(10**9, 1_760_000_000_000)))
    kept = memory("RssAnon")
    core = Core(RuleSet(parse_rules(yaml.safe_load(Path(__file__).parents[1].joinpath("rules.yaml").read_text()))))
    partition = Partition(core, 0, values)
    began = time.perf_counter()
    finish(partition.restore())
    restoring = time.perf_counter() - began
    figures = {
        "projects": partition.index.projects,
        "state_bytes_a_project": round(state_bytes / projects),
        "microseconds_a_project": {
            "parse": round(parsing / projects * 1e6, 2),
            "keep": round(keeping / projects * 1e6, 2),
            "make the partition": round(restoring / projects * 1e6, 2),
        },
        "start_seconds": round(parsing + keeping + restoring, 1),
        "memory_bytes_a_project": {
            "stored values": round((kept - before) * MIB / projects),
            "the partition's lists": round((memory("RssAnon") - kept) * MIB / projects),
        },
        "memory_mib": round(memory("VmRSS")),
        "file_mib": values.far.in_use * SEGMENT_BYTES // MIB,
    }
    return figures | {"look_microseconds": looks(partition, projects)}


def looks(partition: Partition, projects: int) -> dict[str, float]:
    """At projects by chance, whose state is not decoded yet; in part read from the disk."""
    chance, timed = random.Random(1), list[float]()
    for _ in range(LOOKS):
        name = f"proj_{chance.randrange(projects):08d}"
        began = time.perf_counter()
        assert partition.peek(name) is not None
        timed.append((time.perf_counter() - began) * 1e6)
    timed.sort()
    return {"median": round(timed[LOOKS // 2], 1), "p99": round(timed[LOOKS * 99 // 100], 1), "worst": round(timed[-1])}


def run(options: argparse.Namespace) -> dict[str, Any]:
    """In a process of its own, so that nothing else is counted."""
    ids = ["--uuid"] if options.size_uuid else []
    folder = ["--folder", options.size_folder] if options.size_folder else []
    sizes = [str(options.size_projects), str(options.size_episodes), "--memory", str(options.size_memory)]
    command = [sys.executable, "-m", "benchmarks.size", *sizes, *ids, *folder]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of this measure alone."""
    group = parser.add_argument_group("size")
    group.add_argument("--size-projects", type=int, default=1_000_000, help="default 1000000")
    group.add_argument("--size-episodes", type=int, default=100, help="of each project (default 100)")
    group.add_argument("--size-uuid", action="store_true", help="episodes with UUIDs instead of short ids")
    group.add_argument("--size-memory", type=int, default=4096, help="MiB of stored values in memory (default 4096)")
    group.add_argument("--size-folder", help="of the file with stored values (default: the one for temporary files)")


def main() -> None:
    """What `run` starts."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.size")
    parser.add_argument("projects", type=int)
    parser.add_argument("episodes", type=int)
    parser.add_argument("--memory", type=int, default=4096)
    parser.add_argument("--uuid", action="store_true")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    options = parser.parse_args()
    print(
        json.dumps(
            measure(options.projects, options.episodes, options.folder, options.memory * MIB, is_uuid=options.uuid)
        )
    )


if __name__ == "__main__":
    main()
