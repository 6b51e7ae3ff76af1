"""How each kind of check is done, and what a deep one leaves behind: alerts about drift, and the memory of them.

The memory is in the result that is stored, which follows the telling: a check that was lost in between tells again,
and the same.
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import msgspec
from aiokafka.errors import KafkaError

from episode_monitor.checks.basic import basic_check
from episode_monitor.checks.deep import DeepCheck, OpenReader, Stream
from episode_monitor.checks.drift_alerts import Drifting, Drifts, firing, transitions
from episode_monitor.checks.failing import CheckFailed
from episode_monitor.checks.runs import Progress
from episode_monitor.storage.protocols import CheckResults, DatabaseAway
from episode_monitor.storage.records import CheckKind, CheckQuery, CheckResult, CheckState
from models.alert import Alert
from streams.numbering import NumberingRules

_MEMORY = "drifting"  # the part of a stored result that only the next check reads

Tell = Callable[[Iterable[Alert]], Awaitable[None]]


class CheckWork:
    """`watched` gives what the watches of all workers have found since the last deep check."""

    def __init__(
        self,
        stream: Stream,
        open_reader: OpenReader | None,
        rules: NumberingRules,
        settle_seconds: float,
        results: CheckResults,
        tell: Tell,
        now_ms: Callable[[], int],
        watched: Callable[[], Awaitable[Drifts]],
    ) -> None:
        self.latest: Drifts = {}  # what drifted at the last deep check, as far as it was looked up
        self.latest_id = ""
        self._stream = stream
        self._open_reader = open_reader
        self._rules = rules
        self._settle_seconds = settle_seconds
        self._results = results
        self._tell = tell
        self._now_ms = now_ms
        self._watched = watched

    async def basic(self, check: CheckResult, progress: Progress) -> dict[str, Any]:
        """See `basic_check`."""
        return _stored(await basic_check(self._stream))

    async def deep(self, check: CheckResult, progress: Progress) -> dict[str, Any]:
        """See `DeepCheck`. Raises CheckFailed, ServiceDatabaseError."""
        try:
            await self.refresh()
        except DatabaseAway as error:
            raise CheckFailed(f"What the last check found cannot be looked up: {error}") from error
        before = {**self.latest, **await self._watched()}
        deep = DeepCheck(
            stream=self._stream, open_reader=self._open_reader, rules=self._rules,
            settle_seconds=self._settle_seconds, at_ms=check.started_at_ms, before=before, progress=progress,
        )  # fmt: skip
        result, drifts = await deep.run()
        try:
            await self._tell(transitions(before, drifts, self._now_ms()))
        except KafkaError as error:
            raise CheckFailed("Kafka did not take the alerts of this check: it will be run again.") from error
        self.latest, self.latest_id = drifts, check.id
        return {**_stored(result), _MEMORY: msgspec.to_builtins(drifts)}

    async def refresh(self) -> None:
        """Look up what the last deep check found, whoever ran it. Raises DatabaseAway."""
        query = CheckQuery(kind=CheckKind.DEEP, state=CheckState.COMPLETED, limit=1)
        for check in (await self._results.list(query)).items:
            if check.id != self.latest_id:
                stored = (check.result or {}).get(_MEMORY, {})
                self.latest = msgspec.convert(stored, dict[str, Drifting])
                self.latest_id = check.id

    def active_alerts(self) -> list[Alert]:
        """What fires since the last deep check."""
        return list(firing(self.latest).values())


def _stored(result: Any) -> dict[str, Any]:
    stored: dict[str, Any] = msgspec.to_builtins(result)
    return stored
