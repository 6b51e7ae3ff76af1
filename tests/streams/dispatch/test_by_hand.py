"""What does not fit in a row of the proof table: bursts, reloads, answers to people, refusals."""

import msgspec
import pytest

from models.alert import AlertStatus, Severity
from streams.dispatch.config import HOUR_MS, DispatchConfig
from streams.dispatch.decide import decide
from streams.dispatch.inputs import Acknowledge, Resolve, Tick, Transition, Unacknowledge
from streams.dispatch.outputs import WORST
from streams.dispatch.silences import preview
from streams.dispatch.state import State
from streams.dispatch.storage import everything
from streams.dispatch.table import ACTS, MOVES, REFUSALS, Event, Look, NotifyReason, Status, message_reason
from streams.dispatch.views import explained, silence_state
from streams.routing.alerting import ON_CALL, OnCall
from streams.routing.chain import Chain, Notify, Wait
from streams.routing.matcher_parsing import parse_matchers
from streams.routing.route import Node
from tests.streams.dispatch.proof_configs import CRITICAL, DEFAULT, GROUPED, config, route
from tests.streams.dispatch.scripts import MINUTE_MS, SECOND_MS, START_MS, Stage, alert, clock, normal


def test_a_burst_of_500_projects_is_one_message_with_the_count_and_the_worst_ten() -> None:
    state = State()
    for number in range(500):
        severity = Severity.CRITICAL if number in (77, 400) else Severity.WARNING
        at_ms = START_MS + number * 20
        decide(GROUPED, state, Transition(alert=alert(f"p{number:03}", severity=severity, at_ms=at_ms)), at_ms)
    sent = decide(GROUPED, state, Tick(), START_MS + 60 * SECOND_MS).notifications
    assert [(one.receiver, one.firing, one.resolved, one.truncated) for one in sent] == [("team", 500, 0, 400)]
    assert [one.project_id for one in sent[0].worst] == [
        "p077", "p400", "p000", "p001", "p002", "p003", "p004", "p005", "p006", "p007",
    ]  # fmt: skip
    assert len(sent[0].worst) == WORST


def test_a_receiver_that_wants_all_alerts_gets_a_burst_in_parts_of_a_hundred_each_with_an_id_of_its_own() -> None:
    state, all_of_it = State(), msgspec.structs.replace(GROUPED, in_parts=frozenset({"team"}))
    for number in range(250):
        at_ms = START_MS + number * 20
        decide(all_of_it, state, Transition(alert=alert(f"p{number:03}", at_ms=at_ms)), at_ms)
    sent = decide(all_of_it, state, Tick(), START_MS + 60 * SECOND_MS).notifications
    assert [(len(one.alerts), one.firing, one.resolved, one.truncated) for one in sent] == [
        (100, 100, 0, 0), (100, 100, 0, 0), (50, 50, 0, 0),
    ]  # fmt: skip
    assert len({one.notification_id for one in sent}) == 3
    told = [each.project_id for one in sent for each in one.alerts]
    assert sorted(told) == [f"p{number:03}" for number in range(250)]
    ends_ms = START_MS + 10 * MINUTE_MS
    for number in range(120):
        ended = alert(f"p{number:03}", at_ms=START_MS + number * 20)
        ended = msgspec.structs.replace(ended, status=AlertStatus.RESOLVED, ends_at_ms=ends_ms, updated_at_ms=ends_ms)
        decide(all_of_it, state, Transition(alert=ended), ends_ms + number)
    later = decide(all_of_it, state, Tick(), ends_ms + HOUR_MS).notifications
    assert [(one.firing, one.resolved, one.truncated) for one in later] == [(100, 0, 0), (30, 70, 0), (0, 50, 0)]


def test_more_than_fifty_parts_are_counted_in_the_last() -> None:
    state, all_of_it = State(), msgspec.structs.replace(GROUPED, in_parts=frozenset({"team"}))
    for number in range(5003):
        decide(all_of_it, state, Transition(alert=alert(f"p{number:04}", at_ms=START_MS)), START_MS)
    sent = decide(all_of_it, state, Tick(), START_MS + 60 * SECOND_MS).notifications
    assert (len(sent), sum(one.firing for one in sent), sent[-1].firing, sent[-1].truncated) == (50, 5003, 103, 3)


def test_a_chain_is_that_of_the_start_of_the_incident() -> None:
    stage = Stage(DEFAULT)
    stage.play("0:00 p1 fires critical")
    later = Chain(name="later", matchers=CRITICAL, steps=(Wait(MINUTE_MS), Notify("pager")))
    stage.config = msgspec.structs.replace(DEFAULT, on_call=OnCall(chains=(later,)))
    script = """
        0:01 p2 fires critical
        0:01 < team first_notification p2!
        0:02 < pager escalated_unacknowledged p2!
        0:05 < on-call escalated_unacknowledged p1!
        0:06 end
    """
    assert stage.play(script) == normal(script)


