"""What an input changes in the plain model."""

from models.alert import Alert, AlertStatus, Severity
from streams.dispatch.inputs import (
    Acknowledge,
    AnyInput,
    CaughtUp,
    ExpireSilence,
    RemoveOverride,
    Resolve,
    SetOverride,
    SetSilence,
    Tick,
    Transition,
    Unacknowledge,
)
from streams.routing.chain import chain_for
from tests.streams.dispatch.plain_state import Firing, PlainState
from tests.streams.dispatch.scripts import MINUTE_MS

RANKS = [Severity.INFO, Severity.WARNING, Severity.CRITICAL]


class PlainActs(PlainState):
    """Applies inputs."""

    def apply(self, given: AnyInput) -> None:
        match given:
            case Transition():
                self.transition(given.alert, given.behind)
            case Acknowledge() | Unacknowledge() | Resolve() if given.alert_key in self.alerts:
                self.act(self.alerts[given.alert_key], given)
            case SetSilence() if given.ends_at_ms > max(given.starts_at_ms, self.now * MINUTE_MS):
                self.silences[given.silence_id], self.ends[given.silence_id] = given, given.ends_at_ms
                self.noticed.discard(given.silence_id)
            case ExpireSilence() if given.silence_id in self.silences:
                self.ends[given.silence_id] = min(self.ends[given.silence_id], self.now * MINUTE_MS)
            case SetOverride() if given.until_ms > max(given.since_ms, self.now * MINUTE_MS):
                self.overrides[given.override_id] = (self.now, given)
            case RemoveOverride():
                self.overrides.pop(given.override_id, None)
            case CaughtUp():
                for one in self.alerts.values():
                    if one.behind in given.origins:
                        self.arrive(one)
            case Tick():
                pass

    def arrive(self, one: Firing) -> None:
        one.behind = ""
        if self.fires(one) and not one.taken:
            self.start_chain(one)

    def transition(self, alert: Alert, behind: str) -> None:
        one = self.alerts.get(alert.alert_key)
        is_same = one is not None and one.alert.alert_id == alert.alert_id
        if alert.status is AlertStatus.RESOLVED:
            if one is not None and is_same and one.status != "resolved":
                self.stop(one, "resolved")
                one.alert = alert
            return
        if one is None or not is_same:
            if one is not None and self.fires(one):
                self.stop(one, "resolved")
            self.alerts[alert.alert_key] = one = Firing(alert, "pending", behind=behind)
            if alert.status is AlertStatus.FIRING:
                self.open(one)
            return
        if one.status == "resolved":
            return
        if alert.status is AlertStatus.PENDING:
            one.alert = alert if one.status == "pending" else one.alert
            return
        worse = RANKS.index(alert.severity) > RANKS.index(one.alert.severity)
        has_more = alert.reason == "findings_rose" and alert.updated_at_ms > one.hushed_at
        grows = one.status == "hushed" and has_more
        was_behind, waits = one.behind, behind if not self.fires(one) else one.behind if behind else ""
        one.alert, one.behind = alert, waits
        if one.status == "pending":
            self.open(one)
        elif worse or grows:
            one.openings += 1
            self.open(one)
        elif was_behind and not waits:
            self.arrive(one)

    def open(self, one: Firing) -> None:
        one.status, one.taken = "firing", None
        for group in self.groups.values():
            group.ended.discard(one.alert.alert_id)
        self.start_chain(one)

    def stop(self, one: Firing, status: str) -> None:
        if self.fires(one):
            for group in self.groups.values():
                if self.has_incident(group, one):
                    group.ended.add(one.alert.alert_id)
                elif one.alert.alert_id in group.knows:
                    del group.knows[one.alert.alert_id]
            one.called = set()
            self.end_chain(one)
        one.status, one.taken = status, None

    def end_chain(self, one: Firing) -> None:
        one.step_at, one.held = None, False
        for group in self.groups.values():
            group.steps.pop(one.alert.alert_key, None)

    def act(self, one: Firing, given: Acknowledge | Unacknowledge | Resolve) -> None:
        match given:
            case Acknowledge() if self.fires(one) and not 0 < given.until_ms <= self.now * MINUTE_MS:
                one.taken, one.taken_at, one.reminded = given, self.now, False
                self.end_chain(one)
                self.say(one, "acknowledged_by_person")
            case Unacknowledge() if self.fires(one) and one.taken:
                one.taken = None
                self.start_chain(one)
                self.say(one, "unacknowledged_by_person")
            case Resolve() if one.status in ("pending", "firing"):
                one.hushed_at = one.alert.updated_at_ms
                self.stop(one, "hushed")

    def say(self, one: Firing, reason: str) -> None:
        for group in self.groups.values():
            is_told = self.has_incident(group, one) and group.receiver in self.config.apart
            if is_told and self.config.reaches(group.receiver) and not self.is_kept_back(one):
                self.send(group.receiver, reason, self.known_firing(group), [])

    def start_chain(self, one: Firing) -> None:
        chain = chain_for(self.config.on_call.chains, self.labels(one.alert))
        if one.behind or one.step_at is not None or one.held or chain is None or not chain.due():
            return
        due = [(ms // MINUTE_MS, step) for ms, step in chain.due()]
        before = [0, *(minute for minute, _ in due)]
        one.steps = tuple((minute - last, step) for (minute, step), last in zip(due, before, strict=False))
        one.step_at = self.now + one.steps[0][0]
        one.waited = 0
