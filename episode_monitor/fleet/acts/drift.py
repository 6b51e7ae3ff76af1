"""The alerts about drift in the hands of the worker that keeps them: the owner of the partition that has their state.

PartialAnswer and stored before anything is answered; what could not be told is taken back.
"""

from collections.abc import Awaitable, Callable, Iterable

import structlog
from aiokafka.errors import KafkaError

from agents.engine.ownership import Owned, PartitionPhase
from agents.fleet.fleet_view import FleetView
from episode_monitor.fleet.errors import Recovering, Unreachable
from episode_monitor.fleet.peer_protocol import Acted, ActOutcome, ActQuestion, DriftedQuestion, PartialAnswer
from models.alert import Alert
from streams.partition.drift_alerts import KEEPER, DriftAlerts
from streams.partition.drift_values import Drifting
from streams.project import alert_actions

log = structlog.get_logger(__name__)

REFUSALS = {
    alert_actions.ActionRefusal.NOT_ACTIVE: ActOutcome.NOT_ACTIVE,
    alert_actions.ActionRefusal.RESOLVED_BY_PERSON: ActOutcome.ALREADY_RESOLVED,
}

Tell = Callable[[Iterable[Alert]], Awaitable[None]]


class DriftKeeper:
    """Every worker has one; it answers where the partition is. `tell` sends transitions to the alerts topic;
    `changed(partition)` is called when there is something new to show."""

    def __init__(self, sight: FleetView, tell: Tell, changed: Callable[[int], None]) -> None:
        self._sight = sight
        self._tell = tell
        self._changed = changed

    def _owned(self) -> Owned | None:
        return next((owned for owned in self._sight.live if owned.number == KEEPER), None)

    def drifts(self) -> PartialAnswer[dict[str, Drifting]]:
        """What the alerts that fire are about, by project; nothing is found where another worker keeps them."""
        owned = self._owned()
        if owned is None:
            return PartialAnswer(partitions=[], found=None)
        return PartialAnswer(partitions=[KEEPER], found=owned.drift_alerts.drifts)

    async def take(self, question: DriftedQuestion) -> PartialAnswer[bool]:
        """What a check found. Raises Recovering, Unreachable."""
        owned = self._owned()
        if owned is None:
            return PartialAnswer(partitions=[], found=None)

        def change(kept: DriftAlerts) -> list[Alert]:
            if question.is_all:
                return kept.replace(question.found, self._sight.now_ms())
            return kept.change(question.found, question.over, self._sight.now_ms())

        await self._change(owned, change)
        return PartialAnswer(partitions=[KEEPER], found=True)

    async def act(self, question: ActQuestion) -> PartialAnswer[Acted]:
        """Do what a person wants. Raises Recovering, Unreachable."""
        partitions = [owned.number for owned in self._sight.live]
        owned = self._owned()
        if owned is None:
            return PartialAnswer(partitions=partitions, found=None)
        at_ms = self._sight.now_ms()
        wish = alert_actions.AlertAction(
            kind=alert_actions.ActKind(question.kind.value), by=question.by, comment=question.comment,
            silent_until_ms=at_ms + (question.minutes or 0) * 60_000,
        )  # fmt: skip
        done: list[Alert] = []
        refused: list[alert_actions.ActionRefusal] = []

        def change(kept: DriftAlerts) -> list[Alert]:
            answer = kept.act(question.project_id, wish, at_ms)
            if isinstance(answer, alert_actions.ActionRefusal):
                refused.append(answer)
                return []
            told, alert = answer
            done.append(alert)
            return told

        await self._change(owned, change)
        if done:
            return PartialAnswer(partitions=partitions, found=Acted(outcome=ActOutcome.DONE, alert=done[0]))
        if refused[0] is alert_actions.ActionRefusal.NOT_ACTIVE:
            return PartialAnswer(partitions=partitions, found=None)
        return PartialAnswer(partitions=partitions, found=Acted(outcome=REFUSALS[refused[0]]))

    async def run_due(self) -> None:
        """Escalate, and end silences, where it is time. Raises Recovering, Unreachable."""
        owned, now_ms = self._owned(), self._sight.now_ms()
        if owned is not None:
            due_ms = owned.drift_alerts.next_due_ms()
            if due_ms is not None and due_ms <= now_ms:
                await self._change(owned, lambda kept: kept.run_due(now_ms))

    async def _change(self, owned: Owned, change: Callable[[DriftAlerts], list[Alert]]) -> None:
        async with owned.turn:
            if owned.phase is not PartitionPhase.LIVE:
                raise Recovering
            kept = owned.drift_alerts
            before, was_dirty = kept.encode(), kept.is_dirty
            told = change(kept)
            try:
                await self._tell(told)
            except KafkaError as error:
                kept.restore(before)
                kept.is_dirty = was_dirty
                raise Unreachable(
                    "Kafka did not take the transition, so nothing was done: try again shortly."
                ) from error
            if not kept.is_dirty:
                return
        await self._sight.engine.flush()
        if owned.phase is not PartitionPhase.LIVE:
            raise Unreachable("The alerts about drift moved to another worker meanwhile: look at them, then try again.")
        self._changed(owned.number)
