"""The dispatcher once more, slow and obvious: every minute it looks at everything, and stores no deadline of a group.

It shares with the real one only `streams.routing` (which route, which hours, who is on call) and the inputs. All times
are whole minutes.
"""

from dataclasses import dataclass, field

from models.alert import Alert, AlertStatus, Severity
from streams.dispatch.config import DispatchConfig
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
from streams.routing.chain import Notify, Page, Step, chain_for
from streams.routing.labels import labels_of
from streams.routing.matcher import matches_all
from streams.routing.route import Route, reached
from streams.routing.schedule import Override
from streams.routing.shifts import who
from streams.routing.time_interval import lies_in
from tests.streams.dispatch.scripts import MINUTE_MS, START_MS

RANKS = [Severity.INFO, Severity.WARNING, Severity.CRITICAL]
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
    hushed_at: float = 0
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
    step: str | None = None  # a step of escalation is due, for this person
    put_off: int | None = None
    knows: dict[str, tuple[str, int]] = field(default_factory=dict)  # alert id -> key and openings
    ended: set[str] = field(default_factory=set)  # alert ids of `knows` that are over


class PlainModel:
    """Give it inputs in order of time; `messages` is what was sent."""

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

    # --- what holds now

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

    def is_news(self, group: Group, one: Firing) -> bool:
        return group.step is not None or group.knows.get(one.alert.alert_id, ("", -1))[1] != one.openings

    # --- inputs

    def take(self, given: AnyInput, minute: int) -> None:
        """An input of a minute; what is due until then comes first."""
        while self.now < minute:
            self.now += 1
            self.pass_minute()
        self.apply(given)
        self.settle()

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
                    if one.behind == given.origin:
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
        grows = one.status == "hushed" and alert.window_minutes is None and (alert.value or 0) > one.hushed_at
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
                if one.alert.alert_id in group.knows:
                    group.ended.add(one.alert.alert_id)
            one.called = set()
        one.status, one.taken, one.step_at, one.held = status, None, None, False

    def act(self, one: Firing, given: Acknowledge | Unacknowledge | Resolve) -> None:
        match given:
            case Acknowledge() if self.fires(one) and not 0 < given.until_ms <= self.now * MINUTE_MS:
                one.taken, one.taken_at, one.reminded = given, self.now, False
                one.step_at, one.held = None, False
            case Unacknowledge() if self.fires(one) and one.taken:
                one.taken = None
                self.start_chain(one)
            case Resolve() if one.status in ("pending", "firing"):
                one.hushed_at = one.alert.value or 0
                self.stop(one, "hushed")

    # --- a minute

    def pass_minute(self) -> None:
        for silence_id in sorted(self.silences):
            self.notice(silence_id)
        for _, one in sorted(self.alerts.items()):
            self.acknowledgement(one)
        self.settle(is_new_minute=True)

    def notice(self, silence_id: str) -> None:
        one, ends, before = self.silences[silence_id], self.ends[silence_id], self.config.silence_notice_ms
        is_long = ends - one.starts_at_ms >= 2 * before
        is_due = is_long and ends - before <= self.now * MINUTE_MS < ends
        if not is_due or silence_id in self.noticed or not self.silence_holds(silence_id):
            return
        self.noticed.add(silence_id)
        hidden: dict[str, list[Firing]] = {}
        for each in self.alerts.values():
            if self.fires(each) and matches_all(one.matchers, self.labels(each.alert)):
                for receiver in {self.groups[key].receiver for key in (*self.routes(each), *each.called)}:
                    hidden.setdefault(receiver, []).append(each)
        for receiver, firing in hidden.items():
            self.send(receiver, "silence_will_expire", firing, [])

    def acknowledgement(self, one: Firing) -> None:
        if not self.fires(one) or one.taken is None or not one.taken.until_ms:
            return
        until, before = one.taken.until_ms // MINUTE_MS, self.config.reminder_ms // MINUTE_MS
        if self.now == until:
            one.openings += 1
            one.taken = None
            self.start_chain(one)
        elif self.now == until - before and until - one.taken_at >= 2 * before and not self.is_kept_back(one):
            for group in self.groups.values():
                if one.alert.alert_id in group.knows and self.config.reaches(group.receiver):
                    self.send(group.receiver, "acknowledgement_will_expire", [one], [])

    def settle(self, *, is_new_minute: bool = False) -> None:
        """Groups look, then steps of escalation are taken, and so on until nothing happens."""
        self.bring_groups_up()
        self.release()
        self.look(is_new_minute=is_new_minute)
        while self.take_steps():
            self.bring_groups_up()
            self.look(is_new_minute=False)
            self.release()
        self.drop_empty_groups()

    def take_steps(self) -> bool:
        taken = [self.take_step(one) for _, one in sorted(self.alerts.items())]
        return any(taken)

    def bring_groups_up(self) -> None:
        for one in self.alerts.values():
            if not self.fires(one):
                continue
            routes = self.routes(one)
            for key, route in routes.items():
                self.groups.setdefault(key, Group(route.receiver, route, self.now))
            keys = {*routes, *one.called}
            for key, group in sorted(self.groups.items()):
                if one.alert.alert_id in group.knows and key not in keys:
                    self.hand_down(one, group, sorted(keys))
        self.drop_empty_groups()

    def drop_empty_groups(self) -> None:
        for key in [key for key, group in self.groups.items() if not group.knows and not self.members(key)]:
            del self.groups[key]

    def hand_down(self, one: Firing, left: Group, keys: list[str]) -> None:
        heir = next((self.groups[key] for key in keys if self.groups[key].receiver == left.receiver), None)
        if heir is None:
            return
        known = left.knows.pop(one.alert.alert_id)
        left.ended.discard(one.alert.alert_id)
        if one.alert.alert_id not in heir.knows:
            heir.knows[one.alert.alert_id] = known
            times = [each for each in (heir.notified, left.notified) if each is not None]
            heir.notified = max(times, default=None)

    # --- groups

    def may_look(self, group: Group, *, is_new_minute: bool) -> bool:
        """A group looks when `group_wait` is over, at each `group_interval`, and when a repetition is due."""
        if group.step is not None or group.put_off == self.now or group.route is None:
            return True
        first = group.since + group.route.group_wait_ms // MINUTE_MS
        interval, repeat = group.route.group_interval_ms // MINUTE_MS, group.route.repeat_interval_ms // MINUTE_MS
        if self.now < first:
            return False
        if interval == 0:
            return True
        if is_new_minute and repeat and group.notified is not None and self.now == group.notified + repeat:
            return True
        return (self.now - first) % interval == 0 and group.notified != self.now

    def look(self, *, is_new_minute: bool) -> None:
        wants: dict[str, list[tuple[Group, str, list[Firing], list[str]]]] = {}
        for key, group in sorted(self.groups.items()):
            if self.may_look(group, is_new_minute=is_new_minute) and (found := self.wants(key, group)) is not None:
                wants.setdefault(group.receiver, []).append(found)
            elif group.step is not None and not self.config.rate_limits.get(group.receiver):
                group.step = None
        for receiver, found_all in wants.items():
            limit = self.config.rate_limits.get(receiver)
            if limit is not None:
                if self.room.get(receiver, 0) > self.now:
                    for group, *_ in found_all:
                        group.put_off = self.room[receiver]
                    continue
                self.room[receiver] = self.now + limit.interval_ms // MINUTE_MS
            if len(found_all) > 1 and (limit is not None or len(found_all) > self.config.digest_over):
                firing = {one.alert.alert_id: one for _, _, some, _ in found_all for one in some}
                ended = {each for _, _, _, some in found_all for each in some}
                persons = " ".join(dict.fromkeys(group.step for group, *_ in found_all if group.step))
                self.send(receiver, "digest", list(firing.values()), sorted(ended), persons)
            else:
                for group, reason, firing_here, ended_here in found_all:
                    self.send(receiver, reason, firing_here, ended_here, group.step or "")
            for group, _, firing_here, ended_here in found_all:
                self.remember(group, firing_here, ended_here)

    def wants(self, key: str, group: Group) -> tuple[Group, str, list[Firing], list[str]] | None:
        members = [one for one in self.members(key) if not self.is_kept_back(one)]
        shown = [one for one in members if not one.taken or one.alert.alert_id in group.knows]
        news = [one for one in members if not one.taken and self.is_news(group, one)]
        open_ones = [one for one in members if not one.taken]
        ended = sorted(group.ended)
        repeat = group.route.repeat_interval_ms // MINUTE_MS if group.route else 0
        if news and group.step is not None:
            reason = "escalated_unacknowledged"
        elif news and all(one.openings for one in news):
            reason = "reopened"
        elif news:
            reason = "new_alerts_in_group" if group.knows else "first_notification"
        elif ended:
            reason = "new_resolved_in_group" if shown else "all_alerts_resolved"
        elif open_ones and repeat and group.notified is not None and self.now >= group.notified + repeat:
            reason = "repeat_interval_elapsed"
        else:
            group.step = None
            return None
        if not self.config.reaches(group.receiver):
            self.remember(group, [], ended, is_sent=False)
            return None
        if group.step is None and self.is_muted(group.route):
            return None
        return group, reason, shown, ended

    def is_muted(self, route: Route | None) -> bool:
        if route is None:
            return False
        known, now_ms = self.config.alerting.time_intervals, self.now * MINUTE_MS
        muted = lies_in(route.mute_time_intervals, known, now_ms) is not None
        active = not route.active_time_intervals or lies_in(route.active_time_intervals, known, now_ms) is not None
        return muted or not active

    def remember(self, group: Group, firing: list[Firing], ended: list[str], *, is_sent: bool = True) -> None:
        for one in firing:
            if not one.taken:
                group.knows[one.alert.alert_id] = (one.alert.alert_key, one.openings)
        for alert_id in ended:
            del group.knows[alert_id]
            group.ended.discard(alert_id)
        if is_sent:
            group.notified = self.now
        group.step = group.put_off = None

    def send(self, receiver: str, reason: str, firing: list[Firing], ended: list[str], person: str = "") -> None:
        names = tuple(sorted(one.alert.alert_id for one in firing))
        self.messages.append((self.now, receiver, reason, names, tuple(ended), person))

    # --- escalation

    def start_chain(self, one: Firing) -> None:
        chain = chain_for(self.config.on_call.chains, self.labels(one.alert))
        if one.behind or one.step_at is not None or one.held or chain is None or not chain.due():
            return
        due = [(ms // MINUTE_MS, step) for ms, step in chain.due()]
        before = [0, *(minute for minute, _ in due)]
        one.steps = tuple((minute - last, step) for (minute, step), last in zip(due, before, strict=False))
        one.step_at = self.now + one.steps[0][0]
        one.waited = 0

    def release(self) -> None:
        for one in self.alerts.values():
            if self.fires(one) and one.held and not self.is_kept_back(one):
                keys = [*self.routes(one), *one.called]
                keys += [key for key, group in self.groups.items() if one.alert.alert_id in group.knows]
                one.held = False
                one.step_at = max([self.now, *(self.next_look(self.groups[key]) for key in keys)])

    def next_look(self, group: Group) -> int:
        minute = self.now
        if group.route is None:
            return minute
        first = group.since + group.route.group_wait_ms // MINUTE_MS
        interval = group.route.group_interval_ms // MINUTE_MS
        if minute < first or interval == 0:
            return max(first, minute)
        while (minute - first) % interval or minute == group.notified:
            minute += 1
        return minute

    def take_step(self, one: Firing) -> bool:
        """Whether a step was taken."""
        if not self.fires(one) or one.taken or one.step_at is None or one.step_at > self.now:
            return False
        if self.is_kept_back(one):
            one.step_at, one.held = None, True
            return False
        (delay, step), one.steps = one.steps[0], one.steps[1:]
        one.waited += delay
        one.step_at = self.now + one.steps[0][0] if one.steps else None
        on_routes = {route.receiver for route in self.routes(one).values()}
        match step:
            case Notify(receiver) if one.waited == 0 and receiver in on_routes:
                pass
            case Notify(receiver):
                self.call(one, receiver, "")
            case Page(name):
                schedule = self.config.on_call.schedule(name)
                assert schedule is not None
                made = sorted((since, one_.override_id, one_) for since, one_ in self.overrides.values())
                over = tuple(
                    Override(person=each.person, since_ms=each.since_ms, until_ms=each.until_ms)
                    for *_, each in made
                    if each.schedule == name
                )
                fields = {each: getattr(schedule, each) for each in schedule.__struct_fields__}
                person = who(type(schedule)(**{**fields, "overrides": over}), self.now * MINUTE_MS).person
                self.call(one, schedule.receiver_of(person), person or "")
        return True

    def call(self, one: Firing, receiver: str, person: str) -> None:
        if not self.config.reaches(receiver):
            receiver = next((each for each in self.config.stand_ins if self.config.reaches(each)), "")
        if not receiver:
            return
        keys = sorted({*self.routes(one), *one.called})
        key = next((each for each in keys if self.groups[each].receiver == receiver), None)
        if key is None:
            key = f"{receiver}:escalation:{one.alert.alert_key}"
            self.groups[key] = Group(receiver, None, self.now)
            one.called.add(key)
        self.groups[key].step = person
