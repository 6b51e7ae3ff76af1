"""Replay: what `episode-monitor replay` does with a topic, all partitions at once, without its report at the end."""

import asyncio
import os
from pathlib import Path

from episode_monitor import compiled

compiled.activate()  # before anything of the core is imported

import yaml  # noqa: E402
from aiokafka import AIOKafkaConsumer  # noqa: E402

from agents.engine.gc_tuning import spare_the_state  # noqa: E402
from benchmarks import rig  # noqa: E402
from benchmarks.peers.programs.marks import Marks  # noqa: E402
from episode_monitor.replay.run import Replay  # noqa: E402
from episode_monitor.replay.source import ReplayBatch  # noqa: E402
from streams.alerting.core import Core  # noqa: E402
from streams.alerting.rule_parsing import parse_rules  # noqa: E402
from streams.alerting.rules import RuleSet  # noqa: E402

RULES = Path(__file__).parents[3] / "rules.yaml"


async def main() -> None:
    """Replay this worker's share of the partitions to their ends, then wait to be stopped."""
    worker, workers, partitions = (int(os.environ[name]) for name in ("WORKER", "WORKERS", "PARTITIONS"))
    replay = Replay(Core(RuleSet(parse_rules(yaml.safe_load(RULES.read_text())))))
    mine = [rig.tp(os.environ["TOPIC"], number) for number in range(worker, partitions, workers)]
    consumer = AIOKafkaConsumer(bootstrap_servers=os.environ["SERVERS"], auto_offset_reset="earliest")
    await consumer.start()
    consumer.assign(mine)
    await consumer.seek_to_beginning(*mine)
    marks = Marks()
    spare_the_state()
    try:
        while True:
            for tp, records in (await consumer.getmany(timeout_ms=500)).items():
                marks.first()
                replay.take(ReplayBatch(tp.partition, records))
                marks.seen(tp.partition, records[-1].offset)
                print(f"replayed {replay.applied} {replay.projects}", flush=True)
    finally:
        await consumer.stop()


if __name__ == "__main__":
    asyncio.run(main())
