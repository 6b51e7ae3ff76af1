"""`topics`: create and look at the topics the monitor works with."""

import asyncio
import logging

import typer

from episode_monitor.cli.output import Json, show
from episode_monitor.exits import ExitCode, Failure
from episode_monitor.settings import load_settings

topics = typer.Typer(no_args_is_help=True, help="The topics the monitor works with.")


@topics.command("ensure")
def ensure(as_json: Json = False) -> None:
    """Create the topics that are missing and check the others."""
    show(asyncio.run(_topics(ensure=True)), as_json, ("Topic", "Partitions"))


@topics.command("describe")
def describe(as_json: Json = False) -> None:
    """The topics and their partitions; 0 for one that is missing, and then exit code 1."""
    counts = asyncio.run(_topics(ensure=False))
    show(counts, as_json, ("Topic", "Partitions"))
    if not all(counts.values()):
        missing = ", ".join(topic for topic, count in counts.items() if not count)
        raise Failure(f"Missing: {missing}; `episode-monitor topics ensure` creates them.", ExitCode.ISSUES_FOUND)


async def _topics(*, ensure: bool) -> dict[str, int]:
    from aiokafka.errors import KafkaError

    from agents.kafka.refusals import why
    from agents.topics import TopicMismatch, describe_topics, ensure_topics
    from episode_monitor.composition import kafka_access, topic_names

    settings = load_settings()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what it has to say is said once, in words
    kafka, names = kafka_access(settings), topic_names(settings)
    try:
        if ensure:
            return await ensure_topics(kafka, names, settings.events_partitions, settings.topic_replication_factor)
        return await describe_topics(kafka, names)
    except TopicMismatch as error:
        raise Failure(str(error), ExitCode.ISSUES_FOUND) from None
    except (KafkaError, OSError) as error:
        raise Failure(await why(error, kafka), ExitCode.UNREACHABLE) from None
