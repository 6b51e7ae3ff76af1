"""Counters that never fall, and that count everything once."""

from hypothesis import given
from hypothesis import strategies as st

from episode_monitor.observe.monotonic_counters import RisingFleet, Shares
from streams.partition.summary import OTHER, ProjectFacts
from streams.views.fleet_metrics import FleetMetrics


def facts(project: str, conflicts: int) -> ProjectFacts:
    return ProjectFacts(project, 0, 0, 0, 0, conflicts, (conflicts, 0, 0))


def fleet(*projects: ProjectFacts, failed: int = 0, created: int = 0, late: int = 0, bucket: int = 0) -> FleetMetrics:
    return FleetMetrics(
        projects=list(projects), projects_total=9, split_projects=0,
        unhealthy_projects=0, episodes=0, health_percentage=100.0, alerts={},
        conflicts=sum(each.conflicts for each in projects), retries=(sum(each.retries[0] for each in projects), 0, 0),
        created=created, failed=failed, duration_buckets=[[bucket], [0]],
        duration_us=[0, 0], p95_seconds=None, late=late, resends=0,
    )  # fmt: skip


def conflicts(shown: FleetMetrics) -> dict[str, int]:
    return {each.project_id: each.conflicts for each in shown.projects}


def test_a_sum_that_a_new_owner_has_not_yet_read_again_does_not_fall() -> None:
    rising = RisingFleet()
    rising.risen(fleet(failed=5, created=15, late=3, bucket=7))
    behind = rising.risen(fleet(failed=4, created=14, late=2, bucket=6))
    assert (behind.failed, behind.created) == (5, 15)
    assert (behind.late, behind.duration_buckets) == (3, [[7], [0]])
    ahead = rising.risen(fleet(failed=6, created=16))
    assert (ahead.failed, ahead.created) == (6, 16)


def test_a_project_that_gets_a_label_takes_nothing_from_the_others() -> None:
    rising = RisingFleet()
    assert conflicts(rising.risen(fleet(facts("a", 10), facts(OTHER, 100)))) == {"a": 10, OTHER: 100}
    # b had 30 of the 100 and gets a label, a loses its own, and two more conflicts came to others: 112 in all.
    shown = rising.risen(fleet(facts("b", 30), facts(OTHER, 82)))
    assert conflicts(shown) == {"b": 12, OTHER: 100}
    assert [each.retries[0] for each in shown.projects] == [12, 100]
    # Four to b, five to a, which is one of the others now: 121 in all.
    assert conflicts(rising.risen(fleet(facts("b", 34), facts(OTHER, 87)))) == {"b": 21, OTHER: 100}


def test_projects_that_all_have_labels_show_what_they_have() -> None:
    rising = RisingFleet()
    rising.risen(fleet(facts("a", 1)))
    assert conflicts(rising.risen(fleet(facts("b", 30), facts("a", 3)))) == {"b": 30, "a": 3}
    # The new owner of b is behind: nothing falls.
    assert conflicts(rising.risen(fleet(facts("b", 20), facts("a", 4)))) == {"b": 30, "a": 3}
    assert conflicts(rising.risen(fleet(facts("b", 31), facts("a", 4)))) == {"b": 31, "a": 4}


def test_the_sums_without_a_label_never_fall() -> None:
    rising = RisingFleet()
    rising.risen(fleet(facts("a", 10), facts(OTHER, 5)))
    behind = rising.risen(fleet(facts("a", 9), facts(OTHER, 4)))
    assert (behind.conflicts, behind.retries) == (15, (15, 0, 0))


Moves = st.lists(
    st.tuples(st.lists(st.integers(0, 5), min_size=4, max_size=4), st.sets(st.sampled_from("abcd"), max_size=3)),
    min_size=1, max_size=12,
)  # fmt: skip


@given(Moves)
def test_labels_and_the_rest_add_up_to_the_whole_and_none_of_them_falls(
    moves: list[tuple[list[int], set[str]]],
) -> None:
    shares, counts, other, before = Shares(), dict.fromkeys("abcd", 0), 0, dict[str, int]()
    for added, labelled in moves:
        for name, more in zip("abcd", added, strict=True):
            counts[name] += more
        shown, now = shares.rise(sum(counts.values()), {name: counts[name] for name in labelled})
        assert sum(shown.values()) + now == sum(counts.values())
        assert now >= other
        assert all(shown[name] >= before[name] for name in shown if name in before)
        assert all(shown[name] <= counts[name] for name in shown)
        other, before = now, shown
