"""A project in several partitions: its findings are none, it is counted once, and a crash loses nothing of that."""

from streams.base import changelog_keys
from streams.partition.partition import Partition
from streams.partition.splits import Split
from streams.partition.summary import counts_of, facts_of, splits_of
from tests.streams.test_partition_by_hand import Driver


def even_numbers(d: Driver, project: str = "halved") -> None:
    """The even numbers up to 20, one a second: ten of them, and ten missing ones below the highest."""
    for number in range(2, 21, 2):
        d.created(project, number, number)


def sums(partition: Partition) -> tuple[int, int, int]:
    return partition.index.gaps, partition.index.duplicates, len(partition.index.unhealthy)


def test_what_is_missing_in_one_partition_is_no_finding_once_another_has_a_part() -> None:
    d = Driver()
    even_numbers(d)
    assert d.partition.note_split("halved", [3])
    d.created("other", 120, 1)
    assert d.emitted() == []
    assert sums(d.partition) == (0, 0, 0)
    state = d.partition.state("halved")
    assert state is not None
    assert state.numbering.anomalies.open_gaps.count == 10
    assert facts_of(state).gaps == 0
    assert d.partition.index.splits == {"halved": Split((0, 3))}


def test_an_alert_that_was_emitted_before_ends_with_the_reason() -> None:
    d = Driver()
    even_numbers(d)
    d.created("other", 120, 1)
    assert [(project, status) for project, _, status, _ in d.emitted()] == [("halved", "firing")]
    assert sums(d.partition) == (10, 0, 1)
    assert d.partition.note_split("halved", [3])
    (emitted,) = d.partition.emits
    assert (emitted.status.value, emitted.reason, emitted.value) == ("resolved", "split", 0.0)
    assert "partitions 0, 3" in emitted.description
    assert sums(d.partition) == (0, 0, 0)
    assert not d.partition.index.alerting


def test_findings_that_come_later_do_not_count_either() -> None:
    d = Driver()
    d.created("halved", 0, 1)
    d.partition.note_split("halved", [1])
    d.created("halved", 1, 9)
    d.created("halved", 1, 9, episode="another")
    d.created("other", 120, 1)
    assert d.emitted() == []
    assert sums(d.partition) == (0, 0, 0)


def test_only_the_lowest_partition_counts_the_project() -> None:
    d = Driver()
    d.created("here", 0, 1)
    d.created("halved", 0, 1)
    d.partition.note_split("halved", [2])
    counts = counts_of(d.partition, 0)
    assert (counts.projects, counts.splits) == (2, 1)
    assert [facts.project_id for facts in splits_of(d.partition)] == ["halved"]
    d.partition.number = d.partition.index.partition = 2
    d.partition.note_split("here", [0, 1])
    counts = counts_of(d.partition, 0)
    assert (counts.projects, counts.splits) == (1, 1)
    assert [facts.project_id for facts in splits_of(d.partition)] == []


def test_more_partitions_are_added_to_those_known() -> None:
    d = Driver()
    d.created("halved", 0, 1)
    assert d.partition.note_split("halved", [3])
    assert not d.partition.note_split("halved", [3])
    assert d.partition.note_split("halved", [1], keyless=[1])
    assert d.partition.index.splits["halved"] == Split((0, 1, 3), (1,))
    assert not d.partition.note_split("halved", [0])
    assert not d.partition.note_split("never seen", [1])


def test_its_own_partition_alone_is_no_split() -> None:
    d = Driver()
    d.created("whole", 0, 1)
    assert not d.partition.note_split("whole", [0])
    assert d.partition.index.splits == {}


def test_a_restart_knows_it_before_anything_is_judged() -> None:
    d = Driver()
    even_numbers(d)
    d.partition.note_split("halved", [3])
    assert changelog_keys.split("halved") in d.flush()
    again = Driver(d.store)
    assert again.partition.index.splits == {"halved": Split((0, 3))}
    again.created("other", 120, 1)
    assert again.emitted() == []
    assert sums(again.partition) == (0, 0, 0)
    assert counts_of(again.partition, 0).splits == 1


def test_a_restart_does_not_count_findings_that_were_open_before() -> None:
    d = Driver()
    even_numbers(d)
    d.created("other", 120, 1)
    d.flush()
    d.partition.note_split("halved", [3])
    d.flush()
    again = Driver(d.store)
    assert sums(again.partition) == (0, 0, 0)
    assert again.partition.index.projects == 2
    again.created("halved", 121, 1)
    assert sums(again.partition) == (0, 0, 0)
