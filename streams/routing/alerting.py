"""What the two files say, as one value: routes, receivers' names, inhibit rules, time intervals, chains, schedules."""

import msgspec

from streams.routing.chain import Chain, Notify, Wait
from streams.routing.inhibit_rule import InhibitRule
from streams.routing.matcher import Matcher
from streams.routing.route import Node, Route, built
from streams.routing.schedule import Schedule
from streams.routing.time_interval import TimeInterval

TEAM, ON_CALL = "team", "on-call"
BUILT_IN = "built-in"  # the version of what is in force without a file


class Alerting(msgspec.Struct, frozen=True, kw_only=True):
    """`alerting.yaml`. `version` is the SHA-256 of the file in hex, or `built-in`."""

    root: Route
    receivers: tuple[str, ...]
    inhibit_rules: tuple[InhibitRule, ...] = ()
    time_intervals: dict[str, tuple[TimeInterval, ...]] = {}
    version: str = BUILT_IN


class OnCall(msgspec.Struct, frozen=True, kw_only=True):
    """`oncall.yaml`, with `version` as in `Alerting`."""

    chains: tuple[Chain, ...] = ()
    schedules: tuple[Schedule, ...] = ()
    version: str = BUILT_IN

    def schedule(self, name: str) -> Schedule | None:
        """The schedule of that name."""
        return next((each for each in self.schedules if each.name == name), None)


def default_alerting() -> Alerting:
    """Without a file: every alert is a group of its own, goes to the team at once, and is not repeated."""
    root = Node(receiver=TEAM, group_by=("...",), group_wait_ms=0, group_interval_ms=0, repeat_interval_ms=0)
    return Alerting(root=built(root), receivers=(TEAM, ON_CALL))


def default_on_call(escalate_after_ms: int) -> OnCall:
    """Without a file: a critical alert that is not acknowledged in time also goes to on-call."""
    critical = Chain(
        name="critical",
        matchers=(Matcher("severity", "critical"),),
        steps=(Wait(escalate_after_ms), Notify(ON_CALL)),
    )
    return OnCall(chains=(critical,))
