"""Replay: what a process of `episode-monitor replay` does with its share of a topic, without the report at the end."""

import asyncio
import os
from pathlib import Path

from episode_monitor import compiled

compiled.activate()  # before anything of the core is imported

import yaml  # noqa: E402

from agents.engine.gc_tuning import spare_the_state  # noqa: E402
from benchmarks.peers.programs.marks import Marks  # noqa: E402
from episode_monitor.replay.run import Replay  # noqa: E402
from episode_monitor.replay.topic_source import TopicSource  # noqa: E402
from streams.alerting.core import Core  # noqa: E402
from streams.alerting.rule_parsing import parse_rules  # noqa: E402
from streams.alerting.rules import RuleSet  # noqa: E402

RULES = Path(__file__).parents[3] / "rules.yaml"


async def main() -> None:
    """Replay this worker's share of the partitions to their ends, then wait to be stopped."""
    worker, workers = (int(os.environ[name]) for name in ("WORKER", "WORKERS"))
    source, marks = TopicSource(os.environ["SERVERS"], os.environ["TOPIC"]), Marks()
    mine = [bounds for bounds in await source.resolve() if bounds.partition % workers == worker]
    replay = Replay(Core(RuleSet(parse_rules(yaml.safe_load(RULES.read_text())))), mine)
    spare_the_state()
    async for batch in source.batches(mine):
        marks.first()
        replay.take(batch)
        print(f"replayed {replay.applied} {replay.projects}", flush=True)  # it is read once the last mark is there
        if batch.records:
            marks.seen(batch.partition, batch.records[-1].offset)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
