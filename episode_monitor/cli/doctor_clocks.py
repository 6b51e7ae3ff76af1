"""What `doctor` says of the clocks of workers: one that is ahead settles numbers and ends windows too early where its
partitions are quiet. A worker that is behind cannot be told from one that has ended."""

import time
from collections.abc import Iterable
from typing import Final

from episode_monitor.access import kafka_access, topic_names
from episode_monitor.cli.diagnosis import Diagnosis, DiagnosisLevel
from episode_monitor.settings.settings import Settings

PART: Final = "worker clocks"
TOLERANCE_MS: Final = 2_000
READ_BACK_RECORDS: Final = 500


async def worker_clocks(settings: Settings) -> Diagnosis:
    """By what workers have published last. Kafka has answered before."""
    from aiokafka import TopicPartition
    from aiokafka.errors import KafkaError

    from agents.fetching.reading import reader
    from agents.kafka.refusals import why
    from episode_monitor.cli.partitioning import newest_records

    kafka = kafka_access(settings)
    try:
        async with reader(kafka, committed_only=True) as consumer:
            fleet = TopicPartition(topic_names(settings).fleet, 0)
            records = await newest_records(consumer, fleet, READ_BACK_RECORDS)
    except KafkaError as error:
        return Diagnosis(PART, DiagnosisLevel.UNREACHABLE, await why(error, kafka))
    return judged((record.value for record in records), time.time_ns() // 1_000_000)


def judged(values: Iterable[bytes | None], now_ms: int) -> Diagnosis:
    """By the summaries of the fleet topic. `now_ms`: this machine's clock, read after them."""
    from agents.fleet_topic.record import Unreadable, decode_record

    published: dict[str, int] = {}
    for value in values:
        try:
            record = decode_record(value or b"")
        except Unreadable:
            continue
        published[record.url] = max(published.get(record.url, 0), record.published_at_ms)
    if not published:
        return Diagnosis(PART, DiagnosisLevel.SKIPPED, "Not checked: no worker has published anything yet.")
    url, at_ms = max(published.items(), key=lambda each: each[1])
    if at_ms - now_ms > TOLERANCE_MS:
        ahead = f"{(at_ms - now_ms) / 1000:.1f} s"
        sentence = f"The clock of the worker at {url} is {ahead} ahead of this machine's; synchronise them."
        return Diagnosis(PART, DiagnosisLevel.WRONG, sentence)
    return Diagnosis(PART, DiagnosisLevel.OK, "No worker's clock is more than 2 s ahead of this machine's.")