def test_after_a_reload_alerts_go_where_the_new_file_says_and_what_is_known_stays_known() -> None:
    stage = Stage(config(route(routes=(Node(receiver="pager", matchers=CRITICAL),))))
    stage.play("""
        0:00 p1 fires critical
        0:01 p2 fires warning
    """)
    stage.config = config(route())
    script = """
        0:02 end
        0:02 < team first_notification p1!
        0:03 p1 ends
        0:03 < pager all_alerts_resolved -p1!
        0:03 < team all_alerts_resolved -p1!
        0:04 p2 ends
        0:04 < team all_alerts_resolved -p2
        0:05 end
    """
    assert sorted(stage.play(script).splitlines()) == sorted(normal(script).splitlines())


def test_a_receiver_that_has_a_sink_now_is_notified_of_what_fires() -> None:
    stage = Stage(msgspec.structs.replace(DEFAULT, empty_receivers=frozenset({"team", ON_CALL})))
    stage.play("0:00 p1 fires warning")
    stage.config = DEFAULT
    assert stage.play("0:01 end") == "0:01 < team first_notification p1\n0:01 end"


def test_what_a_core_emits_again_after_a_crash_opens_nothing_that_a_person_resolved() -> None:
    stage = Stage(DEFAULT)
    first = stage.input("gaps/p1 fires warning", START_MS)
    more = stage.input("gaps/p1 grows", START_MS + MINUTE_MS)
    for minute, each in enumerate((first, more, Resolve(alert_key="gaps:p1", by="ann"), first, more)):
        stage.decided(each, START_MS + minute * MINUTE_MS)
    assert stage.state.alerts["gaps:p1"].record.status is Status.HUSHED
    again = stage.input("gaps/p1 grows", START_MS + 2 * MINUTE_MS)
    sent = stage.decided(again, START_MS + 5 * MINUTE_MS).notifications
    assert [(one.receiver, one.reason) for one in sent] == [("team", NotifyReason.REOPENED)]


def test_an_alert_answers_what_happened_who_is_not_notified_and_what_is_next() -> None:
    stage = Stage(DEFAULT)
    stage.play("""
        0:00 p1 fires critical
        0:01 s1 silences project_id=p1 until 2:00
        0:02 p1 acknowledged ann until 1:00
        0:03 end
    """)
    found = explained(DEFAULT, stage.state, "rate:p1")
    assert found is not None
    assert (found.status, found.alert.acknowledged_by, found.silenced_by) == (Status.ACKNOWLEDGED, "ann", ["s1"])
    assert [(clock(one.at_ms), one.status, one.reason, one.by) for one in found.timeline] == [
        ("0:00", "firing", "threshold_crossed", ""),
        ("0:01", "firing", "silenced_by_person", "ann"),
        ("0:02", "acknowledged", "acknowledged_by_person", "ann"),
    ]
    assert [(one.receiver, one.text, clock(one.until_ms)) for one in found.not_told] == [
        ("team", "silenced by s1", "2:00")
    ]
    assert [(clock(one.at_ms), one.what) for one in found.next] == [
        ("1:00", "the acknowledgement expires"),
        ("2:00", "silence s1 expires"),
    ]
    assert explained(DEFAULT, stage.state, "rate:p9") is None


@pytest.mark.parametrize("held", ["p1 acknowledged ann", "s1 silences project_id=p1 until 9:00"])
def test_of_an_alert_that_is_held_back_no_repetition_is_announced(held: str) -> None:
    def announced() -> list[str]:
        found = explained(GROUPED, stage.state, "rate:p1")
        assert found is not None
        return [one.what for one in found.next]

    stage = Stage(GROUPED)
    stage.play("0:00 p1 fires warning\n0:30 end")
    assert announced() == ["repetition to team"]
    stage.play(f"0:31 {held}\n0:40 end")
    assert not any("repetition" in what for what in announced())


def test_an_alert_that_is_on_its_way_up_names_the_next_step() -> None:
    stage = Stage(GROUPED)
    stage.config = msgspec.structs.replace(GROUPED, on_call=DEFAULT.on_call)
    stage.play("0:00 p1 fires critical")
    found = explained(stage.config, stage.state, "rate:p1")
    assert found is not None
    assert [(clock(one.at_ms), one.what) for one in found.next] == [
        ("0:00:30", "notification to team"),
        ("0:05", "escalation to on-call"),
    ]


def test_a_preview_names_what_a_silence_would_hide_now() -> None:
    stage = Stage(DEFAULT)
    stage.play("""
        0:00 p1 fires warning
        0:00 p2 fires critical
        0:00 p3 fires warning
        0:00 p4 pends warning
        0:01 p3 ends
    """)
    assert preview(stage.state, parse_matchers('severity="warning"')) == ["rate:p1"]
    assert preview(stage.state, parse_matchers('project_id=~"p[12]"')) == ["rate:p1", "rate:p2"]


