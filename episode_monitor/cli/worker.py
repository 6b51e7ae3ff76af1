"""`episode-monitor worker`."""

import uvloop

from episode_monitor.observe.logs import configure
from episode_monitor.settings.rules_file import core_from
from episode_monitor.settings.settings import load_settings
from episode_monitor.worker import run_worker


def worker() -> None:
    """Read events from Kafka, keep the state, serve HTTP and deliver alerts. Runs until SIGTERM or Ctrl-C."""
    settings = load_settings()
    configure(settings.log_level, settings.log_format)
    raise SystemExit(int(uvloop.run(run_worker(settings, core_from(settings)))))
