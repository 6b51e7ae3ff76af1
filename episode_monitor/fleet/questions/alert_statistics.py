"""Figures about the alerts of a range, from the history; and the messages about them, from what deliveries came to."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from episode_monitor.fleet.ask import Asks
from episode_monitor.fleet.errors import InvalidQuery, Recovering, Unreachable
from episode_monitor.fleet.local_state import LocalState
from episode_monitor.fleet.question import Question, Scope
from episode_monitor.storage.alert_deliveries import CountQuery, DeliveryCount
from episode_monitor.storage.database_service import DatabaseAway
from episode_monitor.storage.history import AlertHistory
from episode_monitor.storage.history_steps import StepQuery
from models.alert_statistics import AlertStatistics, Notifications
from models.times import rfc3339
from streams.base.night import USUAL_NIGHT, Night
from streams.views.alert_statistics import FLAP_MINUTES, FLAP_MS, AlertStatisticsCount

MAX_STEPS: Final = 500_000  # some ten seconds on one core, in between other work


class DeliveryCounts(msgspec.Struct, frozen=True):
    """By rule, and of all. `is_all`: no other worker knows of more."""

    counts: list[DeliveryCount]
    is_all: bool

    def by_rule(self) -> dict[str | None, Notifications]:
        """The rule None: of all."""
        delivered, failed = Counter[str | None](), Counter[str | None]()
        for one in self.counts:
            delivered[one.rule_id] += one.delivered
            failed[one.rule_id] += one.failed
        return {name: Notifications(delivered=delivered[name], failed=failed[name]) for name in delivered}


class DeliveryCountsQuestion(Question[Any, DeliveryCounts], frozen=True, kw_only=True):
    """What this worker knows. Raises Unreachable without database."""

    asked: CountQuery

    async def answer(self, here: LocalState) -> DeliveryCounts:
        try:
            return DeliveryCounts(await here.deliveries.counts(self.asked), here.deliveries.is_shared)
        except DatabaseAway as error:
            raise Unreachable(str(error)) from error


class FleetDeliveryCountsQuestion(DeliveryCountsQuestion, frozen=True, kw_only=True):
    """What the workers have in memory."""

    scope = Scope.EVERY_OWNER
    found = DeliveryCounts

    def merge(self, parts: Sequence[DeliveryCounts], here: LocalState) -> DeliveryCounts:
        return DeliveryCounts([one for part in parts for one in part.counts], True)


class AlertStatisticsQuestion(Question[AlertStatistics, AlertStatistics], frozen=True, kw_only=True):
    """The firings that began in the range asked for; `notifications` are what is known of messages.
    Raises InvalidQuery for too long a range, Unreachable without database."""

    asked: CountQuery
    notifications: DeliveryCounts | None = None

    async def answer(self, here: LocalState) -> AlertStatistics:
        asked, night = self.asked, Night(*USUAL_NIGHT, here.time_zone)
        count = AlertStatisticsCount(asked.since_ms, asked.until_ms, night)
        try:
            await self._read(here.history, count)
            oldest = (await here.history.steps(StepQuery(since_ms=0, limit=1))).steps
        except DatabaseAway as error:
            raise Unreachable(str(error)) from error
        known = None if self.notifications is None else self.notifications.by_rule()
        none = Notifications(delivered=0, failed=0)
        of_rules = None if known is None else {rule_id: one for rule_id, one in known.items() if rule_id is not None}
        return AlertStatistics(
            since=rfc3339(asked.since_ms), until=rfc3339(asked.until_ms),
            history_from=rfc3339(oldest[0].at_ms) if oldest else None, time_zone=night.zone_name,
            night=night.hours, flap_minutes=FLAP_MINUTES,
            total=count.total(None if known is None else known.get(None, none)), rules=count.rules(of_rules),
        )  # fmt: skip

    async def _read(self, history: AlertHistory, count: AlertStatisticsCount) -> None:
        """All of the range, and then what of later ends the firings that are counted."""
        asked = self.asked
        first = StepQuery(
            since_ms=asked.since_ms - FLAP_MS, until_ms=asked.until_ms, rule_id=asked.rule_id,
            project_id=asked.project_id,
        )  # fmt: skip
        steps = await self._walk(history, count, first, 0)
        open_keys = count.open_keys()
        if open_keys:
            await self._walk(history, count, StepQuery(since_ms=asked.until_ms, alert_keys=open_keys), steps)

    async def _walk(self, history: AlertHistory, count: AlertStatisticsCount, query: StepQuery, steps: int) -> int:
        is_after = query.alert_keys is not None
        while True:
            page = await history.steps(query)
            for step in page.steps:
                count.add(step)
            steps += len(page.steps)
            open_keys = count.open_keys() if is_after else None
            if page.after is None or (is_after and not open_keys):
                return steps
            if steps >= MAX_STEPS:
                raise InvalidQuery("from", f"The range has more than {MAX_STEPS} transitions: ask for less of it.")
            query = msgspec.structs.replace(query, after=page.after, alert_keys=open_keys)
            await asyncio.sleep(0)  # the history may be in memory


async def alert_statistics_of(fleet: Asks, asked: CountQuery) -> AlertStatistics:
    """With what all workers know of messages; without it where they cannot be asked. Raises ViewError."""
    known: DeliveryCounts | None
    try:
        known = await fleet.ask(DeliveryCountsQuestion(asked=asked))
        if not known.is_all:
            known = await fleet.ask(FleetDeliveryCountsQuestion(asked=asked))
    except (Recovering, Unreachable):
        known = None
    return await fleet.ask(AlertStatisticsQuestion(asked=asked, notifications=known))
