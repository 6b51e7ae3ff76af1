"""A critical alert that a receiver's sinks could not deliver goes to the next receiver, and in the end to the log.

It is sent beside the dead letter, under an id of its own. A process that ends between the two sends it no more.
"""

from collections.abc import Callable

import structlog

from alert_sinks.key_queues import KeyQueues
from alert_sinks.receiver_queues import NO_ON_CALL_MARK, ReceiverQueues
from models.alert import Alert, AlertStatus, Severity
from streams.routing.alerting import ON_CALL

_log = structlog.get_logger(__name__)

REMEMBERED = 10_000  # transitions whose receivers that failed are known

Send = Callable[[Alert, str, KeyQueues, str], None]  # alert, mark, queues, message id


class InsteadOf:
    """`send` puts an alert into the queues of one sink."""

    def __init__(self, receivers: ReceiverQueues, send: Send) -> None:
        self._receivers = receivers
        self._send = send
        self._failed: dict[str, set[str]] = {}  # transition -> receivers that could not be notified of it

    def undelivered(self, alert: Alert, sink: str, reason: str) -> None:
        """A sink will not get this alert."""
        if alert.severity is not Severity.CRITICAL or alert.status is not AlertStatus.FIRING:
            return
        receiver = self._receivers.receiver_of(sink)
        if receiver is None or self._receivers.is_reached(receiver, sink):
            return
        failed = self._failed.pop(alert.transition_id, set()) | {receiver}
        self._failed[alert.transition_id] = failed
        while len(self._failed) > REMEMBERED:
            del self._failed[next(iter(self._failed))]
        name, queues = self._receivers.next_of(failed)
        _log.error(
            "a critical alert could not be delivered to a receiver", receiver=receiver, sink=sink, reason=reason,
            instead=name or "log", alert_key=alert.alert_key, title=alert.title, description=alert.description,
        )  # fmt: skip
        mark = NO_ON_CALL_MARK if receiver == ON_CALL else f"[{receiver}]"
        for each in queues:
            self._send(alert, mark, each, f"{alert.transition_id}:instead-of:{receiver}")
