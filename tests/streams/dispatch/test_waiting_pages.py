"""A page that waits for its receiver's rate: what holds it meanwhile keeps it, and what ends its chain ends it."""

import msgspec
import pytest

from streams.dispatch.config import DispatchConfig, RateLimit
from streams.dispatch.decide import decide
from streams.dispatch.inputs import Tick
from streams.dispatch.records import GroupRecord
from streams.dispatch.state import State
from streams.dispatch.storage import everything, restored
from streams.dispatch.table import WhyNot
from streams.dispatch.views import explained
from streams.routing.alerting import TEAM
from streams.routing.chain import Chain, Notify, Wait
from streams.routing.inhibit_rule import InhibitRule
from streams.routing.matcher_parsing import parse_matchers
from streams.routing.route import Node
from tests.streams.dispatch.proof_configs import config, route
from tests.streams.dispatch.scripts import MINUTE_MS, START_MS, Stage, at

TEN = {"pager": RateLimit(10 * MINUTE_MS)}
AGAIN = Chain(name="again", matchers=parse_matchers('project_id="p1"'), steps=(Wait(MINUTE_MS), Notify("pager")))
INHIBITS = InhibitRule(
    source_matchers=parse_matchers('alertname="gaps"'), target_matchers=parse_matchers('alertname="rate"')
)


def grouped_by(*labels: str, **changes: object) -> Node:
    """All go to the pager at once; the chain calls it again for p1 after a minute, when it has no room for ten."""
    node = msgspec.structs.replace(route("pager"), group_by=labels)
    return msgspec.structs.replace(node, **changes)


def limited(root: Node, **changes: object) -> DispatchConfig:
    return msgspec.structs.replace(config(root, AGAIN, rates=TEN, inhibit=(INHIBITS,)), **changes)


PAGER = limited(grouped_by("..."))


def played(script: str, found: DispatchConfig = PAGER) -> list[str]:
    """The messages alone."""
    return [line for line in Stage(found).play(script).splitlines() if " < " in line]


KNOWN = "0:00 < pager first_notification p1!"
PAGED = "< pager escalated_unacknowledged p1!"


def test_a_page_waits_for_the_rate_of_its_receiver() -> None:
    assert played("0:00 p1 fires critical\n1:00 end") == [KNOWN, f"0:10 {PAGED}"]


@pytest.mark.parametrize(
    ("held", "sent"),
    [
        ("0:05 s1 silences project_id=p1 until 0:30", f"0:30 {PAGED}"),
        ("0:05 s1 silences project_id=p1 until 0:08", f"0:10 {PAGED}"),
        ("0:05 s1 silences project_id=p1 until 0:30\n0:20 s1 expires", f"0:20 {PAGED}"),
        ("0:05 s1 silences project_id=p1 until 0:30\n0:20 s2 silences project_id=p1 until 0:40", f"0:40 {PAGED}"),
        ("0:05 s1 silences project_id=p1 until 9:00 in nights", f"6:00 {PAGED}"),
    ],
    ids=["silence", "silence that ends before there is room", "expired", "two silences", "recurring silence"],
)
def test_a_page_that_waits_while_a_silence_begins_is_sent_when_the_silence_ends(held: str, sent: str) -> None:
    assert played(f"0:00 p1 fires critical\n{held}\n9:30 end") == [KNOWN, sent]


def test_a_page_that_waits_while_its_alert_is_inhibited_is_sent_when_the_other_alert_ends() -> None:
    found = limited(route(routes=(Node(receiver="pager", matchers=parse_matchers('alertname="rate"')),)))
    script = """
        0:00 p1 fires critical
        0:05 gaps/p2 fires warning
        0:30 gaps/p2 ends
        1:00 end
    """
    assert sorted(played(script, found)) == [
        KNOWN, "0:05 < team first_notification gaps/p2", f"0:30 {PAGED}", "0:30 < team all_alerts_resolved -gaps/p2",
    ]  # fmt: skip


def test_a_muted_time_holds_no_page_and_so_none_that_waits() -> None:
    muted = limited(grouped_by("...", mute_time_intervals=("evenings",)))
    assert played("21:55 p1 fires critical\n21:56 end\n23:00 end", muted) == [
        "21:55 < pager first_notification p1!", f"22:05 {PAGED}",
    ]  # fmt: skip


def test_another_alert_of_the_group_takes_no_page_with_it_and_is_not_paged_for_it() -> None:
    script = """
        0:00 p1 fires critical
        0:00 p2 fires critical
        0:05 s1 silences project_id=p1 until 0:30
        0:20 p3 fires critical
        1:00 end
    """
    assert played(script, limited(grouped_by())) == [
        KNOWN,
        "0:10 < pager new_alerts_in_group p2!",
        "0:20 < pager new_alerts_in_group p2! p3!",
        "0:30 < pager escalated_unacknowledged p1! p2! p3!",
    ]


