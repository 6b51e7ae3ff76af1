"""The answers while EPISODE_MONITORING_ENABLED is false: no number is known, so none is given, and nothing is broken.

The integrity summary answers 200 with nulls, for health checks ask it; all else is refused with 501.
"""

from typing import Any, Final

import msgspec

from episode_monitor.fleet.errors import NotAvailable
from episode_monitor.fleet.question import Question
from episode_monitor.fleet.questions.summary import SummaryQuestion
from episode_monitor.observe.process_view import Process
from models.integrity_views import SwitchedOffSummary
from models.process_views import Readiness

OFF: Final = (
    "EPISODE_MONITORING_ENABLED is false, so this worker reads no events and has no numbers; "
    "set it to true and restart the worker."
)


def refuse(*_: object) -> Any:
    """In place of whatever needs events."""
    raise NotAvailable(OFF)


class SwitchedOffFleet:
    """See `episode_monitor.fleet.ask.Asks`."""

    async def ask(self, question: Question[Any, Any]) -> Any:
        """The summary, which says that it is off."""
        return SwitchedOffSummary(detail=OFF) if isinstance(question, SummaryQuestion) else refuse()

    async def encoded(self, question: Question[Any, Any]) -> bytes:
        """The same as JSON."""
        return msgspec.json.encode(await self.ask(question))

    def version(self) -> None:
        """Nothing here changes."""


class SwitchedOffProcess:
    """Not ready: what cannot answer gets no questions. Metrics of the process itself are there."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self.metrics = process.metrics
        self.metrics_json = process.metrics_json

    async def readiness(self) -> Readiness:
        """Each part that is not well is so because of this."""
        readiness = await self._process.readiness()
        parts = {name: word if word == "ok" else OFF for name, word in readiness.parts.items()}
        return msgspec.structs.replace(readiness, ready=False, parts={**parts, "events": OFF})