def test_a_silence_is_pending_then_active_then_expired_then_gone() -> None:
    stage = Stage(DEFAULT)
    stage.play("0:00 s1 silences project_id=p1 until 2:00 from 1:00")
    record = stage.state.silences["s1"].record
    states = [silence_state(record, START_MS + hours * 60 * MINUTE_MS) for hours in (0, 1, 2)]
    assert states == ["pending", "active", "expired"]
    stage.play("121:59 end")
    assert "s1" in stage.state.silences
    stage.play("122:00 end")
    assert "s1" not in stage.state.silences


def test_an_ended_alert_is_shown_for_a_day_and_then_nothing_is_left_of_it() -> None:
    stage = Stage(DEFAULT)
    stage.play("""
        0:00 p1 fires critical
        0:10 p1 ends
        24:09 end
    """)
    assert list(stage.state.alerts) == ["rate:p1"]
    stage.play("24:10 end")
    assert [key for key, _ in everything(stage.state)] == [b"m"]


def test_who_acted_and_why_is_in_the_changes() -> None:
    stage = Stage(DEFAULT)
    stage.play("0:00 p1 fires critical")
    given = Acknowledge(alert_key="rate:p1", by="ann", comment="mine")
    changes = stage.decided(given, START_MS + MINUTE_MS).changes
    assert [(one.reason, one.by, one.comment, one.alert.acknowledged_by) for one in changes] == [
        ("acknowledged_by_person", "ann", "mine", "ann")
    ]
    changes = stage.decided(Resolve(alert_key="rate:p1", by="bo"), START_MS + 2 * MINUTE_MS).changes
    assert [(one.reason, one.by, one.alert.status.value) for one in changes] == [
        ("resolved_by_person", "bo", "resolved")
    ]
    assert changes[0].alert.description.startswith("Resolved by bo, not by the numbers")


def test_receivers_learn_who_resolved_an_alert_and_why_and_the_next_firing_has_nobody() -> None:
    stage = Stage(DEFAULT)
    stage.play("0:00 p1 fires critical")
    given = Resolve(alert_key="rate:p1", by="bo", comment="a known restart")
    (told,) = stage.decided(given, START_MS + MINUTE_MS).notifications
    assert [(one.status.value, one.reason, one.person) for one in told.alerts] == [
        ("resolved", "resolved_by_person", ("bo", "a known restart"))
    ]
    stage.play("""
        0:02 p1 ends
        0:03 p1 fires critical
    """)
    assert stage.state.alerts["rate:p1"].record.alert.person == (None, None)


def test_every_act_on_every_status_has_a_move_or_a_refusal_and_never_both() -> None:
    for status in Status:
        for act in ACTS:
            assert ((status, act) in MOVES) is not ((status, act) in REFUSALS)


def test_only_alerts_that_fire_escalate_or_expire() -> None:
    timers = (Event.STEP_DUE, Event.REMINDER_DUE, Event.ACKNOWLEDGEMENT_EXPIRES)
    assert {status for status, event in MOVES if event in timers} == {Status.FIRING, Status.ACKNOWLEDGED}


@pytest.mark.parametrize("given", [Acknowledge(alert_key="x", by="a"), Unacknowledge(alert_key="rate:p1", by="a")])
def test_a_refused_act_changes_nothing_but_the_clock(given: Acknowledge | Unacknowledge) -> None:
    stage = Stage(DEFAULT)
    stage.play("0:00 p1 fires critical")
    before = dict(everything(stage.state))
    decision = stage.decided(given, START_MS + 1)
    assert decision.refusal is not None
    assert (decision.notifications, decision.changes) == ([], [])
    after = dict(everything(stage.state))
    assert {key for key in after if after[key] != before[key]} == {b"m"}


NOTHING = Look(
    has_step=False, knows=False, news=False, is_reopened=False, ended=False, fires=False, repeats=False
)  # fmt: skip


@pytest.mark.parametrize(
    ("look", "reason"),
    [
        (NOTHING, None),
        (NOTHING._replace(has_step=True), None),
        (NOTHING._replace(news=True), NotifyReason.FIRST_NOTIFICATION),
        (NOTHING._replace(news=True, knows=True), NotifyReason.NEW_ALERTS),
        (NOTHING._replace(news=True, has_step=True, is_reopened=True), NotifyReason.ESCALATED),
        (NOTHING._replace(news=True, is_reopened=True), NotifyReason.REOPENED),
        (NOTHING._replace(ended=True), NotifyReason.ALL_RESOLVED),
        (NOTHING._replace(ended=True, fires=True, repeats=True), NotifyReason.NEW_RESOLVED),
        (NOTHING._replace(fires=True, repeats=True), NotifyReason.REPEAT_INTERVAL_ELAPSED),
        (NOTHING._replace(fires=True, knows=True), None),
    ],
)
def test_the_first_row_that_holds_is_the_reason(look: Look, reason: NotifyReason | None) -> None:
    assert message_reason(look) is reason


def test_the_configuration_says_which_receivers_are_reached() -> None:
    found: DispatchConfig = msgspec.structs.replace(DEFAULT, empty_receivers=frozenset({ON_CALL}))
    assert [found.reaches(name) for name in ("team", ON_CALL, "nobody")] == [True, False, False]
