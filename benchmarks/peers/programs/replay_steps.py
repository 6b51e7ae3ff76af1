"""Replay: what a process of `episode-monitor replay` does with its share of a topic, without the report at the end."""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from episode_monitor import compiled

compiled.activate()  # before anything of the core is imported

import yaml  # noqa: E402

from agents.engine.gc_tuning import spare_the_state  # noqa: E402
from benchmarks.peers.programs.marks import Marks  # noqa: E402
from episode_monitor.replay.ranges import Bounds  # noqa: E402
from episode_monitor.replay.run import Replay, take_all  # noqa: E402
from episode_monitor.replay.source import ReplayBatch  # noqa: E402
from episode_monitor.replay.topic_source import TopicSource  # noqa: E402
from streams.alerting.core import Core  # noqa: E402
from streams.alerting.rule_parsing import parse_rules  # noqa: E402
from streams.alerting.rules import RuleSet  # noqa: E402

RULES = Path(__file__).parents[3] / "rules.yaml"


class MarkedSource(TopicSource):
    """Says when the first record is about to be taken, and when the last one of each partition was."""

    async def batches(self, bounds: Sequence[Bounds]) -> AsyncIterator[ReplayBatch]:
        """See `TopicSource.batches`."""
        marks = Marks()
        async for batch in super().batches(bounds):
            marks.first()
            yield batch
            if batch.records:
                marks.seen(batch.partition, batch.records[-1].offset)


async def main() -> None:
    """Replay this worker's share of the partitions to their ends, then wait to be stopped."""
    worker, workers = (int(os.environ[name]) for name in ("WORKER", "WORKERS"))
    source = MarkedSource(os.environ["SERVERS"], os.environ["TOPIC"])
    mine = [bounds for bounds in await source.resolve() if bounds.partition % workers == worker]
    replay = Replay(Core(RuleSet(parse_rules(yaml.safe_load(RULES.read_text())))), mine)
    spare_the_state()
    await take_all(replay, source, mine)
    print(f"replayed {replay.applied} {replay.projects}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
