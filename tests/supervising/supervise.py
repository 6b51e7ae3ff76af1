"""A supervisor of stand-ins. usage: supervise.py FOLDER COUNT; where FOLDER/wrong exists, settings are wrong."""

import sys
from pathlib import Path

from episode_monitor.observe.logs import configure
from episode_monitor.settings.settings import LogFormat, LogLevel
from episode_monitor.supervising.supervisor import Supervisor, Where

folder = Path(sys.argv[1])


def check() -> None:
    """As the settings would be looked at."""
    if (folder / "wrong").exists():
        raise ValueError("GRACE_SECONDS is 'x', but must be a whole number.")


configure(LogLevel.INFO, LogFormat.JSON, process="supervisor")
command = (sys.executable, "-m", "tests.supervising.stand_in", str(folder))
where = Where(host="127.0.0.1", port=0, public_url="http://127.0.0.1:0")
raise SystemExit(Supervisor(where, int(sys.argv[2]), check, command).run())
