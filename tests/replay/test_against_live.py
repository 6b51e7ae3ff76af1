"""A replay beside the live monitor's states: what was done to a topic is named by project, number and offset."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from agents.engine.stored_values import StoredValues
from episode_monitor.exits import ExitCode, Failure, NotReady
from episode_monitor.replay.against import live as live_module
from episode_monitor.replay.against import live_run
from episode_monitor.replay.source import Line
from streams.alerting import rule_types
from streams.alerting.core import Core
from streams.alerting.rules import RuleSet
from streams.base.numbering_rules import NumberingRules
from streams.base.steps import finish
from streams.numbering.waivers import GAP
from streams.partition.partition import Partition
from streams.project.findings import finding_id, waive_and_judge
from testbed.worker_process import make_core
from tests.replay.against_support import NINE_MS, Live, Topic, at_offsets, compared, event, named, only
from tests.streams_views.making import FAILURES

SLOW = msgspec.structs.replace(FAILURES, measure=rule_types.SLOW_CREATION)


def history() -> list[Line | None]:
    """Six projects with five episodes each, one after the other."""
    return [event(f"p{project}", number) for number in range(1, 6) for project in range(6)]


async def test_a_live_monitor_that_read_the_topic_is_equal() -> None:
    records = history()
    found = await compared(
        Topic(records, [event("q", 1), event("q", 3)]), Live(records, [event("q", 1), event("q", 3)])
    )
    assert found.equal
    assert (found.differences, found.counts, found.notes, found.truncated) == ([], {}, [], False)
    assert found.projects == 7
    assert [(one.begin, one.end, one.differing) for one in found.partitions] == [(0, 30, 0), (0, 2, 0)]


async def test_what_came_after_the_answer_is_not_compared() -> None:
    records = history()
    topic = Topic([*records, event("p0", 9), event("new", 1)])
    assert (await compared(topic, Live(records))).equal


async def test_a_record_that_the_live_monitor_never_applied_is_named_with_its_offset() -> None:
    records = history()
    lost = 14  # p2, number 3
    found = await compared(Topic(records), Live([*records[:lost], None, *records[lost + 1 :]]))
    numbers = [one for one in found.differences if one.number is not None]
    assert named(found)[0] == ("p2", "record skipped")
    assert (numbers[0].number, numbers[0].replayed, numbers[0].other, numbers[0].offset) == (3, "ep-p2-3", None, lost)
    assert found.counts == {"record skipped": 2}  # the number, and the counters
    assert found.partitions[0].differing == 1


async def test_the_last_record_of_a_project_that_the_live_monitor_passed_over_is_named() -> None:
    records = [event("a", 1), event("a", 2), event("b", 1)]
    found = await compared(Topic(records), Live([records[0], None, records[2]]))
    assert [(one.project_id, one.what, one.number, one.offset) for one in found.differences if one.number] == [
        ("a", "record skipped", 2, 1)
    ]
    assert found.partitions[0].differing == 1
    assert (await compared(Topic(records), Live(records[:1]))).equal, "it has not come so far"


async def test_a_record_removed_from_the_copy_that_was_read_moves_all_behind_it() -> None:
    records = history()
    found = await compared(Topic(records), Live([*records[:14], *records[15:]]))
    assert {one.project_id for one in found.differences if one.number is not None} == {"p2"}
    assert [one.number for one in found.differences if one.number is not None] == [3]
    assert found.counts == {"record moved": 1, "record skipped": 2}
    moved = next(one for one in found.differences if one.what == "record moved")
    assert moved.explanation.startswith("5 projects of partition 0 have the same facts, but their last records lie 1 ")
    assert not found.equal


async def test_a_record_inserted_into_the_copy_is_only_live() -> None:
    records = history()
    found = await compared(Topic(records), Live([*records[:14], event("p2", 77, 3), *records[14:]]))
    assert [(one.project_id, one.what, one.number) for one in found.differences if one.number] == [
        ("p2", "record missing", 77)
    ]
    assert found.counts["record moved"] == 1


async def test_an_altered_number_and_an_altered_episode_are_named() -> None:
    records = history()
    other_number = [*records[:14], event("p2", 8, 3, episode_id="ep-p2-3"), *records[15:]]
    found = await compared(Topic(records), Live(other_number))
    first = found.differences[0]
    assert (first.project_id, first.what, first.replayed, first.other) == ("p2", "record altered", 3, 8)
    assert (first.episode_id, first.offset) == ("ep-p2-3", 14)
    other_episode = [*records[:14], event("p2", 3, episode_id="else"), *records[15:]]
    one = only(await compared(Topic(records), Live(other_episode)))
    assert (one.what, one.number, one.replayed, one.other) == ("record altered", 3, "ep-p2-3", "else")


async def test_a_millisecond_of_a_duration_is_found() -> None:
    records = history()
    one = only(
        await compared(Topic(records), Live([*records[:14], event("p2", 3, duration_seconds=0.501), *records[15:]]))
    )
    assert (one.project_id, one.what) == ("p2", "record altered")
    assert (one.replayed, one.other) == ({"microseconds": 2_500_000}, {"microseconds": 2_501_000})


async def test_a_second_of_a_time_is_found() -> None:
    records = history()
    one = only(await compared(Topic(records), Live([*records[:14], event("p2", 3, 4), *records[15:]])))
    assert (one.project_id, one.what) == ("p2", "record altered")
    assert "the time of a record was altered within its minute" in one.explanation
    one = only(await compared(Topic(records), Live([*records[:26], event("p2", 5, 9), *records[27:]])))
    assert one.explanation.startswith("Counters differ (latest_ms)")
    records = [event("p", number, number * 60) for number in range(1, 4)]
    one = only(await compared(Topic(records), Live([records[0], event("p", 2, 59), records[2]])))
    assert (one.what, list(one.replayed)) == (
        "record altered", ["minute 2025-10-09T09:00:00.000Z", "minute 2025-10-09T09:02:00.000Z"]
    )  # fmt: skip


async def test_an_altered_event_id_is_found() -> None:
    records = history()
    one = only(await compared(Topic(records), Live([*records[:14], event("p2", 3, event_id="else"), *records[15:]])))
    assert (one.project_id, one.what) == ("p2", "record altered")
    assert "event ids" in one.explanation


async def test_two_exchanged_records_of_different_projects_are_moved_ones() -> None:
    records = history()
    found = await compared(Topic(records), Live([*records[:28], records[29], records[28]]))
    assert named(found) == [("p4", "record moved"), ("p5", "record moved")] or named(found) == [
        ("p5", "record moved"),
        ("p4", "record moved"),
    ]
    assert {(one.project_id, one.replayed, one.other) for one in found.differences} == {("p4", 28, 29), ("p5", 29, 28)}


async def test_a_project_that_one_side_alone_has() -> None:
    records = history()
    ours = only(
        await compared(Topic([*records, event("new", 1), event("p0", 6)]), Live([*records, None, event("p0", 6)]))
    )
    assert (ours.project_id, ours.what, ours.replayed, ours.other) == ("new", "record skipped", "1 episodes", None)
    theirs = only(
        await compared(Topic([*records, None, event("p0", 6)]), Live([*records, event("new", 1), event("p0", 6)]))
    )
    assert (theirs.project_id, theirs.what, theirs.replayed, theirs.other) == (
        "new",
        "record missing",
        None,
        "1 episodes",
    )


async def test_a_dead_letter_of_the_live_monitor_explains_what_it_lacks() -> None:
    records = history()
    letters = {0: {14: "future_timestamp"}}
    found = await compared(Topic(records), Live([*records[:14], None, *records[15:]]), letters=letters)
    assert {one.what for one in found.differences} == {"dead letter"}
    assert "could not use the record of number 3 at offset 14 (future_timestamp)" in found.differences[0].explanation


async def test_a_record_that_the_replay_cannot_use_explains_what_only_the_live_monitor_has() -> None:
    records = history()
    damaged = event("p2", 3)
    damaged.value = b"useless"
    found = await compared(Topic([*records[:14], damaged, *records[15:]]), Live(records))
    assert {one.what for one in found.differences} == {"dead letter"}
    assert "cannot use the record at offset 14 (malformed_json)" in found.differences[0].explanation


async def test_events_that_are_late_only_live_are_named() -> None:
    ahead = event("p", 1, 200)
    late = event("p", 2, 100)
    late.timestamp = ahead.timestamp = NINE_MS + 205_000
    live = Live([], core=make_core())
    live.take(0, at_offsets([ahead, late]))
    ours = event("p", 1, 200)
    ours.timestamp = NINE_MS + 101_000  # the replay takes the record's word for the time
    found = await compared(Topic([ours, late]), live)
    one = next(each for each in found.differences if each.what == "late in live")
    assert (one.replayed, one.other) == (0, 1)


async def test_other_rules_are_said_once_and_numbers_are_compared() -> None:
    records = history()
    core = Core(RuleSet((FAILURES,)))
    found = await compared(Topic(records), Live(records, core=core))
    assert named(found) == [("", "rules version")]
    found = await compared(Topic(records), Live([*records[:14], None, *records[15:]], core=core))
    assert named(found)[:2] == [("", "rules version"), ("p2", "record skipped")]
    assert found.partitions[0].differing == 1
    settings = Core(make_core().rules, numbering=NumberingRules(max_jump=5))
    assert named(await compared(Topic(records), Live(records, core=settings))) == [("", "rules version")]


async def test_rules_that_changed_while_the_monitor_ran_are_named() -> None:
    """The state forgets who was slow by the old limit; a replay under the new rules counts from the beginning."""
    before, after = (Core(RuleSet((msgspec.structs.replace(SLOW, threshold=Decimal(limit)),))) for limit in (1, 2))
    records = [event("p", number, duration_seconds=3) for number in (1, 2, 3)]
    live = Live(records[:2], core=before)
    store = StoredValues()
    store.apply(live.partitions[0].collect())
    live.core, live.partitions[0] = after, Partition(after, 0, store)
    finish(live.partitions[0].restore())
    live.take(0, at_offsets(records)[2:])
    one = only(await compared(Topic(records), live, after))
    assert (one.project_id, one.what) == ("p", "rules version")


async def test_waivers_acknowledgements_and_time_that_passes_are_no_difference() -> None:
    records = [event("p", 1), event("p", 4)]
    live = Live(records)
    partition = live.partitions[0]
    partition.advance_clock(NINE_MS + 600_000)
    state = partition.state_to_change("p")
    assert state is not None
    assert (await compared(Topic(records), live)).equal
    assert state.numbering.anomalies.open_gaps.count == 2
    finding = finding_id("p", GAP, 2)
    waive_and_judge(live.core, state, finding, "mina", "agreed", NINE_MS + 600_000, NINE_MS + 9_000_000)
    partition.touch(state)
    assert state.numbering.anomalies.open_gaps.count == 0
    assert (await compared(Topic(records), live)).equal


async def test_a_topic_whose_beginning_is_gone_says_it_once_for_the_partition() -> None:
    records = [*history(), *(event("young", number) for number in range(1, 4))]
    found = await compared(Topic(records, begins=20), Live(records))
    (one,) = found.differences
    assert (one.project_id, one.what, one.other, one.offset) == ("", "record missing", 6, 20)
    assert found.notes == [
        "Partition 0 begins at offset 20: what lay before it has been deleted, and only projects whose records are all "
        "there can be equal."
    ]
    altered = [*records[:31], event("young", 9, 2, episode_id="ep-young-2"), *records[32:]]
    found = await compared(Topic(records, begins=20), Live(altered))
    assert ("young", "record altered") in named(found)


async def test_a_split_project_is_compared_part_by_part() -> None:
    parts = [event("p", 1), event("p", 3)], [event("p", 2)]
    live = Live(*parts)
    for partition in live.partitions:
        partition.note_split("p", [0, 1])
    found = await compared(Topic(*parts), live)
    assert found.equal
    assert [note[:28] for note in found.notes] == ["1 projects of partition 0 ar", "1 projects of partition 1 ar"]


async def test_a_project_whose_second_part_one_side_alone_has_is_named_in_that_partition() -> None:
    first, second = [event("p", 1), event("p", 3)], [event("p", 2)]
    found = await compared(Topic(first, [*second, event("q", 1)]), Live(first, [None, event("q", 1)]))
    one = only(found)
    assert (one.project_id, one.what, one.partition, one.offset) == ("p", "record skipped", 1, 0)

    live = Live(first, [*second, event("q", 1)])
    for partition in live.partitions:
        partition.note_split("p", [0, 1])
    one = only(found := await compared(Topic(first, [None, event("q", 1)]), live))
    assert (one.project_id, one.what, one.partition, one.other) == ("p", "record missing", 1, "1 episodes")
    assert [note[:28] for note in found.notes] == ["1 projects of partition 0 ar", "1 projects of partition 1 ar"]


async def test_in_a_copy_with_a_record_removed_altered_inserted_and_two_exchanged_each_is_named() -> None:
    """The live monitor has read the original, and the copy is replayed."""
    original = [*history(), *(event(f"p{project}", 6) for project in range(6))]
    copy = list(original)
    copy[35], copy[34] = copy[34], copy[35]  # p4 and p5, number 6
    copy[19] = event("p1", 4, episode_id="someone-else")
    copy.insert(20, event("p2", 9, 4))
    del copy[12]  # p0, number 3
    found = await compared(Topic([None], copy), Live([None], original))
    assert {
        (one.project_id, one.what, one.partition, one.number, one.replayed, one.other, one.offset)
        for one in found.differences
        if one.number is not None or one.what == "record moved"
    } == {
        ("p0", "record missing", 1, 3, None, "ep-p0-3", None),  # its offset is not in the copy
        ("p1", "record altered", 1, 4, "someone-else", "ep-p1-4", 18),
        ("p2", "record skipped", 1, 9, "ep-p2-9", None, 19),
        ("p4", "record moved", 1, None, 35, 34, 35),
        ("p5", "record moved", 1, None, 34, 35, 34),
    }


async def test_a_copy_of_one_project_with_a_record_inserted_lacks_nothing_at_its_end() -> None:
    original = [event("p", number) for number in range(1, 6)]
    copy = [*original[:2], event("p", 9, 2), *original[2:]]
    found = await compared(Topic(copy), Live(original))
    assert {(one.what, one.number, one.offset) for one in found.differences if one.number} == {("record skipped", 9, 2)}


async def test_very_many_differing_projects_are_counted_and_some_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_run, "MAX_CLOSE", 2)
    records = history()
    found = await compared(
        Topic(records), Live([event(f"p{at}", 1, duration_seconds=9) for at in range(6)] + records[6:])
    )
    assert (len(found.differences), found.truncated, found.partitions[0].differing) == (2, True, 6)
    assert found.counts == {"record altered": 2, "state differs": 4}


# --- the live monitor's troubles


async def test_a_copy_of_another_name_is_compared_and_a_topic_of_others_is_a_mistake() -> None:
    records = history()
    found = await compared(Topic(records), Live(records, topic="copy"))
    assert found.equal
    assert found.notes == [
        "The live monitor reads the topic copy, and events is replayed: offsets may differ between them."
    ]
    with pytest.raises(Failure, match="reads the topic copy, which has no project in common with events") as raised:
        await compared(Topic([event("x", 1)]), Live(records, topic="copy"))
    assert raised.value.code is ExitCode.USAGE


async def test_a_monitor_of_another_id_is_refused() -> None:
    live = Live(history())
    live.monitor_id = "theirs"
    with pytest.raises(Failure, match="belongs to the monitor theirs, and MONITOR_ID is m") as raised:
        await compared(Topic(history()), live)
    assert raised.value.code is ExitCode.USAGE


async def test_a_monitor_that_recovers_is_waited_for_and_not_for_ever() -> None:
    live = Live(history())
    live.failures = [NotReady("Tables are recovering. (recovering)", ExitCode.UNREACHABLE)] * 5
    assert (await compared(Topic(history()), live)).equal
    live.failures = [NotReady("Tables are recovering. (recovering)", ExitCode.UNREACHABLE)] * 1000
    with pytest.raises(Failure, match="recovering") as raised:
        await compared(Topic(history()), live)
    assert raised.value.code is ExitCode.UNREACHABLE


async def test_nobody_who_answers_is_not_waited_for_but_one_that_answered_before_is() -> None:
    away = Failure("No worker answers at http://here.", ExitCode.UNREACHABLE)
    live = Live(history())
    live.failures = [away]
    with pytest.raises(Failure, match="No worker answers"):
        await compared(Topic(history()), live)

    class Restarted(Live):
        async def get(self, path: str, parameters: dict[str, Any]) -> Any:
            if len(self.asked) == 1:
                self.failures, self.generation = [away, away], 2
            return await super().get(path, parameters)

    restarted = Restarted(history())
    assert (await compared(Topic(history()), restarted)).equal
    assert (
        restarted.asked.count("/integrity/states") == 6
    )  # one, two without an answer, one of the next owner, two again


async def test_a_partition_that_never_rests_ends_with_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    class Restless(Live):
        async def get(self, path: str, parameters: dict[str, Any]) -> Any:
            self.generation += 1
            return await super().get(path, parameters)

    with pytest.raises(Failure, match="moves again and again") as raised:
        await compared(Topic(history()), Restless(history()))
    assert raised.value.code is ExitCode.UNREACHABLE
    assert live_module.MAX_RESTARTS == 10


async def test_a_version_without_the_question_is_named() -> None:
    live = Live(history())
    live.failures = [Failure("There is nothing at this address. (not_found)", ExitCode.USAGE)]
    with pytest.raises(Failure, match="of a version that lists no states: upgrade it first") as raised:
        await compared(Topic(history()), live)
    assert raised.value.code is ExitCode.REFUSED

    class Strange(Live):
        async def get(self, path: str, parameters: dict[str, Any]) -> Any:
            return {"rows": 1}

    with pytest.raises(Failure, match="answers in another form") as raised:
        await compared(Topic(history()), Strange(history()))
    assert raised.value.code is ExitCode.REFUSED
