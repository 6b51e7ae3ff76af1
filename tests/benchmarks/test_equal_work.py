"""The plain Python that contenders of the equal work are held against, its traffic, and what is said of a wrong one."""

import struct
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace

import msgspec
import pytest

from benchmarks.peers.contenders import CONTENDERS, Work
from benchmarks.peers.equal.reference import Project, Reference, bucket
from benchmarks.peers.equal.shape import EQUAL
from benchmarks.peers.equal.stored_form import differences, expected, found, owners_of, wrong_window
from benchmarks.peers.progress import Progress
from benchmarks.peers.race import Figures, Measured
from benchmarks.peers.ratios import ratios, table


def _project(*events: Mapping[str, object]) -> Project:
    """Each event is of another id unless it says one, and at minute:second of one hour."""

    def records() -> Iterator[tuple[bytes, bytes]]:
        for number, event in enumerate(events):
            at = f"2025-10-09T08:{event['at']}Z"
            yield b"p", msgspec.json.encode({"event_id": str(number), "occurred_at": at, **event})

    reference = Reference()
    list(reference.watched(records()))
    return reference.projects()["p"]


def _created(at: str, number: int, **more: object) -> dict[str, object]:
    return {"at": at, "type": "episode.created", "episode_id": f"e{number}", "episode_number": number, **more}


def test_a_resend_is_counted_and_changes_nothing_else() -> None:
    once = _created("00:00", 1, event_id="same", retry_count=2, had_conflict=True, duration_seconds=6.0)
    project = _project(once, once)
    assert (project.events, project.resent, project.totals) == (2, 1, [1, 0, 1, 1, 1])


def test_holes_and_numbers_held_twice_follow_deletions_and_renumberings() -> None:
    created = [_created("00:00", 1), _created("00:01", 4), {**_created("00:02", 4), "episode_id": "other"}]
    project = _project(*created)
    assert (project.highest, project.gaps, project.duplicates) == (4, 2, 1)
    moved = {"at": "00:03", "type": "episode.renumbered", "episode_id": "other", "episode_number": 2}
    project = _project(*created, moved)
    assert (project.highest, project.gaps, project.duplicates) == (4, 1, 0)
    project = _project(*created, moved, {"at": "00:04", "type": "episode.deleted", "episode_id": "e4"})
    assert (project.highest, project.gaps, project.duplicates) == (2, 0, 0)


def test_a_window_by_the_second_lets_go_after_its_length_and_one_by_the_minute_with_its_minute() -> None:
    failed = {"at": "00:30", "type": "episode.creation_failed"}
    project = _project(failed, _created("15:29", 1))
    assert project.by_second.panes.sums() == ((2, 1, 0, 0, 0), (1, 0, 0, 0, 0))
    assert project.by_minute.panes.sums() == ((1, 0, 0, 0, 0), (1, 0, 0, 0, 0))
    project = _project(failed, _created("15:30", 1))
    assert project.by_second.panes.sums() == ((1, 0, 0, 0, 0), (1, 0, 0, 0, 0))
    assert project.hopping(project_minute := min(project.minutes), 15) == (1, 1, 0, 0, 0)
    assert project.hopping(project_minute + 1, 15) == (1, 0, 0, 0, 0)


@pytest.mark.parametrize(
    ("failures", "creations", "fires"),
    [(1, 99, False), (1, 98, True), (0, 50, False)],
    ids=["one of a hundred is not above one percent", "one of 99 is", "none is not"],
)
def test_failures_are_compared_as_integers(failures: int, creations: int, fires: bool) -> None:
    events = [_created("00:00", number + 1) for number in range(creations)]
    project = _project(*({"at": "00:00", "type": "episode.creation_failed"} for _ in range(failures)), *events)
    assert bool(project.by_second.firing & 1) is fires


def test_a_rule_that_is_crossed_and_left_again_is_two_alerts() -> None:
    events = [_created("00:00", 2), _created("00:01", 1)]
    project = _project(*events)
    assert (project.by_second.firing, project.by_second.alerts, project.by_minute.alerts) == (0, 2, 2)


def test_buckets_of_latencies_are_two_percent_wide() -> None:
    assert (bucket(0.98), bucket(1.0), bucket(1.004), bucket(1.005)) == (689, 690, 690, 691)
    assert bucket(0.0) == bucket(0.000001) == 0


def test_the_traffic_has_every_kind_of_trouble_and_stays_in_the_order_of_time_but_for_resends() -> None:
    reference, seen, latest = Reference(), set(), ""
    for _, value in reference.watched(EQUAL.records(20_000)):
        event = msgspec.json.decode(value)
        if event["event_id"] not in seen:
            assert event["occurred_at"] >= latest
            latest = event["occurred_at"]
            seen.add(event["event_id"])
    projects = reference.projects().values()
    assert sum(project.resent for project in projects) > 100
    assert min(sum(column) for column in zip(*(project.totals for project in projects), strict=True)) > 50
    assert sum(project.gaps for project in projects) > 20
    assert sum(project.duplicates for project in projects) > 20
    fired = {rule for project in projects for rule in (1, 2, 4, 8) if project.by_second.firing & rule}
    assert fired == {1, 2, 4, 8}
    assert any(len(project.minutes) > 19 for project in projects)


