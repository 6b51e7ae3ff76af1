"""The oracle of the dispatcher finds nothing in a correct run and names every kind of violation."""

import msgspec
import pytest

from agents.dispatch.codecs import decode_notification, encode_notification
from agents.dispatch.decision_log import END, MARKER
from faults.decisions import decisions_of
from faults.evidence import Acted, Kept
from faults.honest_dispatch import START_MS, HonestDispatcher
from faults.oracle_dispatch import DispatchedAlerts
from faults.oracle_notified import Notified
from models.alert import AlertStatus, Severity
from streams.dispatch.config import default_config
from streams.dispatch.inputs import Resolve, SetSilence
from streams.dispatch.outputs import Explanation, Notification
from streams.dispatch.records import MetaRecord
from streams.dispatch.table import WhyNot
from streams.routing.matcher import Matcher
from tests.streams.dispatch.proof_configs import GROUPED
from tests.streams.dispatch.scripts import alert

MINUTE = 60_000


@pytest.fixture
def run() -> HonestDispatcher:
    """p1 fires, escalates and ends; p2 fires and ends; p3 is silenced and fires; p4 goes on."""
    found = HonestDispatcher(default_config(escalate_after_ms=5 * MINUTE))
    found.alert(alert("p1", severity=Severity.CRITICAL), 0)
    found.alert(alert("p2"), 1)
    silence = SetSilence(
        silence_id="s1", matchers=(Matcher("project_id", "p3"),), starts_at_ms=START_MS, ends_at_ms=START_MS + 10**8,
        by="kim", comment="maintenance",
    )  # fmt: skip
    found.act(silence, 2, "maintenance")
    found.alert(alert("p3"), 3)
    found.alert(alert("p2", AlertStatus.RESOLVED), MINUTE)
    found.tick(6 * MINUTE)
    found.alert(alert("p1", AlertStatus.RESOLVED, Severity.CRITICAL), 7 * MINUTE)
    found.alert(alert("p4"), 8 * MINUTE)
    return found


def verdict(run: HonestDispatcher) -> list[str]:
    checked = DispatchedAlerts(run.config, run.topics, run.evidence).check()
    return [sentence for kind in checked for sentence in kind]


def says(run: HonestDispatcher, *words: str) -> None:
    sentences = verdict(run)
    assert any(all(word in sentence for word in words) for sentence in sentences), sentences


def notified(run: HonestDispatcher, at: int) -> Notification:
    found = decode_notification(run.evidence.notifications[0][at].value)
    assert found is not None
    return found


def number_of(run: HonestDispatcher, receiver: str, project: str, status: AlertStatus) -> int:
    """The place of a message in the notifications topic."""
    for at in range(len(run.evidence.notifications[0])):
        each = notified(run, at)
        if each.receiver == receiver and (each.alerts[0].project_id, each.alerts[0].status) == (project, status):
            return at
    raise AssertionError(f"no message of {project} for {receiver}")


def undecided(run: HonestDispatcher, at: int) -> None:
    """A message is neither stored nor sent nor received."""
    record = run.evidence.notifications[0].pop(at)
    stored = run.evidence.dispatch
    (place,) = [number for number, each in enumerate(stored) if each.value == record.value]
    run.evidence.dispatch = [each for number, each in enumerate(stored) if number != place]
    del run.evidence.received[at]


def test_a_flawless_run_is_found_flawless(run: HonestDispatcher) -> None:
    checked = DispatchedAlerts(run.config, run.topics, run.evidence)
    assert [sentence for kind in checked.check() for sentence in kind] == []
    assert checked.counts["notifications"] == checked.counts["delivered"] == 7
    assert (checked.counts["notified"], checked.counts["not notified: silenced"]) == (3, 1)
    assert checked.counts["escalations"] == 1


def test_a_stored_notification_that_was_never_sent_is_named(run: HonestDispatcher) -> None:
    del run.evidence.notifications[0][1]
    says(run, "was stored and never sent")


def test_a_notification_that_is_not_stored_is_named(run: HonestDispatcher) -> None:
    invented = msgspec.structs.replace(notified(run, 0), notification_id="n_invented")
    run.evidence.notifications[0].append(Kept(99, b"team", encode_notification(invented)))
    says(run, "n_invented was sent and is not stored")


def test_a_repetition_with_other_bytes_is_named(run: HonestDispatcher) -> None:
    other = msgspec.structs.replace(notified(run, 0), note="another")
    run.evidence.notifications[0].append(Kept(99, b"team", encode_notification(other)))
    says(run, notified(run, 0).notification_id, "was sent with other bytes than those that are stored")


def test_a_decision_that_is_stored_twice_is_named(run: HonestDispatcher) -> None:
    log = run.evidence.dispatch
    (first,) = [each for each in log if each.value == run.evidence.notifications[0][0].value]
    end = [each for each in log if each.key == END][-1]
    log += [Kept(1000, b"n%016x" % 500, first.value), Kept(1001, END, end.value), Kept(1002, b"n%016x" % 500, None),
            Kept(1003, END, end.value)]  # fmt: skip
    says(run, notified(run, 0).notification_id, "was decided twice")
    says(run, "The decision at offset 1001", "stored 1 notifications where its inputs lead to 0")


