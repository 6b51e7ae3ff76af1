"""A project as programs compare it, with expected values by hand."""

from streams.base.steps import finish
from streams.project.fingerprint import fingerprint
from streams.views.project_facts import facts_of, row_of, rows_from
from tests.streams_views.making import FAILURES, INTEGRITY, START_MS, make_core, new_log, store


def test_a_row_counts_what_is_missing_whether_suspect_or_open() -> None:
    log = new_log(3)
    log.numbers("p", 1, 2, 5)
    log.created("p", 2, episode="again")
    log.settle(30)
    suspect = row_of(log.partition, "p")
    log.settle(3600)
    row = row_of(log.partition, "p")
    assert row is not None
    assert row == suspect
    assert (row.project_id, row.applied, row.total_episodes) == ("p", 3, 4)
    assert (row.missing, row.duplicates, row.late_events, row.is_split) == (2, 1, 0, False)
    state = log.partition.state("p")
    assert state is not None
    assert row.state_hash == fingerprint(state)
    assert row_of(log.partition, "unknown") is None


def test_the_hash_of_the_numbers_does_not_depend_on_the_rules() -> None:
    strict, lax = new_log(core=make_core(FAILURES, INTEGRITY)), new_log(core=make_core(INTEGRITY))
    for log in (strict, lax):
        log.numbers("p", 1, 2, 3)
    one, other = row_of(strict.partition, "p"), row_of(lax.partition, "p")
    assert one is not None
    assert other is not None
    assert one.numbers_hash == other.numbers_hash
    assert one.state_hash != other.state_hash


def test_all_that_a_project_holds_has_a_name() -> None:
    log = new_log()
    log.created("p", 1, took=0.5)
    log.created("p", 4, at=60, took=1.5, retries=["timeout"])
    log.failed("p", at=61)
    log.conflict("p", at=62)
    facts = facts_of(log.partition, "p")
    assert facts is not None
    assert (facts.partition, facts.applied, facts.latest_ms) == (0, 3, START_MS + 62_000)
    assert (facts.numbers, facts.owners, facts.missing) == ([1, 4], ["p-1", "p-4"], [(2, 3)])
    assert facts.counters["attempted"] == 4
    assert facts.counters["ended"] == 3
    assert facts.counters["failed"] == 1
    assert facts.counters["microseconds"] == 2_000_000
    assert facts.counters["retries_after_timeout"] == 1
    assert facts.counters["conflict_events"] == 1
    assert facts.windows["minute 2025-10-09T08:53:00.000Z"] == [1, 1, 0, 0, 0, 1, 500_000]
    assert facts.windows["minute 2025-10-09T08:54:00.000Z"] == [3, 2, 1, 1, 1, 1, 1_500_000]
    assert facts_of(log.partition, "unknown") is None


def test_facts_are_the_same_from_a_stored_state() -> None:
    log = new_log(cached_projects=2)
    log.numbers("p", 1, 2, 4)
    before = facts_of(log.partition, "p"), row_of(log.partition, "p")
    store(log)
    log.numbers("q", 1)
    log.numbers("r", 1)
    log.numbers("s", 1)
    assert (facts_of(log.partition, "p"), row_of(log.partition, "p")) == before


def test_pages_follow_each_other_and_the_last_one_says_so() -> None:
    log = new_log()
    for number in range(7):
        log.created(f"p{number}", 1)
    seen, start = [], 0
    while True:
        rows, following = finish(rows_from(log.partition, start, 3))
        seen.append([row.project_id for row in rows])
        if following is None:
            break
        start = following
    assert seen == [["p0", "p1", "p2"], ["p3", "p4", "p5"], ["p6"]]
