"""`worker`: one process, or several that are supervised and seen as one."""

from typing import Annotated

import typer
import uvloop

from episode_monitor.cli.commands import uncollected
from episode_monitor.exits import ExitCode
from episode_monitor.observe.logs import configure
from episode_monitor.settings.rules_file import core_from
from episode_monitor.settings.settings import Settings, SettingsError, load_settings
from episode_monitor.settings.validators import process_count
from episode_monitor.supervising.counting import processes_for, quota_cores, usable_cores


def worker(
    processes: Annotated[
        str | None,
        typer.Option(
            help="How many processes share the work and are seen as one; auto: one for each core. WORKER_PROCESSES if "
            "it is not given.",
            metavar="N|auto",
        ),
    ] = None,
    seat: Annotated[int | None, typer.Option(hidden=True, help="Where a supervisor says what this process is.")] = None,
) -> None:
    """Read events from Kafka, keep the state, serve HTTP and deliver alerts. Runs until SIGTERM or Ctrl-C."""
    if seat is not None:
        raise SystemExit(int(_run_seated(seat)))
    settings = load_settings()
    count = _count(processes, settings)
    if count > 1:
        configure(settings.log_level, settings.log_format, process="supervisor")
        raise SystemExit(_supervise(settings, count))
    configure(settings.log_level, settings.log_format)
    with uncollected():
        from episode_monitor.worker import run_worker

    raise SystemExit(int(uvloop.run(run_worker(settings, core_from(settings)))))


def _run_seated(fd: int) -> ExitCode:
    from episode_monitor.supervising.seat import Line

    line = Line(fd)
    settings = load_settings()
    configure(settings.log_level, settings.log_format, process=line.seat.number)
    with uncollected():
        from episode_monitor.worker import run_worker

    return uvloop.run(run_worker(settings, core_from(settings), line))


def _supervise(settings: Settings, count: int) -> int:
    from episode_monitor.supervising.supervisor import Where, supervise

    def check() -> None:
        core_from(load_settings())

    check()
    where = Where(
        host=settings.monitoring_host,
        port=settings.monitoring_port,
        public_url=settings.public_url,
        first_own_port=settings.worker_own_ports,
    )
    return supervise(where, count, check)


def _count(given: str | None, settings: Settings) -> int:
    """Raises SettingsError."""
    try:
        words = settings.worker_processes if given is None else process_count(given.strip())
    except ValueError as error:
        raise SettingsError(f"--processes is {given!r}, but {error}.") from None
    if words == "auto":
        return processes_for(usable_cores(), quota_cores(), settings.events_partitions)
    return int(words)
