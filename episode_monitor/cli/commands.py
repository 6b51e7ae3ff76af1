"""Commands that are imported when they are called: what one needs takes longer to import than another runs."""

from importlib import import_module
from typing import Any, Final

import typer
from typer.core import TyperGroup
from typer.main import get_command, get_group

from episode_monitor.exits import Interrupted

# Name -> module of this package and what it has: a function, or a group of commands.
_COMMANDS: Final = {
    "topics": "topics:topics",
    "rules": "rules:rules",
    "alerts": "alerts:alerts",
    "silence": "silence:silence",
    "receivers": "receivers:receivers",
    "dead-letters": "dead_letters:dead_letters",
    "oncall": "oncall:oncall",
    "audit": "audit:audit",
    "tokens": "tokens:tokens",
    "repair": "repair:app",
    "check": "check:check",
    "doctor": "doctor:doctor",
    "health": "health:health",
    "replay": "replay:replay",
    "rebuild": "rebuild:rebuild",
    "backfill": "backfill:backfill",
}


class LazyCommands(TyperGroup):
    """The commands that are defined beside it, and those above."""

    def list_commands(self, ctx: Any) -> list[str]:
        """All names, in the order of help."""
        return [*self.commands, *(name for name in _COMMANDS if name not in self.commands)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of that name."""
        if cmd_name in _COMMANDS and cmd_name not in self.commands:
            self.commands[cmd_name] = _imported(cmd_name)
        return super().get_command(ctx, cmd_name)

    def invoke(self, ctx: Any) -> Any:
        """Run the command; Ctrl-C that it does not explain itself is a sentence all the same."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise Interrupted("Interrupted before the command ended.") from None


def _imported(name: str) -> Any:
    module, attribute = _COMMANDS[name].split(":")
    found = getattr(import_module(f"episode_monitor.cli.{module}"), attribute)
    if isinstance(found, typer.Typer):
        command: Any = get_group(found)
    else:
        alone = typer.Typer(add_completion=False)
        alone.command()(found)
        command = get_command(alone)
    command.name = name
    return command
