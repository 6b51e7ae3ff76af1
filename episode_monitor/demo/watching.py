"""What happens when a part of the demo stops: a program is started again, a few times, so that a reader can kill one
and watch the recovery. Broker, database and receiver have their data in memory, so without them the demo ends."""

import asyncio
import shutil
import signal
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from episode_monitor.demo.guarded import ServerError
from episode_monitor.demo.server import LocalServer

RESTARTS: Final = 5  # of each program; one that stops more often has a fault to look at


class Watch:
    """`programs` are started again, `servers` are not. `say` prints one line."""

    def __init__(
        self, programs: Sequence[LocalServer], servers: Sequence[LocalServer], say: Callable[[str], None]
    ) -> None:
        self._programs, self._servers, self._say = programs, servers, say
        self._restarts: Counter[str] = Counter()

    async def look(self) -> None:
        """Start again what has stopped. Raises ServerError where that does not help; the logs of all parts stay."""
        for part in (*self._servers, *self._programs):
            if not part.is_running:
                await self._start_again(part)

    async def _start_again(self, part: LocalServer) -> None:
        how = _how_it_ended(part.returncode)
        if part in self._servers or self._restarts[part.name] == RESTARTS:
            often = f" after {RESTARTS} restarts" if part not in self._servers else ""
            raise ServerError(f"The {part.name} has stopped{often} ({how}); all parts' logs are in {self._keep()}")
        self._restarts[part.name] += 1
        number = self._restarts[part.name]
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
