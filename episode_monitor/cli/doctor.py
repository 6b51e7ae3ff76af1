"""`doctor`: looks at everything the monitor leans on and says of each part, in one sentence, how it is."""

import asyncio
import logging

import msgspec
import typer

from episode_monitor.cli.diagnosis import Diagnosis, DiagnosisLevel, skipped
from episode_monitor.cli.doctor_databases import own_database, service_database
from episode_monitor.cli.doctor_files import alerting_files
from episode_monitor.cli.doctor_host import state_dir, tokens
from episode_monitor.cli.doctor_receivers import receivers
from episode_monitor.cli.doctor_sinks import sinks
from episode_monitor.cli.doctor_tracing import tracing
from episode_monitor.cli.output import Json, print_json, print_table
from episode_monitor.exits import ExitCode
from episode_monitor.settings.rules_file import core_from
from episode_monitor.settings.settings import Settings, load_settings

PATIENCE_SECONDS = 10.0


def doctor(as_json: Json = False) -> None:
    """Check Kafka, topics, sinks, PostgreSQL, rules and clock. Exit code 1: a problem; 3: one is unavailable."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what it has to say is said below, once
    settings = load_settings()
    findings = asyncio.run(examine(settings))
    if as_json:
        print_json(msgspec.to_builtins(findings))
    else:
        print_table(("Part", "", "How it is"), [[f.part, f.verdict.value, f.sentence] for f in findings])
        for finding in findings:
            if finding.commands:  # apart from the table, which would break them
                print(f"\nFor the cluster's administrator ({finding.part}):")
                print("\n".join(finding.commands))
    raise typer.Exit(exit_code(findings))


def exit_code(findings: list[Diagnosis]) -> ExitCode:
    """What is away comes before what is wrong: the rest could not be looked at."""
    verdicts = {finding.verdict for finding in findings}
    if DiagnosisLevel.UNREACHABLE in verdicts:
        return ExitCode.UNREACHABLE
    return ExitCode.ISSUES_FOUND if DiagnosisLevel.WRONG in verdicts else ExitCode.CLEAN


async def examine(settings: Settings) -> list[Diagnosis]:
    """Every part, in order."""
    findings = [_rules(settings), *alerting_files(settings), state_dir(settings), tokens(settings), _codecs()]
    kafka = await _kafka(settings)
    findings.append(kafka)
    topics = await _topics(settings) if kafka.verdict is DiagnosisLevel.OK else skipped("topics", "Kafka")
    findings.append(topics)
    is_there = topics.verdict is DiagnosisLevel.OK
    findings += await _topic_settings(settings) if is_there else [skipped("topic settings", "the topics")]
    findings.append(await _audit(settings) if is_there else skipped("audit", "the topics"))
    findings.append(await _dispatcher(settings) if is_there else skipped("dispatcher", "the topics"))
    findings.append(await _partitioning(settings) if is_there else skipped("partitioning", "the topics"))
    findings.append(await _worker_clocks(settings) if is_there else skipped("worker clocks", "the topics"))
    findings += await sinks(settings)
    findings += await receivers(settings)
    findings.append(await tracing(settings))
    findings += await own_database(settings)
    return findings + await service_database(settings)


def _rules(settings: Settings) -> Diagnosis:
    core = core_from(settings)
    count = len(core.rules.by_id)
    where = settings.rules_path
    if not count:
        return Diagnosis(
            "rules", DiagnosisLevel.WRONG, f"{where} contains no rule, so no alert is ever raised; add one."
        )
    return Diagnosis("rules", DiagnosisLevel.OK, f"{where} can be used; active rules: {', '.join(core.rules.by_id)}.")


def _codecs() -> Diagnosis:
    from agents.fetching.decompression import CODEC_NAMES, missing_codecs

    missing = missing_codecs()
    if missing is not None:
        return Diagnosis("codecs", DiagnosisLevel.WRONG, missing)
    return Diagnosis("codecs", DiagnosisLevel.OK, f"Compressed batches can be read: {', '.join(CODEC_NAMES.values())}.")


async def _kafka(settings: Settings) -> Diagnosis:
    from agents.kafka.topics import kafka_trouble
    from episode_monitor.access import kafka_access

    kafka = kafka_access(settings)
    trouble = await kafka_trouble(kafka, PATIENCE_SECONDS)
    if trouble:
        return Diagnosis("kafka", DiagnosisLevel.UNREACHABLE, trouble)
    return Diagnosis("kafka", DiagnosisLevel.OK, f"Kafka answers at {kafka}.")


async def _topics(settings: Settings) -> Diagnosis:
    from episode_monitor.cli.doctor_topics import topics

    return await topics(settings)


async def _topic_settings(settings: Settings) -> list[Diagnosis]:
    from aiokafka.errors import KafkaError

    from agents.kafka.refusals import why
    from agents.kafka.topic_check import check_topics
    from episode_monitor.access import kafka_access, topic_names

    kafka = kafka_access(settings)
    session_ms = settings.kafka_session_timeout_seconds * 1000
    try:
        _, misfits = await check_topics(kafka, topic_names(settings), session_ms)
    except KafkaError as error:
        return [Diagnosis("topic settings", DiagnosisLevel.UNREACHABLE, await why(error, kafka))]
    if misfits:
        return [Diagnosis("topic settings", DiagnosisLevel.WRONG, sentence) for sentence in misfits]
    return [
        Diagnosis(
            "topic settings",
            DiagnosisLevel.OK,
            "Cleanup policy, retention, record sizes, replicas and timeouts are suitable.",
        )
    ]


async def _audit(settings: Settings) -> Diagnosis:
    from episode_monitor.cli.doctor_audit import audit

    return await audit(settings)


async def _dispatcher(settings: Settings) -> Diagnosis:
    from episode_monitor.cli.doctor_dispatcher import dispatcher

    return await dispatcher(settings)


async def _worker_clocks(settings: Settings) -> Diagnosis:
    from episode_monitor.cli.doctor_clocks import worker_clocks

    return await worker_clocks(settings)


async def _partitioning(settings: Settings) -> Diagnosis:
    from aiokafka.errors import KafkaError

    from agents.kafka.topics import describe_topics
    from episode_monitor.access import kafka_access, topic_names
    from episode_monitor.cli.partitioning import look_at_partitioning

    kafka, names = kafka_access(settings), topic_names(settings)
    try:
        count = (await describe_topics(kafka, names))[names.events]
        is_well, sentence = await look_at_partitioning(kafka, names.events, names.fleet, count)
    except KafkaError as error:
        return Diagnosis(
            "partitioning", DiagnosisLevel.UNREACHABLE, f"Kafka does not return the newest events: {error}."
        )
    return Diagnosis("partitioning", DiagnosisLevel.OK if is_well else DiagnosisLevel.WRONG, sentence)