@pytest.mark.parametrize(
    "ended",
    [
        "0:05 p1 acknowledged ann\n0:06 p1 unacknowledged ann\n0:06 p1 acknowledged ann",
        "0:05 p1 ends\n0:06 p1 pends critical",
        "0:05 p1 resolved ann",
    ],
)
def test_what_ends_the_chain_ends_a_page_that_waits_also_for_the_others_of_the_group(ended: str) -> None:
    script = f"0:00 p2 fires critical\n0:00 p1 fires critical\n{ended}\n1:00 end"
    assert not any("escalated" in line for line in played(script, limited(grouped_by())))


def test_a_chain_that_begins_anew_while_its_page_waits_does_not_page_sooner_for_that() -> None:
    script = """
        0:00 p1 fires critical
        0:09 p1 acknowledged ann
        0:09:30 p1 unacknowledged ann
        1:00 end
    """
    assert played(script) == [KNOWN, "0:10:30 < pager escalated_unacknowledged p1!"]


def after_reload(to: DispatchConfig) -> list[str]:
    stage = Stage(PAGER)
    stage.play("0:00 p1 fires critical\n0:05 end")
    stage.config = to
    return [line for line in stage.play("0:06 end\n1:00 end").splitlines() if " < " in line]


def test_a_page_that_waits_goes_with_its_alert_into_another_group_after_a_reload() -> None:
    assert after_reload(limited(grouped_by("project_id"))) == [f"0:10 {PAGED}"]
    assert after_reload(limited(grouped_by("project_id"), apart=frozenset({"pager"}))) == [f"0:10 {PAGED}"]


def test_a_page_that_waits_is_sent_though_its_receiver_is_on_no_route_any_more() -> None:
    assert after_reload(limited(route(TEAM))) == ["0:06 < team first_notification p1!", f"0:10 {PAGED}"]


def test_another_receiver_stands_in_for_one_that_lost_its_sink_while_a_page_waited() -> None:
    lines = after_reload(msgspec.structs.replace(PAGER, empty_receivers=frozenset({"pager"})))
    assert lines == ["0:06 < on-call escalated_unacknowledged p1! [ON-CALL]"]


def test_rules_that_kept_a_page_back_and_are_gone_after_a_reload_let_it_go() -> None:
    found = limited(route(routes=(Node(receiver="pager", matchers=parse_matchers('alertname="rate"')),)))
    stage = Stage(found)
    stage.play("0:00 p1 fires critical\n0:05 gaps/p2 fires warning\n0:20 end")
    stage.config = msgspec.structs.replace(found, alerting=msgspec.structs.replace(found.alerting, inhibit_rules=()))
    assert f"0:21 {PAGED}" in stage.play("0:21 end").splitlines()


def test_an_alert_whose_page_is_held_says_what_holds_it() -> None:
    stage = Stage(PAGER)
    stage.play("0:00 p1 fires critical\n0:05 s1 silences project_id=p1 until 0:30\n0:15 end")
    found = explained(PAGER, stage.state, "rate:p1")
    assert found is not None
    assert [(one.receiver, one.reason, one.by, one.until_ms) for one in found.not_told] == [
        ("pager", WhyNot.SILENCED, "s1", at("0:30"))
    ]


def test_a_page_that_waited_when_an_older_version_stored_it_is_sent() -> None:
    stage = Stage(PAGER)
    stage.play("0:00 p1 fires critical\n0:05 end")
    (group,) = stage.state.groups.values()
    group.record.calls = []
    older = (*msgspec.structs.astuple(group.record)[:8], True, "[ON-CALL]", "kim", "A note.")
    group.record = msgspec.msgpack.decode(msgspec.msgpack.encode(older), type=GroupRecord)
    state: State = restored(everything(stage.state))
    (sent,) = decide(PAGER, state, Tick(), START_MS + 20 * MINUTE_MS).notifications
    assert (sent.reason.value, sent.mark, sent.person, sent.note) == (
        "escalated_unacknowledged", "[ON-CALL]", "kim", "A note.",
    )  # fmt: skip
    assert decide(PAGER, state, Tick(), START_MS + 60 * MINUTE_MS).notifications == []


def test_a_page_of_the_next_firing_does_not_forget_that_the_end_of_the_one_before_is_to_come() -> None:
    found = limited(route(TEAM))
    script = """
        0:00 p1 fires critical
        0:05 p1 ends
        0:06 p1 anew critical
        0:07 end
        0:08 p1 acknowledged ann
        1:00 end
    """
    sent = [line for line in played(script, found) if "< pager" in line]
    assert sent == ["0:01 < pager escalated_unacknowledged p1!", "0:11 < pager all_alerts_resolved -p1!"]