def test_the_stored_form_of_java_is_read_by_its_places() -> None:
    head = struct.pack(">q2i5i3i3i5i5ii", 7, 3, 1, 2, 0, 1, 0, 1, 4, 2, 0, 8, 3, 99, 2, 0, 1, 0, 1, 2, 0, 1, 0, 1, 5)
    head += bytes(2512 - len(head)) + struct.pack(">3i", 4, 0, 6)
    read = found(head, {1: {"a"}, 4: {"b"}}, has_windows=True)
    assert (read.events, read.resent, read.totals) == (3, 1, (2, 0, 1, 0, 1))
    assert (read.highest, read.held, read.duplicates, read.firing) == (4, 2, 0, 8)
    assert read.windows == ((2, 0, 1, 0, 1), (2, 0, 1, 0, 1))
    assert read.latencies == Counter({5: 4, 7: 6})
    assert owners_of(1, bytes(8) + b"\x02\x03abc" + b"\x02\x01z" + b"\x3f\x01y") == {66: {"abc", "z"}, 127: {"y"}}


def test_a_difference_names_the_project_and_what_it_has() -> None:
    project = _project(_created("00:00", 1))
    right = expected(project, "seconds")
    assert differences({"p": right}, {"p": project}, "seconds") == ""
    assert differences({}, {"p": project}, "seconds") == "p is missing"
    wrong = {"p": replace(right, events=2)}
    assert differences(wrong, {"p": project}, "seconds") == "p differs in events: events is 2 and should be 1"
    other = {"p": replace(right, owners={1: {"else"}})}
    assert differences(other, {"p": project}, "seconds") == "p differs in owners"


def test_of_hopping_windows_each_is_checked_and_the_newest_must_be_there() -> None:
    project = _project(_created("00:00", 1))
    minute = min(project.minutes)
    windows = {("p", minute - 14, 15): (1, 0, 0, 0, 0), ("p", minute - 9, 10): (1, 0, 0, 0, 0)}
    assert wrong_window(windows, {"p": project}) == ""
    assert "is missing" in wrong_window({("p", minute - 14, 15): (1, 0, 0, 0, 0)}, {"p": project})
    assert "should be (1, 0, 0, 0, 0)" in wrong_window(windows | {("p", minute, 15): (2, 0, 0, 0, 0)}, {"p": project})


def test_progress_lies_between_what_was_told() -> None:
    progress = Progress()
    progress.add(0, 1, 100.0)
    progress.add(0, 101, 110.0)
    assert progress.reached_at(51) == 105.0
    assert progress.reached_at(102) is None
    progress.add(1, 1, 110.0)
    progress.add(1, 101, 120.0)
    assert progress.reached_at(152) == 115.0


def _measured(name: str, cold: float, warm: float | None, wrong: str = "") -> Measured:
    return Measured(name, name, "", Figures(3000, cold, cold, 9.0, 50.0, 1.5, warm), wrong=wrong, note="by the second")


def test_those_who_were_warmed_up_are_compared_warm_and_a_wrong_answer_has_no_speed() -> None:
    monitor, streams = _measured("monitor", 60, 80), _measured("streams-seconds", 20, 100)
    (row,) = ratios("equal", [monitor, streams, _measured("flink-hashmap", 1, 1, "p is missing")])
    assert (row["what"], row["ratio"], row["met"]) == ("monitor / streams-seconds", 0.8, False)
    (row,) = ratios("equal", [monitor, _measured("quix-function", 6, None)])
    assert (row["ratio"], row["at_least"], row["met"]) == (10.0, 10.0, True)
    contenders = [each.as_dict() for each in (monitor, _measured("other", 90, 90, "p is missing"))]
    run = {"work": "equal", "about": "all", "partitions": 4, "workers": 1, "contenders": contenders, "ratios": []}
    text = table([run])
    assert "| monitor | by the second | 80 | 60 | 9 | 50 MB | 1.5 |" in text
    assert "| other | by the second; counted wrong: p is missing | | | | | |" in text


@pytest.mark.parametrize(("workers", "target"), [(1, 1.0), (4, 1.25)])
def test_one_process_and_all_cores_have_targets_of_their_own(workers: int, target: float) -> None:
    both = [_measured("monitor", 1, 1), _measured("streams-seconds", 1, 1)]
    assert [row["at_least"] for row in ratios("equal", both, workers)] == [target]


def test_every_row_of_equal_work_says_its_precision_the_length_of_its_windows_and_its_guarantee() -> None:
    for contender in CONTENDERS[Work.EQUAL]:
        note = contender.note(2)
        assert contender.name == "limit" or ("15 and 10 min" in note and "once" in note and "2" in note)
    names = [contender.name for contender in CONTENDERS[Work.EQUAL]]
    assert len(names) == len(set(names))
