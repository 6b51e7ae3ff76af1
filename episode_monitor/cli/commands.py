"""Commands that are imported when they are called: what one needs takes longer to import than another runs."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any, Final

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command, get_group

from episode_monitor.exits import Interrupted

# Name -> module of this package and what it has, a function or a group of commands; and its first sentence of help.
COMMANDS: Final = {
    "worker": (
        "worker:worker",
        "Read events from Kafka, keep the state, serve HTTP and deliver alerts. Runs until SIGTERM or Ctrl-C.",
    ),
    "demo": (
        "demo:demo",
        "Run the whole system on this machine: broker, database, project service, load, worker. Ctrl-C stops it.",
    ),
    "config": ("config:config", "Show the settings."),
    "topics": ("topics:topics", "Create and describe the topics of the monitor."),
    "rules": ("rules:rules", "Show and test the alert rules."),
    "alerts": ("alerts:alerts", "Show and handle the alerts of a running monitor."),
    "silence": ("silence:silence", "Show and handle the silences of a running monitor."),
    "receivers": ("receivers:receivers", "Show and try the receivers of a running monitor."),
    "dead-letters": ("dead_letters:dead_letters", "Show and handle the dead letters of a running monitor."),
    "oncall": ("oncall:oncall", "Show who is on call, and overrides of shifts."),
    "audit": ("audit:audit", "Show who changed what, prove what was processed, and export both for auditors."),
    "tokens": ("tokens:tokens", "Make tokens for the HTTP interface."),
    "repair": ("repair:app", "Plan a repair of episode numbers, apply it, roll it back."),
    "check": (
        "check:check",
        "Check all projects, or compare the named ones with DATABASE_URL. Exit code 1 if issues are found.",
    ),
    "migrate": (
        "migrate:migrate",
        "Create or update the tables at MONITOR_DATABASE_URL and grant them to the roles of workers and readers.",
    ),
    "doctor": (
        "doctor:doctor",
        "Check Kafka, topics, sinks, PostgreSQL, rules and clock. Exit code 1: a problem; 3: one is unavailable.",
    ),
    "health": (
        "health:health",
        "Check that the worker on this machine is healthy: its integrity summary answers 200. Exit code 1 if not.",
    ),
    "replay": (
        "replay:replay",
        "Process events again and report the result. Exit code 1: gaps, duplicates, dead letters, or differences.",
    ),
    "rebuild": ("rebuild:rebuild", "Build a monitor's state anew under another name, and switch to it."),
    "backfill": (
        "backfill:backfill",
        "Send every episode of the project service's table as an event, so that the monitor knows all existing "
        "numbers.",
    ),
}

WITHOUT_SETTINGS: Final = frozenset({"demo"})  # what it starts has folders and environments of its own, and logs itself

_RESOLVED: Final = "episode_monitor.cli.resolved"  # in the context: name, command and its words


class LazyCommands(TyperGroup):
    """The commands above. Help, which lists all, imports none."""

    _is_help = False

    def list_commands(self, ctx: Any) -> list[str]:
        """All names, in the order of help."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of that name; while help is made only its name and help."""
        if cmd_name not in COMMANDS:
            return None
        if self._is_help:
            return TyperCommand(cmd_name, help=COMMANDS[cmd_name][1])
        if cmd_name not in self.commands:
            self.commands[cmd_name] = imported(cmd_name)
        return self.commands[cmd_name]

    def resolve_command(self, ctx: Any, args: Any) -> Any:
        """As click does it; `options_of` reads the words that are left once more."""
        found = super().resolve_command(ctx, args)
        ctx.meta[_RESOLVED] = found
        return found

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """All commands with a line each."""
        self._is_help = True
        try:
            super().format_help(ctx, formatter)
        finally:
            self._is_help = False

    def invoke(self, ctx: Any) -> Any:
        """Run the command; Ctrl-C that it does not explain itself is a sentence all the same."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise Interrupted("Interrupted before the command ended.") from None


def options_of(context: Any) -> dict[str, Any]:
    """The options of the innermost command that is about to run, as its parser reads them; none is checked yet."""
    _, command, words = context.meta[_RESOLVED]
    while True:
        context = command.context_class(command, parent=context, resilient_parsing=True)
        options, words, _ = command.make_parser(context).parse_args(args=list(words))
        inner = command.get_command(context, words[0]) if words and isinstance(command, TyperGroup) else None
        if inner is None or "help" in options:
            return dict(options)
        command, words = inner, words[1:]


@contextmanager
def uncollected() -> Iterator[None]:
    """For imports: what they make stays, and the collector would look through all of it again and again."""
    is_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if is_enabled:
            gc.enable()


def imported(name: str) -> Any:
    """The command or group of that name."""
    module, attribute = COMMANDS[name][0].split(":")
    with uncollected():
        found = getattr(import_module(f"episode_monitor.cli.{module}"), attribute)
    if isinstance(found, typer.Typer):
        command: Any = get_group(found)
    else:
        alone = typer.Typer(add_completion=False)
        alone.command()(found)
        command = get_command(alone)
    command.name = name
    return command