def test_notifications_that_are_sent_in_another_order_are_named(run: HonestDispatcher) -> None:
    run.evidence.notifications[0].reverse()
    says(run, "The notifications for team were first sent in another order")


def test_an_outbox_that_is_not_emptied_is_named(run: HonestDispatcher) -> None:
    run.evidence.dispatch = run.evidence.dispatch[:-2]
    says(run, "At the end 1 notifications are still in the outbox")


def test_a_message_that_no_receiver_got_is_named(run: HonestDispatcher) -> None:
    del run.evidence.received[0]
    says(run, notified(run, 0).notification_id, "rate:p1", "never reached team")


def test_a_message_that_nobody_decided_is_named(run: HonestDispatcher) -> None:
    run.evidence.received.append(msgspec.structs.replace(run.evidence.received[0], message_id="msg_x"))
    says(run, "the message msg_x, which nobody decided")


def test_a_message_that_is_repeated_with_other_contents_is_named(run: HonestDispatcher) -> None:
    first, second = run.evidence.received[:2]
    run.evidence.received.append(msgspec.structs.replace(first, body=second.body))
    says(run, first.message_id, "again with other contents")


def test_a_message_with_other_alerts_is_named(run: HonestDispatcher) -> None:
    first, second = run.evidence.received[:2]
    run.evidence.received[0] = msgspec.structs.replace(first, body=second.body)
    says(run, first.message_id, "with other alerts than were decided")


def test_an_alert_that_no_receiver_learned_of_is_named(run: HonestDispatcher) -> None:
    undecided(run, number_of(run, "team", "p4", AlertStatus.FIRING))
    says(run, "stored 0 notifications where its inputs lead to 1")
    says(run, "team was not notified of rate:p4#1", "there is no reason")


def test_a_decision_that_its_inputs_do_not_lead_to_is_named(run: HonestDispatcher) -> None:
    """The silence fits another project than the one that it hides."""
    acts = run.evidence.acts
    acts[0] = msgspec.structs.replace(acts[0], value=(acts[0].value or b"").replace(b'"p3"', b'"p9"'))
    says(run, "is not what its inputs lead to")


@pytest.mark.parametrize("reason", [WhyNot.SILENCED, WhyNot.ACKNOWLEDGED, WhyNot.BEHIND, WhyNot.INHIBITED,
                                    WhyNot.NO_RECEIVER, WhyNot.GROUPED])  # fmt: skip
def test_a_reason_that_is_not_true_is_named(run: HonestDispatcher, reason: WhyNot) -> None:
    undecided(run, number_of(run, "team", "p4", AlertStatus.FIRING))
    stored = [notified(run, at) for at in range(len(run.evidence.notifications[0]))]
    decisions = decisions_of(run.evidence.dispatch)
    said = Explanation("rate:p4", "team", START_MS + 8 * MINUTE, reason, "s1", START_MS)
    found = list(Notified(run.config, run.topics, run.evidence, stored, decisions[-1:]).check([("rate:p4#1", said)]))
    assert f"team was not notified of rate:p4#1: {reason.value} s1, which is not so." in found


def test_an_end_that_a_receiver_never_learned_of_is_named(run: HonestDispatcher) -> None:
    undecided(run, number_of(run, "team", "p2", AlertStatus.RESOLVED))
    says(run, "team was notified of rate:p2#1", "never of its end")


def test_an_end_without_a_beginning_is_named(run: HonestDispatcher) -> None:
    undecided(run, number_of(run, "team", "p2", AlertStatus.FIRING))
    says(run, "team was notified of the end of rate:p2#1, and never of its beginning")


def test_an_alert_that_no_core_has_emitted_is_named(run: HonestDispatcher) -> None:
    del run.evidence.alerts[0][-1]
    says(run, "team was notified of rate:p4#1, which no core has emitted")


def test_a_step_of_escalation_that_was_not_taken_is_named(run: HonestDispatcher) -> None:
    on_call = [at for at in range(7) if notified(run, at).receiver == "on-call"]
    for at in reversed(on_call):
        undecided(run, at)
    says(run, "rate:p1#1 (rate:p1) was never escalated to on-call")


def test_a_step_of_escalation_before_its_time_is_named(run: HonestDispatcher) -> None:
    at = number_of(run, "on-call", "p1", AlertStatus.FIRING)
    early = msgspec.structs.replace(notified(run, at), at_ms=START_MS + 3 * MINUTE)
    value, log = run.evidence.notifications[0][at].value, run.evidence.dispatch
    (place,) = [number for number, each in enumerate(log) if each.value == value]
    log[place] = msgspec.structs.replace(log[place], value=encode_notification(early))
    says(run, "on-call was notified of rate:p1#1 by escalation 120000 ms before it was due")


