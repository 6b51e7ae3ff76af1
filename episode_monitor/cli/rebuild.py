"""`rebuild`: the state of a monitor built anew under another name, compared, put in its place; and the old one deleted.

MONITOR_ID is the monitor in force. Nothing of it is changed without `--execute`, nothing deleted without a typed name.
"""

import asyncio
import logging
import sys
from collections.abc import Coroutine
from typing import Annotated, Any, TypeVar

import msgspec
import typer
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

from agents.engine.gc_tuning import spare_the_state
from agents.kafka.access import KafkaAccess
from episode_monitor.access import kafka_access
from episode_monitor.cli.calling import name_of
from episode_monitor.cli.output import Json, bar, count, print_json, print_table, shown
from episode_monitor.exits import ExitCode, Failure
from episode_monitor.observe.logs import configure_command
from episode_monitor.rebuild.monitors import Pair, Refused, pair_of
from episode_monitor.settings.settings import Settings, load_settings

rebuild = typer.Typer(no_args_is_help=True, help="Build a monitor's state anew under another name, and switch to it.")

To = Annotated[str, typer.Option("--to", help="The name of the new monitor, its MONITOR_ID later.")]
Events = Annotated[str | None, typer.Option("--events", help="The topic that it reads; default: EVENTS_TOPIC.")]
Execute = Annotated[bool, typer.Option("--execute", help="Do it; without, only say what would be done.")]
AcceptLoss = Annotated[
    bool, typer.Option("--accept-loss", help="Build although the beginning of the events was deleted.")
]
By = Annotated[str | None, typer.Option("--by", help="Your name, for the audit; default: your login name.")]

T = TypeVar("T")


@rebuild.command("plan")
def plan_(to: To, events: Events = None, accept_loss: AcceptLoss = False, as_json: Json = False) -> None:
    """Say what a rebuild would create, process, and not carry over. Writes nothing."""
    from episode_monitor.rebuild.planning import plan

    pair = _pair(_settings(), to, events)
    _show(_run(plan(pair, accepts_loss=accept_loss), pair.kafka), as_json)


@rebuild.command("start")
def start_(to: To, events: Events = None, accept_loss: AcceptLoss = False, as_json: Json = False) -> None:
    """Create the new monitor's topics and build its state; the running monitor is only read.

    Run it again after an interruption, or to follow the running monitor: it continues.
    """
    from episode_monitor.rebuild.starting import start

    pair = _pair(_settings(), to, events)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with bar(*columns) as progress:

        def begin(found: Any) -> Any:
            print(f"{', '.join(found.cases)}: {count(found.records, 'record')} in "
                  f"{count(len(found.partitions), 'partition')}.", file=sys.stderr)  # fmt: skip
            task = progress.add_task("records", total=found.records)
            return lambda offsets: progress.advance(task, offsets)

        started = _run(start(pair, begin, accepts_loss=accept_loss), pair.kafka)
    _show(started, as_json)
    print(f"Next: episode-monitor rebuild compare --to {to}", file=sys.stderr)


@rebuild.command("compare")
def compare_(to: To, events: Events = None, as_json: Json = False) -> None:
    """Compare the states of both monitors at the same offsets. Exit code 1 if a project differs."""
    from episode_monitor.rebuild.comparing import compare_monitors
    from episode_monitor.rebuild.planning import outline

    pair = _pair(_settings(), to, events)

    async def compared() -> Any:
        return await compare_monitors(pair, await outline(pair))

    found = _run(compared(), pair.kafka)
    comparison = found.comparison
    if as_json:
        more = {"old_digest": found.old_digest, "new_digest": found.new_digest, "behind": found.behind}
        print_json(msgspec.to_builtins(comparison) | more)
    else:
        rows = [[d.project_id, d.what, _words(d.replayed), _words(d.other), d.explanation]
                for d in comparison.differences]  # fmt: skip
        if rows:
            print_table(("Project", "What", "New", "Old", "Explanation"), rows)
        print(f"{count(comparison.projects, 'project')}, {count(len(rows), 'difference')}; digest of the old state "
              f"{found.old_digest}, of the new {found.new_digest}")  # fmt: skip
    for note in comparison.notes:
        print(note, file=sys.stderr)
    if not comparison.equal:
        raise typer.Exit(ExitCode.ISSUES_FOUND)


