"""Compares the other workers' settings with this worker's, by the digests that they publish to the fleet topic."""

import asyncio
from collections.abc import Callable

import structlog

from agents.fleet_topic.fleet_view import FleetView

log = structlog.get_logger(__name__)

LOOK_SECONDS = 1.0
MAX_NAMED = 20  # settings in one sentence


class SettingsWatch:
    """`differing` names the settings in which a worker with that digest differs."""

    def __init__(self, view: FleetView, worker_id: str, differing: Callable[[bytes], list[str]]) -> None:
        self._view = view
        self._worker_id = worker_id
        self._differing = differing
        self._said: dict[str, list[str]] = {}  # of the workers that differ now

    async def run(self) -> None:
        """Log, once each, which workers differ."""
        while True:
            self.look()
            await asyncio.sleep(LOOK_SECONDS)

    def look(self) -> None:
        """One look."""
        found = self.found()
        for url, names in found.items():
            if self._said.get(url) != names:
                log.warning(
                    "a worker of this monitor has different settings; use the same on all workers and restart them",
                    url=url, settings=names,
                )  # fmt: skip
        self._said = found

    def found(self) -> dict[str, list[str]]:
        """Address of each known worker that differs, and in which settings."""
        found: dict[str, list[str]] = {}
        for number, known in self._view.reader.known.items():
            record = known.record
            if number in self._view.owned or record.worker_id == self._worker_id or self._view.reader.is_stale(known):
                continue
            names = self._differing(record.settings)
            if names:
                found[record.url] = names
        return found

    def status(self) -> str:
        """ "ok", or a sentence a worker."""
        said = []
        for url, names in sorted(self.found().items()):
            more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
            said.append(
                f"The worker at {url} differs from this one in {', '.join(names[:MAX_NAMED])}{more}: use the same "
                f"settings on all workers and restart them."
            )
        return " ".join(said) or "ok"
