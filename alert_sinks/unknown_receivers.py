"""Notifications for receivers that this worker's alerting file does not have: they wait for a reload, and then give up.

The owner of the dispatcher may have a newer file than the worker that delivers.
"""

import asyncio
from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

import structlog

from alert_sinks.environment import Environment
from streams.dispatch.outputs import Notification

_log = structlog.get_logger(__name__)

PATIENCE_SECONDS = 60.0  # all workers of a deployment get their file within it; an alert waits no longer

Token = TypeVar("Token")


class _Held(NamedTuple, Generic[Token]):
    notification: Notification
    token: Token
    since: float  # seconds of the monotonic clock


class UnknownReceivers(Generic[Token]):
    """`give_up(notification, token)` is called for each one that waited for too long."""

    def __init__(self, give_up: Callable[[Notification, Token], None], environment: Environment) -> None:
        self._give_up = give_up
        self._environment = environment
        self._held: list[_Held[Token]] = []  # the oldest first
        self._waiting: asyncio.Task[None] | None = None

    @property
    def counts(self) -> dict[str, int]:
        """How many wait, by receiver."""
        found: dict[str, int] = {}
        for each in self._held:
            found[each.notification.receiver] = found.get(each.notification.receiver, 0) + 1
        return found

    def oldest_seconds(self, receiver: str) -> float:
        """For how long the oldest one for this receiver has waited."""
        now = self._environment.monotonic()
        return max((now - each.since for each in self._held if each.notification.receiver == receiver), default=0.0)

    def hold(self, notification: Notification, token: Token) -> None:
        """Keep it until `release`, or until it has waited for too long."""
        if notification.receiver not in self.counts:
            _log.error(
                "a notification is for a receiver that this worker's alerting file does not have; reload the file",
                receiver=notification.receiver, notification_id=notification.notification_id,
                stand_in_after_seconds=PATIENCE_SECONDS,
            )  # fmt: skip
        self._held.append(_Held(notification, token, self._environment.monotonic()))
        if self._waiting is None or self._waiting.done():
            self._waiting = asyncio.create_task(self._wait(), name="unknown-receivers")

    def release(self, is_known: Callable[[str], bool]) -> list[tuple[Notification, Token]]:
        """Those whose receiver is known now, in order; they are not kept any more."""
        found = [each for each in self._held if is_known(each.notification.receiver)]
        self._held = [each for each in self._held if not is_known(each.notification.receiver)]
        return [(each.notification, each.token) for each in found]

    def forget(self, predicate: Callable[[Token], bool]) -> None:
        """Drop those whose token fits: they belong to another worker now."""
        self._held = [each for each in self._held if not predicate(each.token)]

    async def _wait(self) -> None:
        while self._held:
            left = self._held[0].since + PATIENCE_SECONDS - self._environment.monotonic()
            if left > 0:
                await self._environment.sleep(left)
                continue
            first = self._held.pop(0)
            self._give_up(first.notification, first.token)

    async def aclose(self) -> None:
        """What still waits is not done, and so will be read again."""
        if self._waiting is not None:
            self._waiting.cancel()
            await asyncio.wait({self._waiting})
