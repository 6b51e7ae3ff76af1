"""Random inputs at random minutes, and configurations in which everything happens."""

from random import Random

import msgspec

from models.alert import FINDINGS_ROSE, AlertStatus, Severity
from streams.dispatch.config import DispatchConfig, RateLimit
from streams.dispatch.inputs import (
    Acknowledge,
    AnyInput,
    CaughtUp,
    ExpireSilence,
    RemoveOverride,
    Resolve,
    SetOverride,
    SetSilence,
    Transition,
    Unacknowledge,
)
from streams.routing.alerting import ON_CALL, TEAM
from streams.routing.chain import Chain, Notify, Page, Wait
from streams.routing.inhibit_rule import InhibitRule
from streams.routing.matcher_parsing import parse_matchers
from streams.routing.route import Node
from tests.streams.dispatch.proof_configs import CRITICAL, DEFAULT, ESCALATED, config, layer, primary, route
from tests.streams.dispatch.scripts import HOUR_MS, MINUTE_MS, START_MS, alert

ALERTS = [("rate", "p1"), ("rate", "p2"), ("gaps", "p1"), ("gaps", "p2"), ("slow", "p3"), ("slow", "p4")]
KEYS = [f"{rule}:{project}" for rule, project in ALERTS]
MATCHERS = ['project_id="p1"', 'severity="critical"', 'project_id=~"p[12]",severity!="critical"', 'alertname="gaps"']
GAPS = [0, 0, 1, 2, 3, 5, 7, 10, 20, 45, 90, 240, 600]

EVERYTHING = config(
    Node(
        receiver=TEAM,
        group_by=("alertname",),
        group_wait_ms=MINUTE_MS,
        group_interval_ms=5 * MINUTE_MS,
        repeat_interval_ms=61 * MINUTE_MS,
        routes=(
            Node(receiver="pager", matchers=CRITICAL, group_by=("project_id",), continues=True, group_wait_ms=0),
            Node(receiver=TEAM, matchers=parse_matchers('alertname="slow"'), mute_time_intervals=("nights",)),
            Node(receiver="kim-phone", matchers=parse_matchers('project_id="p2"'), group_interval_ms=7 * MINUTE_MS),
        ),
    ),
    Chain(
        name="pages",
        matchers=CRITICAL,
        steps=(Notify("pager"), Wait(5 * MINUTE_MS), Notify(ON_CALL), Wait(10 * MINUTE_MS), Page("primary")),
        repeat=2,
    ),
    schedules=(primary(layer("day", "", "kim"), layer("week", "lee", "kim")),),
    inhibit=(
        InhibitRule(
            source_matchers=CRITICAL, target_matchers=parse_matchers('severity="warning"'), equal=("project_id",)
        ),
    ),
    rates={"pager": RateLimit(3 * MINUTE_MS), "kim-phone": RateLimit(11 * MINUTE_MS)},
)
CONFIGS: dict[str, DispatchConfig] = {
    "everything": EVERYTHING,
    "incidents": msgspec.structs.replace(EVERYTHING, apart=frozenset({TEAM, "pager"})),
    "moving incidents": msgspec.structs.replace(
        config(
            route(routes=(Node(receiver=TEAM, matchers=CRITICAL, group_by=("alertname",), repeat_interval_ms=HOUR_MS),))
        ),
        apart=frozenset({TEAM}),
    ),
    "limited pages": msgspec.structs.replace(
        EVERYTHING, rate_limits={name: RateLimit(17 * MINUTE_MS) for name in (TEAM, ON_CALL, "pager")}
    ),
    "chain": ESCALATED,
    "default": DEFAULT,
    "no sink for on-call": msgspec.structs.replace(DEFAULT, empty_receivers=frozenset({ON_CALL})),
}

Script = list[tuple[int, AnyInput]]  # epoch milliseconds, in order


def script(random: Random, length: int) -> Script:
    """So many inputs at whole minutes."""
    numbers: dict[str, int] = {}
    at_ms, found = START_MS, list[tuple[int, AnyInput]]()
    for _ in range(length):
        at_ms += random.choice(GAPS) * MINUTE_MS
        found.append((at_ms, _input(random, at_ms, numbers)))
    return found


def _input(random: Random, at_ms: int, numbers: dict[str, int]) -> AnyInput:
    key, person, comment = random.choice(KEYS), random.choice(["ann", "bo"]), ""
    later_ms = at_ms + random.choice([1, 5, 20, 60, 300, 2000]) * MINUTE_MS
    match random.randrange(20):
        case 0 | 1:
            until_ms = random.choice([0, 0, later_ms])
            return Acknowledge(alert_key=key, by=person, comment=comment, until_ms=until_ms)
        case 2:
            return Unacknowledge(alert_key=key, by=person)
        case 3:
            return Resolve(alert_key=key, by=person)
        case 4 | 5:
            starts_ms = at_ms + random.choice([0, 0, 5, 60]) * MINUTE_MS
            return SetSilence(
                silence_id=random.choice(["s1", "s2", "s3"]),
                matchers=parse_matchers(random.choice(MATCHERS)),
                starts_at_ms=starts_ms,
                ends_at_ms=later_ms,
                by=person,
                time_intervals=random.choice([(), (), ("nights",)]),
            )
        case 6:
            return ExpireSilence(silence_id=random.choice(["s1", "s2", "s3"]))
        case 7:
            return CaughtUp(origins=("7",))
        case 8:
            if random.randrange(2):
                return RemoveOverride(override_id="o1")
            return SetOverride(
                override_id="o1", schedule="primary", person="bo", since_ms=at_ms, until_ms=later_ms, by=person
            )
        case _:
            return _transition(random, at_ms, numbers)


def _transition(random: Random, at_ms: int, numbers: dict[str, int]) -> Transition:
    rule, project = random.choice(ALERTS)
    key = f"{rule}:{project}"
    status = random.choice([AlertStatus.FIRING, AlertStatus.FIRING, AlertStatus.RESOLVED, AlertStatus.PENDING])
    is_over = numbers.get(key, 0) <= 0  # never seen, or its newest firing has ended
    if status is not AlertStatus.RESOLVED and (is_over or random.randrange(4) == 0):
        numbers[key] = abs(numbers.get(key, 0)) + 1
    elif status is AlertStatus.RESOLVED:
        numbers[key] = -abs(numbers.get(key, 1))
    severity = random.choice([Severity.WARNING, Severity.CRITICAL])
    has_more = random.randrange(4) > 1 and rule == "gaps" and status is AlertStatus.FIRING
    reason = FINDINGS_ROSE if has_more else "threshold_crossed"
    behind = random.choice(["", "", "", "", "7"])
    found = alert(project, status, severity, abs(numbers[key]), at_ms, rule, reason=reason)
    return Transition(alert=found, behind=behind)
