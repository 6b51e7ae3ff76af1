"""What happens when a part of the demo stops: a program is started again, a few times, so that a reader can kill one
and watch the recovery. Broker, database and receiver have their data in memory, so without them the demo ends."""

import asyncio
import shutil
import signal
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from episode_monitor.demo.guarded import ServerError
from episode_monitor.demo.server import LocalServer

RESTARTS: Final = 5  # of each program within ten minutes; one that stops more often has a fault to look at
WITHIN_SECONDS: Final = 600.0


class Watch:
    """`programs` are started again, `servers` are not. `say` prints one line."""

    def __init__(
        self, programs: Sequence[LocalServer], servers: Sequence[LocalServer], say: Callable[[str], None],
        now: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._programs, self._servers, self._say, self._now = programs, servers, say, now
        self._restarted_at: defaultdict[str, list[float]] = defaultdict(list)

    async def look(self) -> None:
        """Start again what has stopped. Raises ServerError where that does not help; the logs of all parts stay."""
        for part in (*self._servers, *self._programs):
            if not part.is_running:
                await self._start_again(part)

    async def _start_again(self, part: LocalServer) -> None:
        how, now = _how_it_ended(part.returncode), self._now()
        restarted_at = [at for at in self._restarted_at[part.name] if now - at < WITHIN_SECONDS]
        if part in self._servers or len(restarted_at) == RESTARTS:
            often = f" after {RESTARTS} restarts" if part not in self._servers else ""
            raise ServerError(f"The {part.name} has stopped{often} ({how}); all parts' logs are in {self._keep()}")
        self._restarted_at[part.name] = [*restarted_at, now]
        number = len(restarted_at) + 1
        self._say(f"The {part.name} has stopped ({how}) and is started again ({number} of {RESTARTS}): {part.log_file}")
        try:
            await asyncio.to_thread(part.start)
        except ServerError as error:
            self._say(str(error))
        else:
            self._say(f"The {part.name} runs again.")

    def _keep(self) -> Path:
        """A folder that outlives the demo, with the logs."""
        kept = Path(tempfile.mkdtemp(prefix="episode-monitor-demo-logs-"))
        for part in (*self._servers, *self._programs):
            if part.log_file.is_file():
                shutil.copyfile(part.log_file, kept / f"{part.name.replace(' ', '-')}.log")
        return kept


def _how_it_ended(returncode: int | None) -> str:
    """
    >>> _how_it_ended(3), _how_it_ended(-9)
    ('exit code 3', 'killed by SIGKILL')
    """
    if returncode is None or returncode >= 0:
        return f"exit code {returncode}"
    return f"killed by {signal.Signals(-returncode).name}"
