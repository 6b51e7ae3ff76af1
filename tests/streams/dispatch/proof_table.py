"""The rows of the proof table: a name, a configuration, and a script with everything that is expected of it."""

from datetime import datetime
from typing import NamedTuple

import msgspec

from streams.dispatch.config import DispatchConfig, RateLimit, default_config
from streams.routing.alerting import ON_CALL, TEAM, Alerting, OnCall
from streams.routing.chain import Chain, Notify, OnlyIfFiring, Page, Wait
from streams.routing.inhibit_rule import InhibitRule
from streams.routing.matcher_parsing import parse_matchers
from streams.routing.route import Node, built
from streams.routing.schedule import DAY_MINUTES, Layer, Schedule
from streams.routing.time_interval import TimeInterval
from tests.streams.dispatch.scripts import HOUR_MS, MINUTE_MS, SECOND_MS

CRITICAL = parse_matchers('severity="critical"')
NIGHTS: dict[str, tuple[TimeInterval, ...]] = {"nights": (TimeInterval(times=((22 * 60, 24 * 60), (0, 6 * 60))),)}
RECEIVERS = (TEAM, ON_CALL, "pager", "kim-phone")


def config(
    root: Node,
    *chains: Chain,
    schedules: tuple[Schedule, ...] = (),
    inhibit: tuple[InhibitRule, ...] = (),
    rates: dict[str, RateLimit] | None = None,
) -> DispatchConfig:
    return DispatchConfig(
        alerting=Alerting(root=built(root), receivers=RECEIVERS, inhibit_rules=inhibit, time_intervals=NIGHTS),
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


class Row(NamedTuple):
    """`script` is what `Stage.play` gives for its inputs."""

    name: str
    config: DispatchConfig
    script: str


ROWS = [
    # --- without a file
    Row("without a file the team is notified at once, and of the end as well", default_config(), """
        0:00 p1 fires warning
        0:00 < team first_notification p1
        0:10 p1 ends
        0:10 < team all_alerts_resolved -p1
        9:00 end
    """),
    Row("without a file on-call learns after five minutes of a critical alert that nobody takes", default_config(), """
        0:00 p1 fires critical
        0:00 < team first_notification p1!
        0:05 < on-call escalated_unacknowledged p1!
        0:10 p1 ends
        0:10 < on-call all_alerts_resolved -p1!
        0:10 < team all_alerts_resolved -p1!
        9:00 end
    """),
    Row("without a file a critical alert does not inhibit a warning of the same project", default_config(), """
        0:00 p1 fires critical
        0:00 < team first_notification p1!
        0:01 gaps/p1 fires warning
        0:01 < team first_notification gaps/p1
        0:02 end
    """),
    Row("a pending alert is nobody's business", DEFAULT, """
        0:00 p1 pends warning
        0:01 p1 fires
        0:01 < team first_notification p1
        0:02 p2 pends warning
        0:03 p2 ends
        9:00 end
    """),
    # --- groups
    Row("the first notification waits for group_wait, and has what came in the meantime", GROUPED, """
        0:00 p1 fires warning
        0:00 ! team p1 grouped until 0:00:30
        0:00:10 p2 fires critical
        0:00:10 ! team p2 grouped until 0:00:30
        0:00:30 < team first_notification p2! p1
        0:01 end
    """),
    Row("an alert that ends within group_wait is never notified", GROUPED, """
        0:00 p1 fires warning
        0:00 ! team p1 grouped until 0:00:30
        0:00:10 p1 ends
        0:00:10 ! team p1 never notified of its beginning
        9:00 end
    """),
    Row("news wait for the next group_interval, counted from the first look", GROUPED, """
        0:00 p1 fires warning
        0:00 ! team p1 grouped until 0:00:30
        0:00:30 < team first_notification p1
        0:02 p2 fires warning
        0:02 ! team p2 grouped until 0:05:30
        0:05:30 < team new_alerts_in_group p1 p2
        0:17 p3 fires warning
        0:17 ! team p3 grouped until 0:20:30
        0:20:30 < team new_alerts_in_group p1 p2 p3
        0:21 end
    """),
    Row("groups of different labels do not wait for each other", GROUPED, """
        0:00 p1 fires warning
        0:00 ! team p1 grouped until 0:00:30
        0:00:20 gaps/p1 fires warning
        0:00:20 ! team gaps/p1 grouped until 0:00:50
        0:00:30 < team first_notification p1
        0:00:50 < team first_notification gaps/p1
        0:01 end
    """),
    Row("a repetition comes repeat_interval after the last notification, whatever group_interval is", GROUPED, """
        0:00 p1 fires warning
        0:00 ! team p1 grouped until 0:00:30
        0:00:30 < team first_notification p1
        0:10 p1 fires
        0:10 ! team p1 nothing new until 1:01:30
        1:01:30 < team repeat_interval_elapsed p1
        1:03 p2 fires warning
        1:03 ! team p2 grouped until 1:05:30
        1:05:30 < team new_alerts_in_group p1 p2
        2:06:30 < team repeat_interval_elapsed p1 p2
        2:07 end
    """),
    Row("the end of one alert of a group says what still fires", GROUPED, """
        0:00 p1 fires warning
        0:00 ! team p1 grouped until 0:00:30
        0:00 p2 fires warning
        0:00 ! team p2 grouped until 0:00:30
        0:00:30 < team first_notification p1 p2
        0:01 p1 ends
        0:01 ! team p1 grouped until 0:05:30
        0:05:30 < team new_resolved_in_group p2 -p1
        0:06 p2 ends
        0:06 ! team p2 grouped until 0:10:30
        0:10:30 < team all_alerts_resolved -p2
        9:00 end
    """),
    Row("an alert that ends and fires anew within group_interval is notified of as both", GROUPED, """
        0:00 p1 fires warning
        0:00 ! team p1 grouped until 0:00:30
        0:00:30 < team first_notification p1
        0:01 p1 ends
        0:01 ! team p1 grouped until 0:05:30
        0:02 p1 anew
        0:02 ! team p1 grouped until 0:05:30
        0:05:30 < team new_alerts_in_group p1 -p1
        0:06 end
    """),
    Row("a group that is over begins anew with group_wait", GROUPED, """
        0:00 p1 fires warning
        0:00 ! team p1 grouped until 0:00:30
        0:00:30 < team first_notification p1
        0:01 p1 ends
        0:01 ! team p1 grouped until 0:05:30
        0:05:30 < team all_alerts_resolved -p1
        0:07 p1 anew
        0:07 ! team p1 grouped until 0:07:30
        0:07:30 < team first_notification p1
        0:08 end
    """),
    Row("with continue several receivers are notified, and each is notified of the end", config(
        route(routes=(Node(receiver="pager", matchers=CRITICAL, continues=True), Node(receiver=TEAM)))), """
        0:00 p1 fires critical
        0:00 < pager first_notification p1!
        0:00 < team first_notification p1!
        0:01 p2 fires warning
        0:01 < team first_notification p2
        0:02 p1 ends
        0:02 < pager all_alerts_resolved -p1!
        0:02 < team all_alerts_resolved -p1!
        0:03 end
    """),
    Row("who is off the routes when an alert becomes worse is still notified of its end", config(
        route(routes=(Node(receiver="pager", matchers=CRITICAL),))), """
        0:00 p1 fires warning
        0:00 < team first_notification p1
        0:01 p1 fires critical
        0:01 < pager reopened p1!
        0:01 ! team p1 nothing new
        0:02 p1 ends
        0:02 < pager all_alerts_resolved -p1!
        0:02 < team all_alerts_resolved -p1!
        0:03 end
    """),
    # --- silences
    Row("a silenced alert is notified when the silence ends, and its receivers learn of that before", DEFAULT, """
        0:00 s1 silences project_id=p1 until 2:00
        0:01 p1 fires warning
        0:01 ! team p1 silenced by s1 until 2:00
        0:02 p2 fires warning
        0:02 < team first_notification p2
        1:45 < team silence_will_expire p1 "The silence of ann will expire (no comment)."
        2:00 < team first_notification p1
        9:00 end
    """),
    Row("a silence that ends early frees at once, once", DEFAULT, """
        0:00 s1 silences project_id=p1 until 2:00
        0:01 p1 fires warning
        0:01 ! team p1 silenced by s1 until 2:00
        0:10 s1 expires
        0:10 < team first_notification p1
        0:11 s1 expires
        0:11 x already_expired
        0:12 s9 expires
        0:12 x unknown_silence
        9:00 end
    """),
    Row("who was notified of the beginning is notified of the end, silenced or not", DEFAULT, """
        0:00 p1 fires warning
        0:00 < team first_notification p1
        0:01 s1 silences project_id=p1 until 2:00
        0:02 p1 ends
        0:02 < team all_alerts_resolved -p1
        9:00 end
    """),
    Row("who was not notified of the beginning is not notified of the end", DEFAULT, """
        0:00 s1 silences project_id=p1 until 2:00
        0:01 p1 fires warning
        0:01 ! team p1 silenced by s1 until 2:00
        0:02 p1 ends
        0:02 ! team p1 never notified of its beginning
        9:00 end
    """),
    Row("a silence begins when it says, and is not announced where it is short", DEFAULT, """
        0:00 s1 silences project_id=~p.+ until 1:20 from 1:00
        0:30 p1 fires warning
        0:30 < team first_notification p1
        1:10 p2 fires warning
        1:10 ! team p2 silenced by s1 until 1:20
        1:20 < team first_notification p2
        9:00 end
    """),
    Row("all four operators match labels of rule and project", DEFAULT, """
        0:00 s1 silences team=~"video|audio",project_id!=p3 until 0:20
        0:01 p1 fires warning team=video
        0:01 ! team p1 silenced by s1 until 0:20
        0:02 p2 fires warning team=videos
        0:02 < team first_notification p2
        0:03 p3 fires warning team=audio
        0:03 < team first_notification p3
        0:04 s2 silences severity=info,team!~"video.*" until 0:25
        0:05 p4 fires info team=videos
        0:05 < team first_notification p4
        0:06 p5 fires info
        0:06 ! team p5 silenced by s2 until 0:25
        0:20 < team first_notification p1
        0:25 < team first_notification p5
        0:30 end
    """),
    Row("of two silences the later end counts", DEFAULT, """
        0:00 s1 silences project_id=p1 until 0:20
        0:00 s2 silences severity=warning until 0:25
        0:01 p1 fires warning
        0:01 ! team p1 silenced by s2 until 0:25
        0:20 ! team p1 silenced by s2 until 0:25
        0:25 < team first_notification p1
        0:30 end
    """),
    Row("a recurring silence silences in its hours", DEFAULT, """
        0:00 s1 silences project_id=~p.+ until 60:00 in nights
        1:00 p1 fires warning
        1:00 ! team p1 silenced by s1 until 6:00
        6:00 < team first_notification p1
        21:00 p2 fires warning
        21:00 < team first_notification p2
        22:00 p3 fires warning
        22:00 ! team p3 silenced by s1 until 30:00
        23:00 p1 ends
        23:00 < team all_alerts_resolved -p1
        30:00 < team first_notification p3
        70:00 end
    """),
    Row("a silence that would hide everything, or ends before it begins, is refused", DEFAULT, """
        0:00 s1 silences project_id=~.* until 1:00
        0:00 x silence_matches_all
        0:10 s2 silences project_id=p1 until 0:05
        0:10 x silence_ends_early
        0:10 s3 silences project_id=p1 until 1:00 in weekends
        0:10 x unknown_time_interval
        0:11 p1 fires warning
        0:11 < team first_notification p1
        0:12 end
    """),
    Row("a silenced alert is not repeated, and the repetition comes when the silence is over", GROUPED, """
        0:00 p1 fires warning
        0:00 ! team p1 grouped until 0:00:30
        0:00:30 < team first_notification p1
        0:40 s1 silences project_id=p1 until 1:08
        1:10:30 < team repeat_interval_elapsed p1
        2:00 end
    """),
    # --- inhibition
    Row("a critical alert inhibits the warnings of its project, and its end frees them", INHIBITED, """
        0:00 p1 fires critical
        0:00 < team first_notification p1!
        0:01 gaps/p1 fires warning
        0:01 ! team gaps/p1 inhibited by rate:p1
        0:02 gaps/p2 fires warning
        0:02 < team first_notification gaps/p2
        0:03 p1 ends
        0:03 < team first_notification gaps/p1
        0:03 < team all_alerts_resolved -p1!
        0:04 end
    """),
    Row("who was notified before an alert was inhibited is notified of its end", INHIBITED, """
        0:00 gaps/p1 fires warning
        0:00 < team first_notification gaps/p1
        0:01 p1 fires critical
        0:01 < team first_notification p1!
        0:02 gaps/p1 ends
        0:02 < team all_alerts_resolved -gaps/p1
        0:03 end
    """),
    Row("a silenced or acknowledged alert inhibits as well", INHIBITED, """
        0:00 s1 silences rule!=x,severity=critical until 0:20
        0:01 p1 fires critical
        0:01 ! team p1 silenced by s1 until 0:20
        0:02 p1 acknowledged ann
        0:03 gaps/p1 fires warning
        0:03 ! team gaps/p1 inhibited by rate:p1
        0:04 p1 resolved ann
        0:04 < team first_notification gaps/p1
        0:04 ! team p1 never notified of its beginning
        0:30 end
    """),
    Row("no alert inhibits itself, and two that are both source and target do not inhibit each other", config(
        route(), inhibit=(InhibitRule(source_matchers=EVERYONE, target_matchers=EVERYONE),)), """
        0:00 p1 fires warning
        0:00 < team first_notification p1
        0:01 p2 fires warning
        0:01 < team first_notification p2
        0:02 end
    """),
    # --- acknowledgement
    Row("an acknowledgement stops repetitions until the alert is given back", GROUPED, """
        0:00 p1 fires warning
        0:00 ! team p1 grouped until 0:00:30
        0:00:30 < team first_notification p1
        0:10 p1 acknowledged ann
        1:20 p1 fires
        1:20 ! team p1 acknowledged by ann
        1:30 p1 unacknowledged ann
        1:30:30 < team repeat_interval_elapsed p1
        1:31 end
    """),
    Row("an alert that is taken within group_wait goes to nobody, neither its end", GROUPED, """
        0:00 p1 fires warning
        0:00 ! team p1 grouped until 0:00:30
        0:00:10 p1 acknowledged ann
        0:00:30 ! team p1 acknowledged by ann
        0:10 p1 ends
        0:10 ! team p1 never notified of its beginning
        0:11 end
    """),
    Row("an acknowledgement stops the escalation, and is shown the end only where the beginning was", DEFAULT, """
        0:00 p1 fires critical
        0:00 < team first_notification p1!
        0:04 p1 acknowledged ann
        0:10 p1 ends
        0:10 < team all_alerts_resolved -p1!
        9:00 end
    """),
    Row("an acknowledgement is reminded of, expires, and then the escalation begins anew", DEFAULT, """
        0:00 p1 fires critical
        0:00 < team first_notification p1!
        0:01 p1 acknowledged ann until 1:01
        0:51 < team acknowledgement_will_expire p1! "Acknowledged by ann; the acknowledgement will expire, and the alert still fires."
        1:01 < team reopened p1!
        1:06 < on-call escalated_unacknowledged p1!
        2:00 end
    """),
    Row("a short acknowledgement expires without a reminder", DEFAULT, """
        0:00 p1 fires warning
        0:00 < team first_notification p1
        0:01 p1 acknowledged ann until 0:20
        0:20 < team reopened p1
        2:00 end
    """),
    Row("an alert that becomes worse is open again", DEFAULT, """
        0:00 p1 fires warning
        0:00 < team first_notification p1
        0:01 p1 acknowledged ann
        0:02 p1 fires critical
        0:02 < team reopened p1!
        0:07 < on-call escalated_unacknowledged p1!
        0:08 end
    """),
    Row("an alert that becomes milder stays taken", DEFAULT, """
        0:00 p1 fires critical
        0:00 < team first_notification p1!
        0:01 p1 acknowledged ann
        0:02 p1 fires warning
        0:02 ! team p1 acknowledged by ann
        0:03 p1 fires critical
        0:03 < team reopened p1!
        0:04 end
    """),
    Row("a new firing is open again", DEFAULT, """
        0:00 p1 fires warning
        0:00 < team first_notification p1
        0:01 p1 acknowledged ann
        0:02 p1 anew
        0:02 < team new_alerts_in_group p1 -p1
        0:03 end
    """),
    Row("acts that do not fit are refused", DEFAULT, """
        0:00 p1 acknowledged ann
        0:00 x unknown_alert
        0:01 p1 pends warning
        0:02 p1 acknowledged ann
        0:02 x not_firing
        0:03 p1 fires
        0:03 < team first_notification p1
        0:04 p1 unacknowledged ann
        0:04 x not_acknowledged
        0:05 p1 acknowledged ann until 0:04
        0:05 x expiry_passed
        0:06 p1 ends
        0:06 < team all_alerts_resolved -p1
        0:07 p1 resolved ann
        0:07 x already_resolved
        0:08 end
    """),
    # --- resolved by a person
    Row("what a person resolves stays quiet until it gets worse", DEFAULT, """
        0:00 p1 fires warning
        0:00 < team first_notification p1
        0:01 p1 resolved ann
        0:01 < team all_alerts_resolved -p1
        0:02 p1 fires
        0:03 p1 fires critical
        0:03 < team reopened p1!
        0:08 < on-call escalated_unacknowledged p1!
        0:09 end
    """),
    Row("what a person resolves is open again when there are more findings", DEFAULT, """
        0:00 gaps/p1 fires warning value=3
        0:00 < team first_notification gaps/p1
        0:01 gaps/p1 resolved ann
        0:01 < team all_alerts_resolved -gaps/p1
        0:02 gaps/p1 fires value=3
        0:03 gaps/p1 fires value=4
        0:03 < team reopened gaps/p1
        0:04 end
    """),
    Row("what a person resolves is over when the rule is content, without a word", DEFAULT, """
        0:00 p1 fires warning
        0:00 < team first_notification p1
        0:01 p1 resolved ann
        0:01 < team all_alerts_resolved -p1
        0:02 p1 ends
        0:03 p1 anew
        0:03 < team first_notification p1
        0:04 end
    """),
    # --- escalation and on-call
    Row("a chain notifies, waits, pages who is on call, and begins again so often; the first step repeats nothing",
        ESCALATED, """
        0:00 p1 fires critical
        0:00 < team first_notification p1!
        0:00 ! team p1 nothing new
        0:05 < on-call escalated_unacknowledged p1!
        0:15 < kim-phone escalated_unacknowledged p1! (kim)
        0:15 < team escalated_unacknowledged p1!
        0:20 < on-call escalated_unacknowledged p1!
        0:30 < kim-phone escalated_unacknowledged p1! (kim)
        1:00 p1 ends
        1:00 < kim-phone all_alerts_resolved -p1!
        1:00 < on-call all_alerts_resolved -p1!
        1:00 < team all_alerts_resolved -p1!
        9:00 end
    """),
    Row("a chain ends with the alert, and who was not called is not notified of the end", ESCALATED, """
        0:00 p1 fires critical
        0:00 < team first_notification p1!
        0:00 ! team p1 nothing new
        0:05 < on-call escalated_unacknowledged p1!
        0:14 p1 ends
        0:14 < on-call all_alerts_resolved -p1!
        0:14 < team all_alerts_resolved -p1!
        9:00 end
    """),
    Row("a chain that a person has stopped begins anew when the alert is given back", ESCALATED, """
        0:00 p1 fires critical
        0:00 < team first_notification p1!
        0:00 ! team p1 nothing new
        0:03 p1 acknowledged ann
        0:06 p1 unacknowledged ann
        0:06 ! team p1 nothing new
        0:11 < on-call escalated_unacknowledged p1!
        0:12 end
    """),
    Row("a step waits behind a silence", DEFAULT, """
        0:00 p1 fires critical
        0:00 < team first_notification p1!
        0:01 s1 silences project_id=p1 until 0:20
        0:05 ! on-call p1 silenced by s1 until 0:20
        0:20 < on-call escalated_unacknowledged p1!
        9:00 end
    """),
    Row("a warning has no chain until it is critical", DEFAULT, """
        0:00 p1 fires warning
        0:00 < team first_notification p1
        0:30 p1 fires critical
        0:30 < team reopened p1!
        0:35 < on-call escalated_unacknowledged p1!
        0:36 end
    """),
    Row("an empty shift falls through to the next layer, and the message says so",
        config(route(), PAGES, schedules=(primary(layer("day", ""), layer("week", "kim")),)), """
        0:00 p1 fires critical
        0:00 < team first_notification p1!
        0:05 < kim-phone escalated_unacknowledged p1! (kim) "Layer day is empty: its turn has no person."
        0:06 end
    """),
    Row("with nobody on call the schedule's receiver is paged, and the message says so",
        config(route(), PAGES, schedules=(primary(layer("day", "")),)), """
        0:00 p1 fires critical
        0:00 < team first_notification p1!
        0:05 < on-call escalated_unacknowledged p1! "Nobody is on call in primary. Layer day is empty: its turn has no person."
        0:05 ! on-call p1 nobody on call primary
        0:06 end
    """),
    Row("an override has the shift in place of the layers",
        config(route(), PAGES, schedules=(primary(layer("week", "kim")),)), """
        0:00 o1 overrides primary lee 0:00 0:10
        0:00 p1 fires critical
        0:00 < team first_notification p1!
        0:05 < on-call escalated_unacknowledged p1! (lee)
        0:06 p2 fires critical
        0:06 < team first_notification p2!
        0:11 < kim-phone escalated_unacknowledged p2! (kim)
        0:12 o1 removed
        0:13 o1 removed
        0:13 x unknown_override
        0:14 o2 overrides secondary lee 1:00 2:00
        0:14 x unknown_schedule
        0:15 o3 overrides primary lee 0:00 0:10
        0:15 x override_ends_early
        0:16 end
    """),
    # --- rates and bursts
    Row("what has to wait for the rate of its receiver is one digest", LIMITED, """
        0:00 p1 fires warning
        0:00 < team first_notification p1
        0:00:10 p2 fires warning
        0:00:10 ! team p2 rate limited until 0:01
        0:00:20 p3 fires critical
        0:00:20 ! team p3 rate limited until 0:01
        0:01 < team digest p3! p2
        0:01:30 p2 ends
        0:01:30 ! team p2 rate limited until 0:02
        0:02 < team all_alerts_resolved -p2
        0:03 end
    """),
    Row("what is taken while it waits for the rate is not sent", LIMITED, """
        0:00 p1 fires warning
        0:00 < team first_notification p1
        0:00:10 p2 fires warning
        0:00:10 ! team p2 rate limited until 0:01
        0:00:20 p2 acknowledged ann
        0:01 ! team p2 acknowledged by ann
        0:02 end
    """),
    Row("a step of escalation that waits for the rate is stopped by an acknowledgement",
        config(route(), PAGES, schedules=(primary(layer("week", "lee")),), rates={ON_CALL: RateLimit(MINUTE_MS)}), """
        0:00 p1 fires critical
        0:00 < team first_notification p1!
        0:00:10 p2 fires critical
        0:00:10 < team first_notification p2!
        0:05 < on-call escalated_unacknowledged p1! (lee)
        0:05:10 ! on-call p2 rate limited until 0:06
        0:05:20 p2 acknowledged ann
        0:06 ! on-call p2 acknowledged by ann
        0:07 p2 ends
        0:07 < team all_alerts_resolved -p2!
        0:07 ! on-call p2 never notified of its beginning
        9:00 end
    """),
    Row("a burst of two is allowed, and then one a minute",
        config(route(), rates={TEAM: RateLimit(MINUTE_MS, burst=2)}), """
        0:00 p1 fires warning
        0:00 < team first_notification p1
        0:00 p2 fires warning
        0:00 < team first_notification p2
        0:00 p3 fires warning
        0:00 ! team p3 rate limited until 0:01
        0:01 < team first_notification p3
        0:02 end
    """),
    # --- muted, behind, no receiver
    Row("a muted route is notified when its hours begin, of ends as well", config(route(mute="nights")), """
        1:00 p1 fires warning
        1:00 ! team p1 muted until 6:00
        6:00 < team first_notification p1
        23:00 p1 ends
        23:00 ! team p1 muted until 30:00
        30:00 < team all_alerts_resolved -p1
        40:00 end
    """),
    Row("what fires while a partition is behind waits until it has caught up; what ended meanwhile is not notified",
        DEFAULT, """
        0:00 p1 fires critical behind=7
        0:00 ! team p1 behind the events 7
        0:01 p2 fires warning behind=7
        0:01 ! team p2 behind the events 7
        0:02 p2 ends behind=7
        0:02 ! team p2 never notified of its beginning
        0:30 7 caught-up
        0:30 < team first_notification p1!
        0:35 < on-call escalated_unacknowledged p1!
        0:36 end
    """),
    Row("more than five that waited for a partition are one digest", DEFAULT, """
        0:00 p1 fires warning behind=7
        0:00 ! team p1 behind the events 7
        0:00 p2 fires warning behind=7
        0:00 ! team p2 behind the events 7
        0:00 p3 fires warning behind=7
        0:00 ! team p3 behind the events 7
        0:00 p4 fires warning behind=7
        0:00 ! team p4 behind the events 7
        0:00 p5 fires warning behind=7
        0:00 ! team p5 behind the events 7
        0:00 p6 fires warning behind=7
        0:00 ! team p6 behind the events 7
        0:30 7 caught-up
        0:30 < team digest p1 p2 p3 p4 p5 p6
        0:31 p1 ends
        0:31 < team all_alerts_resolved -p1
        0:32 end
    """),
    Row("without a sink nobody is notified, and that is said",
        msgspec.structs.replace(DEFAULT, empty_receivers=frozenset({TEAM, ON_CALL})), """
        0:00 p1 fires critical
        0:00 ! team p1 no receiver
        0:05 ! on-call p1 no receiver
        0:06 p1 ends
        0:06 ! team p1 never notified of its beginning
        0:07 end
    """),
    Row("the team stands in for an on-call receiver without a sink",
        msgspec.structs.replace(DEFAULT, empty_receivers=frozenset({ON_CALL})), """
        0:00 p1 fires critical
        0:00 < team first_notification p1!
        0:05 < team escalated_unacknowledged p1! [ON-CALL]
        0:06 p1 ends
        0:06 < team all_alerts_resolved -p1!
        0:07 end
    """),
]  # fmt: skip
