"""The configurations of `proof.txt`, by name."""

from datetime import datetime

import msgspec

from streams.dispatch.config import DispatchConfig, RateLimit, default_config
from streams.routing.alerting import ON_CALL, TEAM, Alerting, OnCall
from streams.routing.chain import Chain, Notify, OnlyIfFiring, Page, Wait
from streams.routing.inhibit_rule import InhibitRule
from streams.routing.matcher_parsing import parse_matchers
from streams.routing.route import Node, built
from streams.routing.schedule import DAY_MINUTES, Layer, Schedule
from streams.routing.time_interval import TimeInterval
from tests.streams.dispatch.scripts import MINUTE_MS, SECOND_MS

CRITICAL = parse_matchers('severity="critical"')
HOURS: dict[str, tuple[TimeInterval, ...]] = {
    "nights": (TimeInterval(times=((22 * 60, 24 * 60), (0, 6 * 60))),),
    "evenings": (TimeInterval(times=((22 * 60, 23 * 60 + 50), (23 * 60 + 55, 24 * 60))),),
}
RECEIVERS = (TEAM, ON_CALL, "pager", "kim-phone")


def config(
    root: Node,
    *chains: Chain,
    schedules: tuple[Schedule, ...] = (),
    inhibit: tuple[InhibitRule, ...] = (),
    rates: dict[str, RateLimit] | None = None,
) -> DispatchConfig:
    return DispatchConfig(
        alerting=Alerting(root=built(root), receivers=RECEIVERS, inhibit_rules=inhibit, time_intervals=HOURS),
        on_call=OnCall(chains=chains, schedules=schedules),
        rate_limits=rates or {},
    )


def route(receiver: str = TEAM, *, mute: str = "", routes: tuple[Node, ...] = ()) -> Node:
    """Each alert a group of its own, at once, without repetition."""
    return Node(
        receiver=receiver, group_by=("...",), group_wait_ms=0, group_interval_ms=0, repeat_interval_ms=0,
        mute_time_intervals=(mute,) if mute else (), routes=routes,
    )  # fmt: skip


def layer(name: str, *people: str) -> Layer:
    return Layer(name=name, people=people, start=datetime(2026, 1, 5, 9), turn_minutes=7 * DAY_MINUTES)


def primary(*layers: Layer) -> Schedule:
    return Schedule(
        name="primary", time_zone="Asia/Seoul", receiver=ON_CALL, layers=layers, receivers={"kim": "kim-phone"}
    )


DEFAULT = msgspec.structs.replace(default_config(), alerting=config(route()).alerting)
GROUPED = config(
    Node(
        receiver=TEAM, group_by=("alertname",), group_wait_ms=30 * SECOND_MS, group_interval_ms=5 * MINUTE_MS,
        repeat_interval_ms=61 * MINUTE_MS,
    )
)  # fmt: skip
INHIBITED = config(
    route(),
    inhibit=(
        InhibitRule(
            source_matchers=CRITICAL, target_matchers=parse_matchers('severity="warning"'), equal=("project_id",)
        ),
    ),
)
EVERYONE = parse_matchers('project_id=~".+"')
CHAIN = Chain(
    name="c",
    matchers=CRITICAL,
    steps=(Notify(TEAM), Wait(5 * MINUTE_MS), Notify(ON_CALL), Wait(10 * MINUTE_MS), OnlyIfFiring(), Page("primary")),
    repeat=1,
)
PAGES = Chain(name="pages", matchers=CRITICAL, steps=(Wait(5 * MINUTE_MS), Page("primary")))
ESCALATED = config(route(), CHAIN, schedules=(primary(layer("week", "kim")),))
LIMITED = config(route(), rates={TEAM: RateLimit(interval_ms=MINUTE_MS)})

CONFIGS = {
    "no file": default_config(),
    "plain": DEFAULT,
    "grouped": GROUPED,
    "inhibited": INHIBITED,
    "escalated": ESCALATED,
    "limited": LIMITED,
    "pager continues": config(
        route(routes=(Node(receiver="pager", matchers=CRITICAL, continues=True), Node(receiver=TEAM)))
    ),
    "pager for critical": config(route(routes=(Node(receiver="pager", matchers=CRITICAL),))),
    "everything inhibits": config(route(), inhibit=(InhibitRule(source_matchers=EVERYONE, target_matchers=EVERYONE),)),
    "empty day layer": config(route(), PAGES, schedules=(primary(layer("day", ""), layer("week", "kim")),)),
    "nobody on call": config(route(), PAGES, schedules=(primary(layer("day", "")),)),
    "kim on call": config(route(), PAGES, schedules=(primary(layer("week", "kim")),)),
    "limited on-call": config(
        route(), PAGES, schedules=(primary(layer("week", "lee")),), rates={ON_CALL: RateLimit(MINUTE_MS)}
    ),
    "burst of two": config(route(), rates={TEAM: RateLimit(MINUTE_MS, burst=2)}),
    "muted at night": config(route(mute="nights")),
    "muted with a chain to the team": config(
        route(mute="nights"), Chain(name="again", matchers=CRITICAL, steps=(Wait(5 * MINUTE_MS), Notify(TEAM)))
    ),
    "grouped with a chain": msgspec.structs.replace(GROUPED, on_call=DEFAULT.on_call),
    "incidents": msgspec.structs.replace(DEFAULT, apart=frozenset({TEAM})),
    "grouped incidents": msgspec.structs.replace(GROUPED, apart=frozenset({TEAM})),
    "limited incidents": msgspec.structs.replace(LIMITED, apart=frozenset({TEAM})),
    "no sinks": msgspec.structs.replace(DEFAULT, empty_receivers=frozenset({TEAM, ON_CALL})),
    "no sink for on-call": msgspec.structs.replace(DEFAULT, empty_receivers=frozenset({ON_CALL})),
}
