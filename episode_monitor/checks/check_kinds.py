"""How each kind of check is done, and what a deep one leaves behind: what drifts, for alerts and for the next check.

It is in the result that is stored, which follows the alerts: a check that was lost in between finds the same again.
"""

from typing import Any

import msgspec

from episode_monitor.checks.basic import basic_check
from episode_monitor.checks.deep import DeepCheck
from episode_monitor.checks.errors import CheckFailed
from episode_monitor.checks.job_run import Progress
from episode_monitor.checks.stream_side import StreamSide
from episode_monitor.checks.table_comparison import OpenReader
from episode_monitor.fleet.acts.drift import ReportDrift
from episode_monitor.storage.checks import CheckKind, CheckQuery, CheckResult, CheckResults
from episode_monitor.storage.database_service import DatabaseAway
from models.check_views import JobState
from streams.base.numbering_rules import NumberingRules
from streams.partition.drift_alerts import named
from streams.partition.drift_values import Drifting, Drifts

_MEMORY = "drifting"  # the part of a stored result that only the next check reads


class CheckWork:
    """Each method is the work of one kind of check."""

    def __init__(
        self,
        stream: StreamSide,
        open_reader: OpenReader | None,
        rules: NumberingRules,
        settle_seconds: float,
        results: CheckResults,
    ) -> None:
        self.latest: Drifts = {}  # what drifted at the last deep check, as far as it was looked up
        self.latest_id = ""
        self._stream = stream
        self._open_reader = open_reader
        self._rules = rules
        self._settle_seconds = settle_seconds
        self._results = results

    async def basic(self, check: CheckResult, progress: Progress) -> dict[str, Any]:
        """See `basic_check`."""
        return _stored(await basic_check(self._stream))

    async def deep(self, check: CheckResult, progress: Progress) -> dict[str, Any]:
        """See `DeepCheck`. Raises CheckFailed, ServiceDatabaseError."""
        try:
            await self.refresh()
        except DatabaseAway as error:
            raise CheckFailed(f"The result of the last check cannot be read: {error}") from error
        before = known_before(self.latest, await self._stream.drifts())
        deep = DeepCheck(
            stream=self._stream, open_reader=self._open_reader, rules=self._rules,
            settle_seconds=self._settle_seconds, at_ms=check.started_at_ms, before=before, progress=progress,
        )  # fmt: skip
        result, drifts = await deep.run()
        await self._stream.report(ReportDrift(is_all=True, drifting=named(drifts)))
        self.latest, self.latest_id = drifts, check.id
        return {**_stored(result), _MEMORY: msgspec.to_builtins(drifts)}

    async def refresh(self) -> None:
        """Look up what the last deep check of any worker found. Raises DatabaseAway."""
        query = CheckQuery(kind=CheckKind.DEEP, state=JobState.COMPLETED, limit=1)
        for check in (await self._results.list(query)).items:
            if check.id != self.latest_id:
                stored = (check.result or {}).get(_MEMORY, {})
                self.latest = msgspec.convert(stored, dict[str, Drifting])
                self.latest_id = check.id


def known_before(latest: Drifts, kept: Drifts) -> Drifts:
    """What drifted until now: of the projects that had alerts of their own at the last check (`latest`), those whose
    alerts still fire (`kept`). An alert that has ended meanwhile does not come back under its old id."""
    own = {one.project for one in named(latest)}
    return {**{project: one for project, one in latest.items() if project not in own}, **kept}


def _stored(result: Any) -> dict[str, Any]:
    stored: dict[str, Any] = msgspec.to_builtins(result)
    return stored
