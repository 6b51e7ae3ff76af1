"""Counters that never fall, and that count everything once."""

from hypothesis import given
from hypothesis import strategies as st

from episode_monitor.read_model.rising import Rest, RisingFleet
from streams import tally
from streams.fleet_metrics import FleetMetrics
from streams.summary import OTHER, ProjectFacts


def facts(project: str, conflicts: int) -> ProjectFacts:
    return ProjectFacts(project, 0, 0, 0, 0, conflicts, (conflicts, 0, 0))


def fleet(*projects: ProjectFacts, failed: int = 0, ended: int = 0, late: int = 0, bucket: int = 0) -> FleetMetrics:
    return FleetMetrics(
        projects=list(projects), projects_total=9, split_projects=0,
        unhealthy_projects=0, episodes=0, health_percentage=100.0, alerts={},
        operations=(failed << tally.FAILED) | (ended << tally.ENDED), duration_buckets=[[bucket], [0]],
        duration_us=[0, 0], p95_seconds=None, late=late, resends=0,
    )  # fmt: skip


def conflicts(shown: FleetMetrics) -> dict[str, int]:
    return {each.project_id: each.conflicts for each in shown.projects}


def test_a_sum_that_a_new_owner_has_not_yet_read_again_does_not_fall() -> None:
    rising = RisingFleet()
    rising.risen(fleet(failed=5, ended=20, late=3, bucket=7))
    behind = rising.risen(fleet(failed=4, ended=18, late=2, bucket=6))
    assert (tally.field(behind.operations, tally.FAILED), tally.field(behind.operations, tally.ENDED)) == (5, 20)
    assert (behind.late, behind.duration_buckets) == (3, [[7], [0]])
    ahead = rising.risen(fleet(failed=6, ended=22))
    assert (tally.field(ahead.operations, tally.FAILED), tally.field(ahead.operations, tally.ENDED)) == (6, 22)


def test_a_project_that_gets_a_label_takes_nothing_from_the_others() -> None:
    rising = RisingFleet()
    assert conflicts(rising.risen(fleet(facts("a", 10), facts(OTHER, 100)))) == {"a": 10, OTHER: 100}
    # b had 30 of the 100 and gets a label, a loses its own, and two more conflicts came to others.
    shown = rising.risen(fleet(facts("b", 30), facts(OTHER, 82)))
    assert conflicts(shown) == {"b": 30, OTHER: 102}
    assert [each.retries[0] for each in shown.projects] == [30, 102]
    # Four to b, five to a, which is one of the others now.
    assert conflicts(rising.risen(fleet(facts("b", 34), facts(OTHER, 87)))) == {"b": 34, OTHER: 107}


def test_a_project_that_gets_its_label_back_goes_on_from_where_it_was_or_higher() -> None:
    rising = RisingFleet()
    rising.risen(fleet(facts("a", 10), facts(OTHER, 5)))
    rising.risen(fleet(facts("b", 5), facts(OTHER, 10)))
    assert conflicts(rising.risen(fleet(facts("a", 9), facts(OTHER, 5))))["a"] == 10


Moves = st.lists(
    st.tuples(st.lists(st.integers(0, 5), min_size=4, max_size=4), st.sets(st.sampled_from("abcd"), max_size=3)),
    min_size=1, max_size=12,
)  # fmt: skip


@given(Moves)
def test_the_rest_never_falls_and_every_count_is_taken_by_a_label_or_by_it(
    moves: list[tuple[list[int], set[str]]],
) -> None:
    rest, counts, value, taken = Rest(), dict.fromkeys("abcd", 0), 0, 0
    before: dict[str, int] = {}
    whole_at_first = None
    for added, labelled in moves:
        for name, more in zip("abcd", added, strict=True):
            counts[name] += more
        shown = {name: counts[name] for name in labelled}
        taken += sum(shown[name] - before[name] for name in shown if name in before)
        now = rest.rise(sum(counts.values()), shown)
        assert now >= value
        value, before = now, shown
        if whole_at_first is None:
            whole_at_first = sum(counts.values()) - value  # what stood under labels at the first look
    assert whole_at_first is not None
    assert value + taken + whole_at_first == sum(counts.values())
