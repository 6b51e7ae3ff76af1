"""The dispatcher once more, slow and obvious: every minute it looks at everything, and stores no deadline of a group.

It shares with the real one only `streams.routing` (which route, which hours, who is on call) and the inputs. All times
are whole minutes.
"""

from streams.dispatch.inputs import (
    AnyInput,
)
from streams.routing.chain import Notify, Page
from streams.routing.matcher import matches_all
from streams.routing.schedule import Override
from streams.routing.shifts import who
from tests.streams.dispatch.plain_acts import PlainActs
from tests.streams.dispatch.plain_state import Firing, Group
from tests.streams.dispatch.scripts import MINUTE_MS


class PlainModel(PlainActs):
    """Give it inputs in order of time; `messages` is what was sent."""

    def take(self, given: AnyInput, minute: int) -> None:
        """An input of a minute; what is due until then comes first."""
        while self.now < minute:
            self.now += 1
            self.pass_minute()
        self.apply(given)
        self.settle()

    def pass_minute(self) -> None:
        for silence_id in sorted(self.silences):
            self.notice(silence_id)
        for _, one in sorted(self.alerts.items()):
            self.acknowledgement(one)
        self.settle()

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
                if self.has_incident(group, one) and self.config.reaches(group.receiver):
                    shown = self.known_firing(group) if group.receiver in self.config.apart else [one]
                    self.send(group.receiver, "acknowledgement_will_expire", shown, [])

    def settle(self) -> None:
        """Groups look, then steps of escalation are taken, and so on until nothing happens."""
        self.bring_groups_up()
        self.release()
        self.look()
        while self.take_steps():
            self.bring_groups_up()
            self.look()
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
                if key not in keys and one.alert.alert_key in group.steps:
                    self.put_step(one, group.receiver, group.steps.pop(one.alert.alert_key))
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
        known = left.knows[one.alert.alert_id]
        is_apart = left.receiver in self.config.apart
        if not is_apart or one.alert.alert_id in left.elsewhere:
            del left.knows[one.alert.alert_id]
            left.ended.discard(one.alert.alert_id)
        if one.alert.alert_id not in heir.knows:
            heir.knows[one.alert.alert_id] = known
            (heir.elsewhere.add if is_apart else heir.elsewhere.discard)(one.alert.alert_id)
            times = [each for each in (heir.notified, left.notified) if each is not None]
            heir.notified = max(times, default=None)

    def may_look(self, group: Group) -> bool:
        """A group looks when `group_wait` is over, at each `group_interval`, and when a repetition is due."""
        if group.put_off == self.now or group.route is None or self.called(group):
            return True
        first = group.since + group.route.group_wait_ms // MINUTE_MS
        interval, repeat = group.route.group_interval_ms // MINUTE_MS, group.route.repeat_interval_ms // MINUTE_MS
        if self.now < first:
            return False
        if interval == 0:
            return True
        if repeat and group.notified is not None and self.now == group.notified + repeat:
            return True
        return (self.now - first) % interval == 0 and group.notified != self.now

    def called(self, group: Group) -> list[Firing]:
        """Whose steps are due: nothing keeps them back."""
        return [self.alerts[key] for key in group.steps if not self.is_kept_back(self.alerts[key])]

    def look(self) -> None:
        wants: dict[str, list[tuple[Group, str, list[Firing], list[str]]]] = {}
        for key, group in sorted(self.groups.items()):
            if self.may_look(group) and (found := self.wants(key, group)) is not None:
                wants.setdefault(group.receiver, []).append(found)
        bundles = [
            (receiver, bundle) for receiver, found in wants.items()
            for bundle in ([[one] for one in found] if receiver in self.config.apart else [found])
        ]  # fmt: skip
        for receiver, found_all in bundles:
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
                groups = [group for group, *_ in found_all]
                self.send(receiver, "digest", list(firing.values()), sorted(ended), self.persons(groups))
            else:
                for group, reason, firing_here, ended_here in found_all:
                    self.send(receiver, reason, firing_here, ended_here, self.persons([group]))
            for group, _, firing_here, ended_here in found_all:
                self.remember(group, firing_here, ended_here)

    def persons(self, groups: list[Group]) -> str:
        found = [group.steps[one.alert.alert_key] for group in groups for one in self.called(group)]
        return " ".join(dict.fromkeys(each for each in found if each))

    def wants(self, key: str, group: Group) -> tuple[Group, str, list[Firing], list[str]] | None:
        members = [one for one in self.members(key) if not self.is_kept_back(one)]
        shown = [one for one in members if not one.taken or one.alert.alert_id in group.knows]
        news = [one for one in members if not one.taken and self.is_news(group, one)]
        open_ones = [one for one in members if not one.taken]
        ended = sorted(group.ended)
        repeat = group.route.repeat_interval_ms // MINUTE_MS if group.route else 0
        called = self.called(group)
        if called:
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
            return None
        if not self.config.reaches(group.receiver):
            self.remember(group, [], ended, is_sent=False)
            for one in called:
                del group.steps[one.alert.alert_key]
            return None
        if not called and self.is_muted(group.route):
            return None
        return group, reason, shown, ended

    def remember(self, group: Group, firing: list[Firing], ended: list[str], *, is_sent: bool = True) -> None:
        for one in firing:
            group.elsewhere.discard(one.alert.alert_id)
            group.steps.pop(one.alert.alert_key, None)
            if not one.taken:
                group.knows[one.alert.alert_id] = (one.alert.alert_key, one.openings)
        for alert_id in ended:
            del group.knows[alert_id]
            group.ended.discard(alert_id)
        if is_sent:
            group.notified = self.now
        group.put_off = None

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
        on_routes |= {each.receiver for each in self.groups.values() if each.route and one.alert.alert_id in each.knows}
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
        self.put_step(one, receiver, person)

    def put_step(self, one: Firing, receiver: str, person: str) -> None:
        keys = sorted({*self.routes(one), *one.called})
        key = next((each for each in keys if self.groups[each].receiver == receiver), None)
        if key is None:
            key = f"{receiver}:escalation:{one.alert.alert_key}"
            self.groups.setdefault(key, Group(receiver, None, self.now))
            one.called.add(key)
        self.groups[key].steps[one.alert.alert_key] = person
