"""How deliveries of one sink end: counted, logged, kept in the ledger; what was not taken becomes a dead letter."""

from collections import Counter

import structlog

from alert_sinks.dead_letters import DeadLetters, UndeliveredAlert
from alert_sinks.delivery import Delivery, Ended
from alert_sinks.environment import Environment
from alert_sinks.ledger import Ending, GuardedLedger, LedgerEntry

_log = structlog.get_logger(__name__)

_SAY_EVERY = 1000  # overflowing alerts to a line in the log
OUTCOMES = ("delivered", "skipped", "retried", "rejected", "given_up", "overflowed", "disabled")
"""Of a transition at a sink. Skipped: the ledger knew that it had been delivered before; retried: a try that failed and
is repeated; disabled: it came when the sink had switched off."""


class Endings:
    """The endings at the sink of this name."""

    def __init__(self, sink: str, ledger: GuardedLedger, dead_letters: DeadLetters, environment: Environment) -> None:
        self.counters = Counter(dict.fromkeys(OUTCOMES, 0))
        self._sink = sink
        self._ledger = ledger
        self._dead_letters = dead_letters
        self._environment = environment

    async def delivered(self, delivery: Delivery) -> None:
        """The destination took it."""
        self.counters[Ending.DELIVERED] += len(delivery.alerts)
        _log.info("alert delivered", sink=self._sink, **delivery.log_fields(), attempts=delivery.attempts)
        self._say_ended(delivery, Ending.DELIVERED)
        await self._record(delivery, Ending.DELIVERED)

    def _say_ended(self, delivery: Delivery, ending: Ending) -> None:
        seconds = self._environment.monotonic() - delivery.accepted_at
        self._environment.on_ended(Ended(delivery, self._sink, ending.value, seconds))

    def dead_letter(self, delivery: Delivery, ending: Ending, reason: str) -> None:
        """It is not sent any more; it has ended when its dead letters are written."""
        delivery.last_error = reason
        self._say_ended(delivery, ending)
        before = self.counters[ending]
        self.counters[ending] += len(delivery.alerts)
        # A flood must not fill the log as well, and that a sink has switched off is already said.
        said = ending is Ending.DISABLED or (ending is Ending.OVERFLOWED and before % _SAY_EVERY != 0)
        (_log.debug if said else _log.error)(
            "alert sent to the dead-letter topic",
            sink=self._sink,
            **delivery.log_fields(),
            reason=reason,
            attempts=delivery.attempts,
        )
        unwritten = len(delivery.alerts)

        async def written() -> None:
            nonlocal unwritten
            unwritten -= 1
            if not unwritten:
                await self._record(delivery, ending)
                delivery.ended()

        for alert in delivery.alerts:
            self._dead_letters.put(
                UndeliveredAlert(alert, self._sink, reason, lambda: not delivery.is_forgotten, written)
            )

    async def was_delivered(self, delivery: Delivery) -> bool:
        """Whether all of it was delivered before: by an earlier process, or after an earlier reading."""
        is_known = await self._ledger.already_delivered(delivery.message_id, self._sink)
        self.counters["skipped"] += len(delivery.alerts) if is_known else 0
        return is_known

    async def _record(self, delivery: Delivery, ending: Ending) -> None:
        keys = dict.fromkeys(alert.alert_key for alert in delivery.alerts)
        await self._ledger.record(
            LedgerEntry(
                delivery.message_id, self._sink, ending.value, delivery.attempts, self._environment.now_ms(),
                delivery.receiver, delivery.last_error, tuple(keys),
            )
        )  # fmt: skip
