"""`health`: what a container's health check asks, for people and for health checks of their own."""

from typing import Annotated

import typer

from episode_monitor.addresses import local_url
from episode_monitor.cli.calling import Url
from episode_monitor.cli.output import Json, print_json
from episode_monitor.exits import ExitCode, Failure
from episode_monitor.observe.health import PATIENCE_SECONDS, NoAnswer, ask
from episode_monitor.settings.settings import load_settings

Patience = Annotated[float, typer.Option("--timeout", help="Seconds to wait for the answer.", min=0.1, max=300)]


def health(url: Url = None, timeout_seconds: Patience = PATIENCE_SECONDS, as_json: Json = False) -> None:
    """Check that the worker on this machine is healthy: its integrity summary answers 200. Exit code 1 if not."""
    settings = load_settings()
    address = url or local_url(settings.monitoring_host, settings.monitoring_port)
    try:
        is_healthy, sentence = ask(address.rstrip("/"), timeout_seconds)
    except NoAnswer as error:
        raise Failure(str(error), ExitCode.UNREACHABLE) from None
    if as_json:
        print_json({"healthy": is_healthy, "detail": sentence})
    if not is_healthy:
        raise Failure(sentence, ExitCode.ISSUES_FOUND)
    if not as_json:
        print(sentence)
