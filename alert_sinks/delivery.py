"""One transition, or a digest of many, on its way to one sink."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from alert_sinks.digest import Digest
from models.alert import Alert

_DIGESTS = "\0digests"  # no alert has this key


class DeliveryState(Enum):
    """Where a delivery stands. A forgotten one belongs to another worker: nothing more follows from it."""

    WAITING = "waiting"
    SENDING = "sending"
    ENDED = "ended"
    FORGOTTEN = "forgotten"


class Ended(NamedTuple):
    """One delivery at a sink, after its last attempt. `seconds` since it was accepted."""

    delivery: "Delivery"
    sink: str
    ending: str
    seconds: float


@dataclass(eq=False)
class Delivery:
    """One transition, or a digest of many, on its way to one sink. `ended` is called when the sink has finished."""

    alert: Alert  # as it came; of a digest the worst
    shown: Alert  # as the sink is to show it
    accepted_at: float  # seconds of the monotonic clock
    ended: Callable[[], None]
    message_id: str  # names the message, also in the ledger
    attempts: int = 0
    state: DeliveryState = DeliveryState.WAITING
    digest: Digest | None = None
    receiver: str = ""
    last_error: str = ""  # of the last attempt that failed
    group_key: str = ""  # of the group that a message is about
    finished: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def alerts(self) -> tuple[Alert, ...]:
        """All transitions in it."""
        return (self.alert,) if self.digest is None else self.digest.alerts

    @property
    def queue(self) -> str:
        """Its alert key; digests follow each other in a queue of their own."""
        return self.alert.alert_key if self.digest is None else _DIGESTS

    @property
    def is_forgotten(self) -> bool:
        """Whether it belongs to another worker now."""
        return self.state is DeliveryState.FORGOTTEN

    @property
    def is_over(self) -> bool:
        """Whether nothing more is to be sent."""
        return self.state in (DeliveryState.ENDED, DeliveryState.FORGOTTEN)

    def log_fields(self) -> dict[str, object]:
        """What names it in the log."""
        if self.digest is not None:
            return {"alerts": len(self.alerts), "message_id": self.message_id}
        alert = self.alert
        return {
            "alert_key": alert.alert_key, "status": alert.status.value, "level": alert.escalation_level,
            "alert_id": alert.alert_id, "trace_ids": alert.trace_ids or None,
        }  # fmt: skip
