"""`topics`: create and look at the topics the monitor works with."""

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import typer

from episode_monitor.cli.output import Json, print_json, print_table, show
from episode_monitor.exits import ExitCode, Failure
from episode_monitor.settings.settings import load_settings

if TYPE_CHECKING:
    from agents.kafka.topic_fit import TopicFacts  # Faust and aiokafka are slow to import

topics = typer.Typer(no_args_is_help=True, help="Create and describe the topics of the monitor.")


@topics.command("ensure")
def ensure(as_json: Json = False) -> None:
    """Create missing topics and check the others. Exit code 1 if a topic setting is unsuitable."""
    counts, _, misfits = asyncio.run(_topics(ensure=True))
    show(counts, as_json, ("Topic", "Partitions"))
    _end_with(misfits)


@topics.command("describe")
def describe(as_json: Json = False) -> None:
    """Describe the topics. Exit code 1 if one is missing or a topic setting is unsuitable."""
    counts, facts, misfits = asyncio.run(_topics(ensure=False))
    if as_json:
        print_json({topic: _as_json(facts.get(topic)) for topic in counts})
    else:
        rows = [[topic, *_cells(facts.get(topic))] for topic in counts]
        print_table(("Topic", "Partitions", "Copies", "Clean-up", "Kept for", "Largest record"), rows)
    missing = [topic for topic, count in counts.items() if not count]
    if missing:
        misfits.insert(0, f"Missing: {', '.join(missing)}; `episode-monitor topics ensure` creates them.")
    _end_with(misfits)


def _end_with(misfits: list[str]) -> None:
    if misfits:
        raise Failure("\nepisode-monitor: ".join(misfits), ExitCode.ISSUES_FOUND)


def _as_json(facts: "TopicFacts | None") -> dict[str, Any]:
    if facts is None:
        return {"partitions": 0}
    return {
        "partitions": facts.partitions, "replicas": facts.replicas,
        "cleanup_policy": None if facts.cleanup is None else sorted(facts.cleanup), "retention_ms": facts.retention_ms,
        "max_record_bytes": facts.max_record_bytes, "min_in_sync_replicas": facts.min_in_sync,
    }  # fmt: skip


def _cells(facts: "TopicFacts | None") -> list[str]:
    if facts is None:
        return ["0", "", "", "", ""]
    kept = ""
    if facts.cleanup and "delete" in facts.cleanup and facts.retention_ms is not None:
        kept = "ever" if facts.retention_ms < 0 else f"{facts.retention_ms / 86_400_000:.3g} d"
    largest = "" if facts.max_record_bytes is None else f"{facts.max_record_bytes / 1_048_576:.3g} MiB"
    return [
        str(facts.partitions), "" if facts.replicas is None else str(facts.replicas),
        ", ".join(sorted(facts.cleanup or ())), kept, largest,
    ]  # fmt: skip


async def _topics(*, ensure: bool) -> "tuple[dict[str, int], dict[str, TopicFacts], list[str]]":
    from aiokafka.errors import KafkaError

    from agents.kafka.refusals import why
    from agents.kafka.topic_check import check_topics
    from agents.kafka.topics import TopicMismatch, describe_topics, ensure_all_topics
    from episode_monitor.access import kafka_access, topic_names

    settings = load_settings()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what it has to say is said once, in words
    kafka, names = kafka_access(settings), topic_names(settings)
    try:
        if ensure:
            counts = await ensure_all_topics(
                kafka, names, settings.events_partitions, settings.topic_replication_factor
            )
        else:
            counts = await describe_topics(kafka, names)
        facts, misfits = await check_topics(kafka, names, settings.kafka_session_timeout_seconds * 1000)
        return counts, facts, misfits
    except TopicMismatch as error:
        raise Failure(error.text, ExitCode.ISSUES_FOUND) from None
    except (KafkaError, OSError) as error:
        raise Failure(await why(error, kafka), ExitCode.UNREACHABLE) from None