def test_positions_and_a_clock_that_go_back_are_named(run: HonestDispatcher) -> None:
    log = run.evidence.dispatch
    first = next(each for each in log if each.key == END)
    log.append(Kept(1000, END, first.value))
    says(run, "At offset 1000", "the position of alerts/0 went back from 5 to 0")
    says(run, "At offset 1000", "the clock went back")


def test_records_that_the_dispatcher_never_took_are_named(run: HonestDispatcher) -> None:
    run.evidence.alerts[0].append(msgspec.structs.replace(run.evidence.alerts[0][-1], offset=7))
    says(run, "The dispatcher took alerts/0 up to 5, and it has a record at 7")


def test_the_rest_of_a_torn_decision_is_named_unless_it_is_overwritten(run: HonestDispatcher) -> None:
    log = run.evidence.dispatch
    end = log[-1]
    log += [Kept(1000, b"arate:p9", b"torn"), Kept(1001, MARKER, b"second owner"), end]
    says(run, "left 1 records of a decision that was cut off (arate:p9)")
    log[-1:] = [Kept(1002, b"arate:p9", None), end]
    assert verdict(run) == []


def test_two_owners_at_once_are_named(run: HonestDispatcher) -> None:
    """The second owner began from the same state, and takes what the first has taken already."""
    log, other = run.evidence.dispatch, HonestDispatcher(run.config)
    other.alert(alert("p1", severity=Severity.CRITICAL), 0)
    other.alert(alert("p8"), 1)
    rest = [msgspec.structs.replace(each, offset=1000 + at) for at, each in enumerate(other.evidence.dispatch)]
    run.evidence.dispatch = [*log, *rest]
    says(run, "went back")
    says(run, "is not what its inputs lead to")
    says(run, "was decided twice")


def test_an_act_without_an_outcome_is_named(run: HonestDispatcher) -> None:
    run.evidence.dispatch = [each for each in run.evidence.dispatch if each.key != b"xact0"]
    says(run, "The act at offset 0", "has 0 outcomes")


def test_an_act_that_was_answered_and_not_stored_is_named(run: HonestDispatcher) -> None:
    run.evidence.acted.append(Acted("POST /silences", 201, {}, "of a worker that lied"))
    says(run, "POST /silences was answered 201, and the dispatcher has not stored it")
    run.evidence.acted[-1] = Acted("POST /silences", 500, {"code": "internal"}, "")
    says(run, "POST /silences was answered 500")


def test_a_changelog_that_cannot_be_read_is_named(run: HonestDispatcher) -> None:
    run.evidence.dispatch.append(Kept(1000, END, b"\x01\xff"))
    says(run, "The changelog of the dispatcher cannot be read")


def test_positions_are_read_from_the_record_that_ends_a_decision(run: HonestDispatcher) -> None:
    end = next(each for each in run.evidence.dispatch if each.key == END)
    meta = msgspec.msgpack.decode((end.value or b"")[1:], type=MetaRecord)
    assert (meta.clock_ms, meta.positions) == (START_MS, {"alerts/0": 0})


def test_a_clock_that_went_on_while_nothing_was_stored_explains_what_is_stored_next() -> None:
    run = HonestDispatcher(GROUPED)
    run.look(10_000)
    silence = SetSilence(
        silence_id="s1", matchers=(Matcher("project_id", "p9"),), starts_at_ms=START_MS, ends_at_ms=START_MS + 10**8,
        by="kim", comment="maintenance",
    )  # fmt: skip
    run.act(silence, 9_000, "maintenance", ended_at_ms=11_000)  # its record bears 10 s, when it was set
    assert verdict(run) == []


def resolved_by_a_person(at_ms: int) -> HonestDispatcher:
    """p5 waits 30 s for its group; a person resolves it at `at_ms`, and its numbers end after two minutes."""
    found = HonestDispatcher(GROUPED)
    found.alert(alert("p5"), 0)
    found.act(Resolve(alert_key="rate:p5", by="kim", comment="known"), at_ms, "known")
    found.tick(MINUTE)
    found.alert(alert("p5", AlertStatus.RESOLVED), 2 * MINUTE)
    found.tick(3 * MINUTE)
    return found


def test_nobody_is_notified_of_a_firing_that_a_person_resolves_while_its_group_waits() -> None:
    assert verdict(resolved_by_a_person(10_000)) == []


def test_a_person_who_resolves_when_the_time_of_the_group_is_over_is_no_reason() -> None:
    run = resolved_by_a_person(40_000)
    said = Explanation("rate:p5", "team", START_MS, WhyNot.GROUPED, until_ms=START_MS + 30_000)
    notified = Notified(run.config, run.topics, run.evidence, [], decisions_of(run.evidence.dispatch)[-1:])
    assert list(notified.check([("rate:p5#1", said)])) == [
        "team was not notified of rate:p5#1: grouped until, which is not so."
    ]
