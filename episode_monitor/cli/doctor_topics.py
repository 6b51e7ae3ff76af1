"""What `doctor` says of the topics: whether they are there, whether this user has the rights, and which commands the
cluster's administrator needs where not."""

from typing import TYPE_CHECKING

from episode_monitor.access import kafka_access, topic_names
from episode_monitor.cli.diagnosis import Diagnosis, DiagnosisLevel
from episode_monitor.settings.settings import Settings

if TYPE_CHECKING:
    from agents.kafka.topics import TopicNames  # Faust and aiokafka are slow to import

PART = "topics"


async def topics(settings: Settings) -> Diagnosis:
    """Kafka has answered before."""
    from aiokafka.errors import KafkaError

    from agents.kafka.refusals import why
    from agents.kafka.rights import missing_rights, needs_of_audit, needs_of_dead_letters, needs_of_worker, sentence
    from agents.kafka.topic_shapes import grant_commands
    from agents.kafka.topics import describe_topics

    names, kafka = topic_names(settings), kafka_access(settings)
    try:
        needs = needs_of_worker(names, settings.monitor_id)
        lacking = await missing_rights(kafka, needs)
        if lacking:
            return _wrong(sentence(lacking, kafka), grant_commands(kafka, lacking, needs))
        needs = needs_of_dead_letters(names)
        lacking = await missing_rights(kafka, needs)
        counts = await describe_topics(kafka, names)
        missing = [topic for topic, count in counts.items() if not count]
        # The audit's topic, which a worker can do without, has a line of its own. It may be there, and hidden.
        if names.audit in missing and (missing == [names.audit] or await missing_rights(kafka, needs_of_audit(names))):
            missing.remove(names.audit)
        if missing:
            return await _missing(settings, names, missing, counts[names.events] or settings.events_partitions)
    except KafkaError as error:
        return Diagnosis(PART, DiagnosisLevel.UNREACHABLE, await why(error, kafka))
    if counts[names.changelog] > counts[names.events]:
        return _wrong(
            f"{names.events} has {counts[names.events]} partitions and {names.changelog} "
            f"{counts[names.changelog]}; start with a new MONITOR_ID."
        )
    said = f"{_how_many(counts)}; {names.events} has {counts[names.events]} partitions."
    if lacking:
        said += f" {sentence(lacking, kafka)} Until then not all dead letters can be listed and sent again."
        return _wrong(said, grant_commands(kafka, lacking, needs))
    return Diagnosis(PART, DiagnosisLevel.OK, said)


def _how_many(counts: dict[str, int]) -> str:
    absent = [topic for topic, count in counts.items() if not count]
    if not absent:
        return f"All {len(counts)} are there"
    return f"{len(counts) - len(absent)} of {len(counts)} are seen, all but {', '.join(absent)} (see audit)"


async def _missing(settings: Settings, names: "TopicNames", missing: list[str], partitions: int) -> Diagnosis:
    from agents.kafka.refusals import user_of
    from agents.kafka.rights import may_create_topics
    from agents.kafka.topic_shapes import create_commands, topic_shapes
    from agents.kafka.topics import why_not_created

    kafka, replicas = kafka_access(settings), settings.topic_replication_factor
    listed = ", ".join(missing)
    refused = "" if await may_create_topics(kafka) else await why_not_created(kafka, names, partitions, replicas)
    if not refused:
        return _wrong(f"Missing: {listed}; a worker or `topics ensure` creates them.")
    return _wrong(
        f"Missing: {listed}; {user_of(kafka)} may not create topics ({refused}): have the cluster's administrator run "
        "the commands below.",
        create_commands(kafka, [topic_shapes(names, partitions)[name] for name in missing], replicas),
    )


def _wrong(said: str, commands: list[str] | None = None) -> Diagnosis:
    return Diagnosis(PART, DiagnosisLevel.WRONG, said, tuple(commands or ()))
