"""Holds back alerts of the past, so that connecting to a topic with a past, or an outage, pages nobody for it.

An alert that ended before it could be delivered goes to the history alone; one that still fires when the events have
caught up is delivered then; on-call is paged only after the team has had time to acknowledge. Pure: the wall clock is
an argument.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

import msgspec

from alert_sinks.routing import ACTS_OF_PERSONS
from models.alert import SILENCE_ENDED, Alert, AlertStatus
from streams.alerting.verdict import Reason

LIVE_MS = 30_000  # a transition of this age is still news
TOGETHER_MS = 30_000  # a partition that has caught up waits this long for others, to share one message
KNOWN_MAX = 20_000  # transitions remembered as delivered

Token = TypeVar("Token")
CaughtUp = Callable[[int | None, int], bool]  # partition of events, taken at -> whether it has caught up since

_QUIET = (Reason.CLEARED_BEFORE_FIRING.value,)


class Notice(msgspec.Struct, Generic[Token], frozen=True):
    """A transition to deliver. `on_call_knows`: whether on-call was notified of this alert, or is now."""

    alert: Alert
    token: Token
    on_call_knows: bool = True


class Steps(msgspec.Struct, Generic[Token]):
    """What follows: `now` is delivered one by one, `together` in one message if there are many, `done` not at all."""

    now: list[Notice[Token]] = []
    together: list[Notice[Token]] = []
    done: list[Token] = []


class _Held(msgspec.Struct, Generic[Token]):
    """What is held of one alert key: the end of a delivered firing, an undelivered firing, and its escalation."""

    partition: int | None  # of the events
    taken_at_ms: int
    ended: Notice[Token] | None = None
    firing: Notice[Token] | None = None
    was_delivered: bool = False  # the firing repeats: its beginning was delivered
    escalation: Notice[Token] | None = None


class _Waiting(msgspec.Struct, Generic[Token]):
    """An escalation of a delivered firing. `partition` and `taken_at_ms` as in `_Held`, if it is of the past."""

    due_ms: int
    notice: Notice[Token]
    is_past: bool
    partition: int | None
    taken_at_ms: int


class HeldPast(Generic[Token]):
    """The held alerts of one worker. It forgets them with its partitions: undelivered alerts are read again."""

    def __init__(self, escalate_after_ms: int) -> None:
        self._escalate_after_ms = escalate_after_ms
        self._held: dict[str, _Held[Token]] = {}
        self._waiting: dict[str, _Waiting[Token]] = {}
        self._delivered_at_ms: OrderedDict[str, int] = OrderedDict()  # by transition
        self._newest_ms: dict[int | None, int] = {}  # partition of events -> when something of it was last held
        self._ready_since_ms: int | None = None
        self.tokens = 0  # transitions that are open here
        self.changes = 0  # rises with whatever changes `held_tokens`

    @property
    def held(self) -> int:
        """Alerts that wait until the events have caught up."""
        return len(self._held)

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits here."""
        return not self._held and not self._waiting

    def forget(self) -> None:
        """Drop everything: what was not done is read again, here or elsewhere, and is no repetition then."""
        self._held, self._waiting, self._ready_since_ms = {}, {}, None
        self._delivered_at_ms.clear()
        self._newest_ms.clear()
        self.tokens = 0
        self.changes += 1

    def note_done(self, alert: Alert, at_ms: int) -> None:
        """This transition was delivered before, at this time of the wall clock or earlier."""
        if _notifies(alert):
            self._note(alert, at_ms)

    def held_tokens(self) -> list[Token]:
        """The tokens of transitions that were surely not delivered."""
        return [
            notice.token
            for held in self._held.values()
            for notice in (held.ended, held.firing, held.escalation)
            if notice is not None and not (notice is held.firing and held.was_delivered)
        ] + [waiting.notice.token for waiting in self._waiting.values()]

    def take(
        self, alert: Alert, token: Token, partition: int | None, now_ms: int, *, is_past: bool,
        may_be_delivered: bool = False,
    ) -> Steps[Token]:  # fmt: skip
        """A transition was read, in the order of its alert key.

        `may_be_delivered`: the owner before may have delivered it, so its end must be delivered.
        """
        self.tokens += 1
        return self._gone(self._take(Notice(alert, token), partition, now_ms, is_past, may_be_delivered))

    def _gone(self, steps: Steps[Token]) -> Steps[Token]:
        self.tokens -= len(steps.now) + len(steps.together) + len(steps.done)
        self.changes += 1
        return steps

    def _take(
        self, notice: Notice[Token], partition: int | None, now_ms: int, is_past: bool, may_be_delivered: bool
    ) -> Steps[Token]:
        alert = notice.alert
        if not _notifies(alert):
            return self._quiet(notice, now_ms)
        if alert.transition_id in self._delivered_at_ms:
            return Steps(done=[notice.token])  # written again after a crash
        if alert.status is AlertStatus.RESOLVED:
            return self._resolved(notice, partition, now_ms, is_past)
        if alert.reason == Reason.ESCALATED_UNACKNOWLEDGED.value:
            return self._escalated(notice, partition, now_ms, is_past)
        return self._fired(notice, partition, now_ms, is_past, may_be_delivered)

    def release(self, now_ms: int, has_caught_up: CaughtUp) -> Steps[Token]:
        """What may be delivered now, without a new record."""
        steps: Steps[Token] = Steps()
        self._release_held(steps, now_ms, has_caught_up)
        for key, waiting in list(self._waiting.items()):
            if waiting.due_ms <= now_ms and (
                not waiting.is_past or has_caught_up(waiting.partition, waiting.taken_at_ms)
            ):
                del self._waiting[key]
                self._note(waiting.notice.alert, now_ms)
                steps.together.append(waiting.notice)
        return self._gone(steps) if steps.together else steps

    # --- by kind of transition

    def _quiet(self, notice: Notice[Token], now_ms: int) -> Steps[Token]:
        """A transition without a message; an act of a person changes what waits."""
        steps, alert = Steps(now=[notice]), notice.alert
        held = self._held.get(alert.alert_key)
        if alert.reason in ACTS_OF_PERSONS:
            self._drop_escalations(alert.alert_key, steps)
            if held is not None and held.firing is not None:
                seen = msgspec.structs.replace(
                    held.firing.alert, acknowledged_by=alert.acknowledged_by, silenced_until_ms=alert.silenced_until_ms
                )
                held.firing = Notice(seen, held.firing.token)
        return steps

    def _resolved(self, notice: Notice[Token], partition: int | None, now_ms: int, is_past: bool) -> Steps[Token]:
        steps: Steps[Token] = Steps()
        key, held = notice.alert.alert_key, self._held.get(notice.alert.alert_key)
        if self._drop_escalations(key, steps):
            notice = Notice(notice.alert, notice.token, on_call_knows=False)
        if held is not None and held.firing is not None:
            steps.done.append(held.firing.token)
            was_delivered, held.firing, held.was_delivered = held.was_delivered, None, False
            if not was_delivered:
                self._note(notice.alert, now_ms)
                steps.done.append(notice.token)
                if held.ended is None:
                    del self._held[key]
                return steps
        if is_past or held is not None:
            held = self._hold(key, partition, now_ms)
            if held.ended is not None:
                steps.done.append(held.ended.token)
            held.ended = notice
            return steps
        self._note(notice.alert, now_ms)
        steps.now.append(notice)
        return steps

    def _fired(
        self, notice: Notice[Token], partition: int | None, now_ms: int, is_past: bool, may_be_delivered: bool
    ) -> Steps[Token]:
        steps: Steps[Token] = Steps()
        key, held = notice.alert.alert_key, self._held.get(notice.alert.alert_key)
        if not is_past and held is None:
            self._note(notice.alert, now_ms)
            steps.now.append(notice)
            return steps
        before = None if held is None else held.firing
        held = self._hold(key, partition, now_ms)
        if before is not None:
            steps.done.append(before.token)
        elif may_be_delivered or notice.alert.reason == SILENCE_ENDED:
            held.was_delivered = True
        held.firing = notice
        return steps

    def _escalated(self, notice: Notice[Token], partition: int | None, now_ms: int, is_past: bool) -> Steps[Token]:
        alert, steps = notice.alert, Steps[Token]()
        held = self._held.get(alert.alert_key)
        self._drop_escalations(alert.alert_key, steps)  # the same one, written again after a crash
        if held is not None and held.firing is not None:
            held.escalation, held.taken_at_ms = notice, now_ms
            self._newest_ms[held.partition] = now_ms
            return steps
        delivered_at_ms = self._delivered_at_ms.get(f"{alert.alert_id}:{AlertStatus.FIRING.value}:0")
        if delivered_at_ms is None and not is_past:
            due_ms = now_ms  # delivered so long ago that it is no longer remembered
        else:
            due_ms = (now_ms if delivered_at_ms is None else delivered_at_ms) + self._escalate_after_ms
        if due_ms <= now_ms and not is_past:
            self._note(alert, now_ms)
            steps.now.append(notice)
        else:
            self._waiting[alert.alert_key] = _Waiting(due_ms, notice, is_past, partition, now_ms)
        return steps

    # --- what is kept

    def _release_held(self, steps: Steps[Token], now_ms: int, has_caught_up: CaughtUp) -> None:
        partitions = {number for number, at_ms in self._newest_ms.items() if has_caught_up(number, at_ms)}
        ready = [key for key, held in self._held.items() if held.partition in partitions] if partitions else []
        if not ready:
            self._ready_since_ms = None
            return
        if self._ready_since_ms is None:
            self._ready_since_ms = now_ms
        if len(ready) < len(self._held) and now_ms - self._ready_since_ms < TOGETHER_MS:
            return
        self._ready_since_ms = None
        for number in partitions:
            del self._newest_ms[number]
        for key in ready:
            held = self._held.pop(key)
            for notice in (held.ended, held.firing):
                if notice is not None:
                    self._note(notice.alert, now_ms)
                    steps.together.append(notice)
            if held.escalation is not None:
                due_ms = now_ms + self._escalate_after_ms
                self._waiting[key] = _Waiting(due_ms, held.escalation, False, held.partition, now_ms)

    def _hold(self, key: str, partition: int | None, now_ms: int) -> _Held[Token]:
        held = self._held.get(key)
        if held is None:
            held = self._held[key] = _Held(partition, now_ms)
        held.partition, held.taken_at_ms = partition, now_ms
        self._newest_ms[partition] = now_ms
        return held

    def _drop_escalations(self, key: str, steps: Steps[Token]) -> bool:
        """Drops the escalations of a key; returns whether there was one that on-call was not notified of."""
        waiting, held = self._waiting.pop(key, None), self._held.get(key)
        if waiting is not None:
            steps.done.append(waiting.notice.token)
        if held is None or held.escalation is None:
            return waiting is not None
        steps.done.append(held.escalation.token)
        held.escalation = None
        return True

    def _note(self, alert: Alert, at_ms: int) -> None:
        self._delivered_at_ms[alert.transition_id] = at_ms
        if len(self._delivered_at_ms) > KNOWN_MAX:
            self._delivered_at_ms.popitem(last=False)


def _notifies(alert: Alert) -> bool:
    """Whether this transition is ever sent as a message."""
    return alert.status is not AlertStatus.PENDING and alert.reason not in (*_QUIET, *ACTS_OF_PERSONS)
