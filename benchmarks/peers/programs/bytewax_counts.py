"""Bytewax: its Kafka source, a keyed stateful map, recovery switched on (SQLite files; it has no changelog topic).

The flow ends at the end of the topic, and with it the process; the counts are then written beside the state.
"""

import json
import os
from pathlib import Path
from typing import Any

import bytewax.operators as op
from bytewax.connectors.kafka import KafkaSource
from bytewax.dataflow import Dataflow
from bytewax.outputs import DynamicSink, StatelessSinkPartition

from benchmarks.peers.programs.marks import Marks

Counts = tuple[int, int, int, int]

marks = Marks()


class _Keep(StatelessSinkPartition):  # type: ignore[misc]
    """Keeps the newest counts of each project and writes them at the end."""

    def __init__(self, worker: int) -> None:
        self._path = Path(os.environ["FOLDER"]) / f"counts-{worker}.json"
        self._counts: dict[str, Counts] = {}

    def write_batch(self, items: list[tuple[str, Counts]]) -> None:
        self._counts.update(items)

    def close(self) -> None:
        self._path.write_text(json.dumps(self._counts))


class Keep(DynamicSink):  # type: ignore[misc]
    """One a worker."""

    def build(self, step_id: str, worker_index: int, worker_count: int) -> _Keep:
        """Called by Bytewax."""
        return _Keep(worker_index)


def decode(message: Any) -> tuple[str, dict[str, Any]]:
    """Key and event of a record."""
    marks.seen(message.partition, message.offset)
    return message.key.decode(), json.loads(message.value)


def count(state: Counts | None, event: dict[str, Any]) -> tuple[Counts, Counts]:
    """Events, failures, conflicts and the highest number."""
    events, failed, conflicted, highest = state or (0, 0, 0, 0)
    counts = (
        events + 1,
        failed + (event["type"] == "episode.creation_failed"),
        conflicted + (event["type"] == "episode.creation_conflict"),
        max(highest, event.get("episode_number", 0)),
    )
    return counts, counts


flow = Dataflow("counts")
records = op.input("records", flow, KafkaSource([os.environ["SERVERS"]], [os.environ["TOPIC"]], tail=False))
events = op.map("decode", records, decode)
counted = op.stateful_map("count", events, count)
op.output("keep", counted, Keep())
