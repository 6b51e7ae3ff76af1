"""What the plain model knows, and what holds at its minute."""

from dataclasses import dataclass, field

from models.alert import Alert, Severity
from streams.dispatch.config import DispatchConfig
from streams.dispatch.inputs import (
    Acknowledge,
    SetOverride,
    SetSilence,
)
from streams.routing.chain import Step
from streams.routing.labels import labels_of
from streams.routing.matcher import matches_all
from streams.routing.route import Route, reached
from streams.routing.time_interval import lies_in
from tests.streams.dispatch.scripts import MINUTE_MS, START_MS

Message = tuple[int, str, str, tuple[str, ...], tuple[str, ...], str]  # when, to whom, why, firing, resolved, person


@dataclass
class Firing:
    """An alert key, with its newest firing."""

    alert: Alert
    status: str  # pending, firing, hushed, resolved
    openings: int = 0
    taken: Acknowledge | None = None
    taken_at: int = 0
    reminded: bool = False
    behind: str = ""
    hushed_at: int = 0
    steps: tuple[tuple[int, Step], ...] = ()  # of its chain, those to come: minutes after the one before
    waited: int = 0  # minutes, in the steps taken
    step_at: int | None = None  # None: no step is due by itself
    held: bool = False
    called: set[str] = field(default_factory=set)


@dataclass
class Group:
    """What a receiver knows."""

    receiver: str
    route: Route | None
    since: int
    notified: int | None = None
    steps: dict[str, str] = field(default_factory=dict)  # alert key -> person, of steps of escalation that wait
    put_off: int | None = None
    knows: dict[str, tuple[str, int]] = field(default_factory=dict)  # alert id -> key and openings
    ended: set[str] = field(default_factory=set)  # alert ids of `knows` that are over
    elsewhere: set[str] = field(default_factory=set)  # alert ids of `knows` that were notified in another group alone


class PlainState:
    """No deadline of a group is stored."""

    def __init__(self, config: DispatchConfig) -> None:
        self.config = config
        self.now = START_MS // MINUTE_MS - 1
        self.alerts: dict[str, Firing] = {}
        self.groups: dict[str, Group] = {}
        self.silences: dict[str, SetSilence] = {}
        self.ends: dict[str, int] = {}
        self.noticed: set[str] = set()
        self.overrides: dict[str, tuple[int, SetOverride]] = {}
        self.room: dict[str, int] = {}  # receiver -> the minute from which it has room
        self.labels_of: dict[tuple[str, Severity], dict[str, str]] = {}  # computed once
        self.routes_of: dict[tuple[str, Severity], dict[str, Route]] = {}
        self.messages: list[Message] = []

    def fires(self, one: Firing) -> bool:
        return one.status == "firing"

    def silence_holds(self, silence_id: str) -> bool:
        one = self.silences[silence_id]
        if not one.starts_at_ms <= self.now * MINUTE_MS < self.ends[silence_id]:
            return False
        known = self.config.alerting.time_intervals
        return not one.time_intervals or lies_in(one.time_intervals, known, self.now * MINUTE_MS) is not None

    def is_kept_back(self, one: Firing) -> bool:
        labels = self.labels(one.alert)
        if one.behind:
            return True
        if any(
            matches_all(self.silences[each].matchers, labels) and self.silence_holds(each) for each in self.silences
        ):
            return True
        sources = [self.labels(each.alert) for each in self.alerts.values() if self.fires(each) and not each.behind]
        return any(rule.inhibits(each, labels) for rule in self.config.alerting.inhibit_rules for each in sources)

    def labels(self, alert: Alert) -> dict[str, str]:
        name = alert.alert_key, alert.severity
        if name not in self.labels_of:
            self.labels_of[name] = labels_of(alert)
        return self.labels_of[name]

    def routes(self, one: Firing) -> dict[str, Route]:
        name = one.alert.alert_key, one.alert.severity
        if name not in self.routes_of:
            labels = self.labels(one.alert)
            found = reached(self.config.alerting.root, labels)
            self.routes_of[name] = {f"{route.receiver}:{route.group_key(labels)}": route for route in found}
        return self.routes_of[name]

    def members(self, key: str) -> list[Firing]:
        return [
            one for one in self.alerts.values() if self.fires(one) and (key in self.routes(one) or key in one.called)
        ]

    def known_firing(self, group: Group) -> list[Firing]:
        known = [one for one in self.alerts.values() if self.has_incident(group, one)]
        return [one for one in known if self.fires(one) and not self.is_kept_back(one)]

    def has_incident(self, group: Group, one: Firing) -> bool:
        """A receiver that keeps none knows an alert in each of its groups alike."""
        is_elsewhere = one.alert.alert_id in group.elsewhere and group.receiver in self.config.apart
        return one.alert.alert_id in group.knows and not is_elsewhere

    def is_news(self, group: Group, one: Firing) -> bool:
        return one.alert.alert_key in group.steps or group.knows.get(one.alert.alert_id, ("", -1))[1] != one.openings

    def is_muted(self, route: Route | None) -> bool:
        if route is None:
            return False
        known, now_ms = self.config.alerting.time_intervals, self.now * MINUTE_MS
        muted = lies_in(route.mute_time_intervals, known, now_ms) is not None
        active = not route.active_time_intervals or lies_in(route.active_time_intervals, known, now_ms) is not None
        return muted or not active

    def send(self, receiver: str, reason: str, firing: list[Firing], ended: list[str], person: str = "") -> None:
        names = tuple(sorted(one.alert.alert_id for one in firing))
        self.messages.append((self.now, receiver, reason, names, tuple(ended), person))