@rebuild.command("switch")
def switch_(
    to: To, events: Events = None, execute: Execute = False,
    accept_differences: Annotated[
        bool, typer.Option("--accept-differences", help="Switch although projects differ.")
    ] = False,
    within: Annotated[int, typer.Option(help="Records that the new one may be behind.", min=0)] = 100_000,
    by: By = None, as_json: Json = False,
) -> None:  # fmt: skip
    """Put the new monitor in the place of the old one, whose workers must be stopped. The old state is kept."""
    from episode_monitor.rebuild.switching import switch

    settings = _settings()
    pair = _pair(settings, to, events)
    work = switch(pair, execute=execute, accept_differences=accept_differences, within=within)
    if execute:
        work = _audited(work, settings, by, "rebuild.switch", to, replaced=pair.old_id)
    _show(_run(work, pair.kafka), as_json)
    if execute:
        and_events = f" and EVENTS_TOPIC={pair.new.events}" if events else ""
        print(f"Now start all workers with MONITOR_ID={to}{and_events}. {pair.old_id} is kept; a worker of it refuses "
              f"to go live.", file=sys.stderr)  # fmt: skip
    else:
        print("It can be switched. Nothing was written; --execute does it.", file=sys.stderr)


@rebuild.command("undo")
def undo_(to: To, execute: Execute = False, by: By = None) -> None:
    """Put the old monitor (MONITOR_ID) back in force after a switch. Workers of both must be stopped."""
    from episode_monitor.rebuild.switching import undo

    settings = _settings()
    pair = _pair(settings, to, None)
    if not execute:
        print(f"{pair.old_id} would be in force again, and {to} on standby; --execute does it.", file=sys.stderr)
        return
    _run(_audited(undo(pair), settings, by, "rebuild.undo", to, restored=pair.old_id), pair.kafka)
    print(f"Now start all workers with MONITOR_ID={pair.old_id}.", file=sys.stderr)


@rebuild.command("delete")
def delete_(
    monitor_id: Annotated[str, typer.Argument(help="The monitor to delete; not the one in force.")],
    execute: Execute = False,
    confirm: Annotated[str | None, typer.Option(help="The same name again.")] = None,
    by: By = None,
    as_json: Json = False,
) -> None:
    """Delete a monitor's own topics and its consumer group; without --execute, list them."""
    from episode_monitor.rebuild.deleting import delete

    settings = _settings()
    work = delete(settings, monitor_id, execute=execute)
    if execute:
        if confirm != monitor_id:
            work.close()
            raise Refused(f"Nothing was deleted: --confirm must repeat the name, {monitor_id}.")
        work = _audited(work, settings, by, "rebuild.delete", monitor_id)
    _show(_run(work, kafka_access(settings)), as_json)
    if not execute:
        print(f"Nothing was deleted; --execute --confirm {monitor_id} does it.", file=sys.stderr)


def _settings() -> Settings:
    settings = load_settings()
    configure_command(settings.log_level, settings.log_format)  # to standard error: data is on standard output
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what it has to say is said once, in words
    return settings


def _pair(settings: Settings, to: str, events: str | None) -> Pair:
    spare_the_state()
    return pair_of(settings, to, events)


async def _audited(
    work: Coroutine[Any, Any, T], settings: Settings, by: str | None, what: str, target: str, **more: str
) -> T:
    from episode_monitor.rebuild.audited import audited

    async with audited(settings, name_of(by), what, target, **more):
        return await work


def _run(work: Coroutine[Any, Any, T], kafka: KafkaAccess) -> T:
    from aiokafka.errors import KafkaError, ProducerFenced

    from agents.engine.changelog import StateIsUnreadable
    from agents.kafka.refusals import RIGHTS, why
    from agents.kafka.topics import TopicMismatch
    from episode_monitor.replay.source import NoSuchPartition

    async def explained() -> T:
        try:
            return await work
        except ProducerFenced:
            raise Refused("Another process has claimed a partition of the changelog meanwhile; run only one.") from None
        except (TopicMismatch, NoSuchPartition, StateIsUnreadable) as error:
            raise Refused(str(error)) from None
        except RIGHTS as error:
            raise Refused(await why(error, kafka)) from None
        except (KafkaError, OSError) as error:
            raise Failure(await why(error, kafka), ExitCode.UNREACHABLE) from None

    try:
        return asyncio.run(explained())
    except KeyboardInterrupt:
        raise Failure("Interrupted; what was stored is whole, and the command run again continues.",
                      ExitCode.INTERRUPTED) from None  # fmt: skip


def _show(found: Any, as_json: bool) -> None:
    values = msgspec.to_builtins(found)
    if as_json:
        print_json(values)
        return
    print_table(("What", "Value"), [[name, _words(value)] for name, value in values.items()])


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_words(each)}" for name, each in value.items() if each != "") or "none"
    if isinstance(value, list):
        return ("; " if any(isinstance(each, dict) for each in value) else " ").join(map(_words, value)) or "none"
    return shown(value)
