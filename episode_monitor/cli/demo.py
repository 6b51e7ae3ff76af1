"""`episode-monitor demo`."""

import asyncio
from typing import Annotated

import typer

from episode_monitor.demo.stack import run_demo


def demo(
    seconds: Annotated[float | None, typer.Option(help="Stop after this many seconds.")] = None,
    rate: Annotated[float, typer.Option(help="Episodes created per second, over all projects.", min=1, max=500)] = 20.0,
) -> None:
    """Run the whole system on this machine: broker, database, project service, load, worker. Ctrl-C stops it."""
    raise SystemExit(asyncio.run(run_demo(seconds=seconds, rate=rate)))
