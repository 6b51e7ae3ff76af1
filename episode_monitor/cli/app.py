"""The commands. Each does its work elsewhere; here are only its words, its output and its exit code."""

import asyncio
import json
import sys
from typing import Annotated, Any

import msgspec
import typer
import uvloop
from rich.console import Console
from rich.table import Table

from episode_monitor.exits import ExitCode, Failure
from episode_monitor.logs import configure
from episode_monitor.rules_file import core_from, load_rules
from episode_monitor.settings import Settings, SettingsError, load_settings

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Watches episode numbering: gaps, duplicates, conflict and failure rates, exactly and as they happen.",
)
config = typer.Typer(no_args_is_help=True, help="The settings in force.")
topics = typer.Typer(no_args_is_help=True, help="The topics the monitor works with.")
rules = typer.Typer(no_args_is_help=True, help="The alert rules.")
app.add_typer(config, name="config")
app.add_typer(topics, name="topics")
app.add_typer(rules, name="rules")

Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]


def main() -> None:
    """Run a command; every failure is a sentence on standard error and an exit code."""
    try:
        app(standalone_mode=True)
    except SettingsError as error:
        _end(str(error), ExitCode.USAGE)
    except Failure as failure:
        _end(str(failure), failure.code)


def _end(sentence: str, code: ExitCode) -> None:
    print(f"episode-monitor: {sentence}", file=sys.stderr)
    raise SystemExit(int(code))


def _settings() -> Settings:
    settings = load_settings()
    configure(settings.log_level, settings.log_format)
    return settings


@app.command()
def worker() -> None:
    """Take events from Kafka, keep the tables, serve HTTP, deliver alerts. Runs until SIGTERM or Ctrl-C."""
    from episode_monitor.worker import run_worker

    settings = _settings()
    core = core_from(settings)
    raise SystemExit(int(uvloop.run(run_worker(settings, core))))


@app.command()
def demo(
    seconds: Annotated[float | None, typer.Option(help="Stop by itself after so many seconds.")] = None,
    rate: Annotated[float, typer.Option(help="Creations a second over all projects.", min=1, max=500)] = 20.0,
) -> None:
    """The whole system on this machine: broker, database, project service, load, worker. Ctrl-C stops it all."""
    from episode_monitor.demo.stage import run_demo

    raise SystemExit(asyncio.run(run_demo(seconds=seconds, rate=rate)))


@config.command("show")
def config_show(as_json: Json = False) -> None:
    """Every setting as it is in force; secrets are never shown."""
    values = load_settings().public()
    _show(values, as_json, ("Setting", "Value"))


@rules.command("show")
def rules_show(as_json: Json = False) -> None:
    """The rules in force, overrides applied."""
    settings = load_settings()
    in_force = [msgspec.to_builtins(rule) for rule in load_rules(settings.rules_path, settings)]
    core_from(settings)
    if as_json:
        _print_json(in_force)
        return
    table = Table("Rule", "Measure", "Severity", "Threshold", "Window")
    for rule in in_force:
        window = f"{rule['window_minutes']} min" if rule["window_minutes"] else "-"
        table.add_row(rule["rule_id"], rule["measure"], rule["severity"], str(rule["threshold"]), window)
    Console().print(table)


@topics.command("ensure")
def topics_ensure(as_json: Json = False) -> None:
    """Create the topics that are missing and check the others."""
    _show(asyncio.run(_topics(ensure=True)), as_json, ("Topic", "Partitions"))


@topics.command("describe")
def topics_describe(as_json: Json = False) -> None:
    """The topics and their partitions; 0 for one that is missing."""
    _show(asyncio.run(_topics(ensure=False)), as_json, ("Topic", "Partitions"))


async def _topics(*, ensure: bool) -> dict[str, int]:
    from aiokafka.errors import KafkaError

    from agents.topics import TopicMismatch, describe_topics, ensure_topics
    from episode_monitor.composition import topic_names

    settings = load_settings()
    servers, names = settings.kafka_bootstrap_servers, topic_names(settings)
    try:
        if ensure:
            return await ensure_topics(servers, names, settings.events_partitions, settings.topic_replication_factor)
        return await describe_topics(servers, names)
    except TopicMismatch as error:
        raise Failure(str(error), ExitCode.ISSUES_FOUND) from None
    except (KafkaError, OSError) as error:
        why = str(error) or type(error).__name__
        raise Failure(
            f"Kafka at {servers} does not answer ({why}); check KAFKA_BOOTSTRAP_SERVERS.", ExitCode.UNREACHABLE
        ) from None


def _show(values: dict[str, Any], as_json: bool, heads: tuple[str, str]) -> None:
    if as_json:
        _print_json(values)
        return
    table = Table(*heads)
    for name, value in values.items():
        table.add_row(name, "" if value is None else str(value))
    Console().print(table)


def _print_json(value: object) -> None:
    print(json.dumps(value, ensure_ascii=False, indent=2, default=str))
