"""A plain consumer that adds each batch to a table of PostgreSQL, one row a project, and then commits its offsets."""

import asyncio
import os
import signal

import asyncpg
import msgspec
from aiokafka import AIOKafkaConsumer

from benchmarks.peers.programs.marks import Marks

BATCH = 5000
ADD = """
    INSERT INTO counts AS c (project_id, events, failed, conflicted, highest)
    SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[])
    ON CONFLICT (project_id) DO UPDATE SET events = c.events + excluded.events, failed = c.failed + excluded.failed,
        conflicted = c.conflicted + excluded.conflicted, highest = greatest(c.highest, excluded.highest)
"""


class EpisodeEvent(msgspec.Struct):
    """The fields that are counted."""

    type: str
    project_id: str
    episode_number: int = 0


def count(decode: msgspec.json.Decoder[EpisodeEvent], values: list[bytes]) -> dict[str, list[int]]:
    """What a batch adds, by project."""
    sums: dict[str, list[int]] = {}
    for value in values:
        event = decode.decode(value)
        added = sums.setdefault(event.project_id, [0, 0, 0, 0])
        added[0] += 1
        added[1] += event.type == "episode.creation_failed"
        added[2] += event.type == "episode.creation_conflict"
        added[3] = max(added[3], event.episode_number)
    return sums


async def main() -> None:
    """Run until SIGTERM."""
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    database = await asyncpg.connect(os.environ["DATABASE"])
    consumer = AIOKafkaConsumer(
        os.environ["TOPIC"],
        bootstrap_servers=os.environ["SERVERS"],
        group_id=os.environ["NAME"],
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    await consumer.start()
    marks, decode = Marks(), msgspec.json.Decoder(EpisodeEvent)
    try:
        while not stopping.is_set():
            batches = await consumer.getmany(timeout_ms=200, max_records=BATCH)
            if not batches:
                continue
            marks.first()
            sums = count(decode, [record.value for records in batches.values() for record in records])
            # In one order everywhere, so that workers cannot wait for each other in a circle.
            projects = sorted(sums)
            await database.execute(ADD, projects, *zip(*(sums[project] for project in projects), strict=True))
            await consumer.commit()
            for tp, records in batches.items():
                marks.seen(tp.partition, records[-1].offset)
    finally:
        await consumer.stop()
        await database.close()


if __name__ == "__main__":
    asyncio.run(main())
