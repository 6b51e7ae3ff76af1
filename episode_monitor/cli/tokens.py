"""`tokens`: a new token for a person or a program, and its line for API_TOKENS_FILE."""

import secrets
import sys
from typing import Annotated, Final

import typer

from episode_monitor.cli.output import Json, print_json
from episode_monitor.exits import ExitCode, Failure
from episode_monitor.settings.api_tokens import ApiToken, Role, is_name

_BYTES: Final = 32

tokens = typer.Typer(no_args_is_help=True, help="Make tokens for the HTTP interface.")


@tokens.callback()
def group() -> None:
    """A group even while it has one command."""


@tokens.command("create")
def create(
    name: Annotated[str, typer.Argument(help="Whose token it is, one word; the audit has it of every change.")],
    role: Annotated[Role, typer.Option(help="What the token allows.")] = Role.OPERATOR,
    as_json: Json = False,
) -> None:
    """Make a token. It is shown once; the file gets the line with its hash, from which nobody can find the token."""
    if not is_name(name):
        raise Failure("NAME must be one word without `:`, `,` and `#`.", ExitCode.USAGE)
    token = secrets.token_urlsafe(_BYTES)
    line = ApiToken.of(role, token, name).line
    if as_json:
        print_json({"token": token, "line": line})
        return
    print(token)
    print(
        f"The token above is shown only now: give it to {name}. Add this line to the file that API_TOKENS_FILE names, "
        f"and start the workers again:\n\n{line}",
        file=sys.stderr,
    )
