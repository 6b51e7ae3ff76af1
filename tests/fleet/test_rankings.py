"""The slowest and the most conflicted projects, retries by reason, and trends of before; the same from each worker."""

import pytest

from episode_monitor.fleet.kept import Kept
from episode_monitor.web.sources import sources_of
from episode_monitor.web.stream import Source
from models.performance_views import RankedProject
from models.replay_job_views import ReplayJobList
from streams.base.steps import finish
from streams.project.project_state import HOURS_KEPT as PROJECT_HOURS_KEPT
from streams.rates import performance
from streams.rates.totals import HOURS_KEPT as FLEET_HOURS_KEPT
from streams.views.project_ranks import Allowed, Ranks, ranks_of
from tests.fleet.fleet import Fleet, json
from tests.streams_views.making import Log, new_log, store
from tests.web.fake_views import FakeViews

PERFORMANCE = "/monitoring/episodes/performance"
HOUR = 3600


def busy(log: Log, project_id: str, *seconds: float, conflicts: int = 0, at: float = 0) -> None:
    """One creation for each duration, the first so many of them after a conflict."""
    for number, took in enumerate(seconds, 1):
        log.created(project_id, number, at=at, took=took, had_conflict=number <= conflicts)


def ranks(log: Log, *, minutes: int = 60, limit: int = 10, projects: int = 1000, decoded: int = 1000) -> Ranks:
    at_ms = log.partition.clock_ms
    return finish(ranks_of([(log.partition, at_ms)], minutes, limit, Allowed(projects, decoded)))


def names(ranked: list[RankedProject]) -> list[str]:
    return [one.project_id for one in ranked]


async def test_both_workers_name_the_slowest_and_the_most_conflicted_projects_of_all() -> None:
    async with Fleet(2) as fleet:
        left, right = await fleet.worker("left"), await fleet.worker("right")
        first, second = left.own_partition(0), right.own_partition(1)
        busy(first, "quick", 0.1, 0.1, conflicts=1)
        busy(first, "slow", 4.0, 2.0)
        busy(second, "slowest", 9.0)
        busy(second, "fought", 0.5, 0.5, 0.5, 0.5, conflicts=3)
        await fleet.publish()
        for worker in (left, right):
            answer = json(await worker.get(f"{PERFORMANCE}/projects", limit=3))
            assert [one["project_id"] for one in answer["slowest"]] == ["slowest", "slow", "fought"]
            assert [one["project_id"] for one in answer["most_conflicted"]] == ["fought", "quick"]
            assert (answer["projects_looked_at"], answer["is_complete"]) == (4, True)
            assert (answer["window_minutes"], answer["as_of"]) == (60, "2025-10-09T08:53:20.000Z")
            fought, slow = answer["most_conflicted"][0], answer["slowest"][1]
            assert (fought["attempted_operations"], fought["conflicted_operations"]) == (4, 3)
            assert fought["conflict_rate_percentage"] == 75.0
            assert slow["average_duration_seconds"] == 3.0
            assert slow["p95_duration_seconds"] == pytest.approx(4.0, rel=0.01)


async def test_they_are_looked_for_once_a_minute_whoever_asks() -> None:
    async with Fleet(1) as fleet:
        worker = await fleet.worker("only")
        log = worker.own_partition(0)
        busy(log, "slow", 4.0)
        assert len(json(await worker.get(f"{PERFORMANCE}/projects"))["slowest"]) == 1
        busy(log, "slower", 5.0)
        assert len(json(await worker.get(f"{PERFORMANCE}/projects"))["slowest"]) == 1
        fleet.clock.ms += 60_000
        assert len(json(await worker.get(f"{PERFORMANCE}/projects"))["slowest"]) == 2


def test_what_happened_before_the_window_does_not_count() -> None:
    log = new_log()
    busy(log, "before", 9.0, conflicts=1)
    busy(log, "within", 1.0, conflicts=1, at=2 * HOUR)
    assert names(ranks(log).slowest) == names(ranks(log).most_conflicted) == ["within"]
    assert names(ranks(log, minutes=180).slowest) == ["before", "within"]


def test_projects_that_are_stored_alone_are_found_too_as_long_as_few_have_to_be_decoded() -> None:
    log = new_log(cached_projects=2)
    for name, took in (("a", 4.0), ("b", 3.0), ("c", 2.0), ("d", 1.0)):
        busy(log, name, took)
        store(log)
    assert names(ranks(log).slowest) == ["a", "b", "c", "d"]
    found = ranks(log, decoded=1)
    assert (found.is_complete, found.looked_at) == (False, 4)
    assert "a" in names(found.slowest)
    assert "d" in names(found.slowest)  # in memory
    assert len(found.slowest) < 4


def test_a_project_without_operations_in_the_window_is_not_decoded() -> None:
    log = new_log(cached_projects=2)
    for name in ("a", "b"):
        busy(log, name, 4.0)
        store(log)
    for name in ("c", "d"):
        busy(log, name, 1.0, at=2 * HOUR)
    found = ranks(log, decoded=0)
    assert (names(found.slowest), found.looked_at, found.is_complete) == (["c", "d"], 4, True)


def test_no_more_projects_are_looked_at_than_allowed() -> None:
    log = new_log()
    for name in ("a", "b", "c"):
        busy(log, name, 1.0)
    found = ranks(log, projects=2)
    assert (names(found.slowest), found.looked_at, found.is_complete) == (["a", "b"], 2, False)


async def test_retries_are_counted_by_reason() -> None:
    async with Fleet(2) as fleet:
        left, right = await fleet.worker("left"), await fleet.worker("right")
        first, second = left.own_partition(0), right.own_partition(1)
        first.created("p", 1, retries=["conflict", "conflict", "timeout"])
        second.created("q", 1, retries=["conflict"])
        second.created("calm", 1)
        await fleet.publish()
        for worker in (left, right):
            whole = json(await worker.get(f"{PERFORMANCE}/retries"))
            assert (whole["project_id"], whole["total_retries"]) == (None, 4)
            assert whole["reasons"] == [
                {"reason": "conflict", "retries": 3, "percentage": 75.0},
                {"reason": "timeout", "retries": 1, "percentage": 25.0},
                {"reason": "error", "retries": 0, "percentage": 0.0},
            ]
            one = json(await worker.get(f"{PERFORMANCE}/retries", project_id="q"))
            assert (one["project_id"], one["total_retries"], one["reasons"][0]["percentage"]) == ("q", 1, 100.0)
            calm = json(await worker.get(f"{PERFORMANCE}/retries", project_id="calm"))
            assert [reason["percentage"] for reason in calm["reasons"]] == [None, None, None]
            assert (await worker.get(f"{PERFORMANCE}/retries", project_id="nobody")).status_code == 404


async def test_a_trend_can_be_compared_with_the_same_hours_of_before() -> None:
    async with Fleet(1) as fleet:
        worker = await fleet.worker("only")
        log = worker.own_partition(0)
        log.created("p", 1, at=0)  # 08:53 of the 9th
        log.created("p", 2, at=HOUR)
        log.created("p", 3, at=24 * HOUR)  # 08:53 of the 10th
        log.created("p", 4, at=25 * HOUR)

        async def points(**asked: object) -> list[tuple[str, int]]:
            answer = json(await worker.get(f"{PERFORMANCE}/trend", **asked))
            assert answer["interval_seconds"] == (3600 if asked.get("before_hours", 0) else 60)
            assert answer["before_hours"] == asked.get("before_hours", 0)
            return [(point["starts_at"][5:13], point["attempted_operations"]) for point in answer["points"]]

        assert await points(hours=2) == [("10-10T08", 1), ("10-10T09", 1)]
        assert await points(hours=2, before_hours=24) == [("10-09T08", 1), ("10-09T09", 1)]
        assert await points(hours=2, before_hours=24, project_id="p") == [("10-09T09", 1)]  # a day and no more is kept
        assert await points(hours=2, before_hours=168) == []
        assert json(await worker.get(f"{PERFORMANCE}/trend", project_id="p"))["kept_hours"] == 24
        assert json(await worker.get(f"{PERFORMANCE}/trend"))["kept_hours"] == 168


async def test_the_hour_before_has_minutes_as_long_as_they_are_kept() -> None:
    async with Fleet(1) as fleet:
        worker = await fleet.worker("only")
        log = worker.own_partition(0)
        log.created("p", 1, at=0)
        log.created("p", 2, at=HOUR)
        now = json(await worker.get(f"{PERFORMANCE}/trend", hours=1))
        before = json(await worker.get(f"{PERFORMANCE}/trend", hours=1, before_hours=1))
        assert (now["interval_seconds"], before["interval_seconds"]) == (60, 60)
        assert [point["starts_at"] for point in now["points"]] == ["2025-10-09T09:53:00.000Z"]
        assert [point["starts_at"] for point in before["points"]] == ["2025-10-09T08:53:00.000Z"]


def test_what_a_trend_says_is_kept_is_what_is_kept() -> None:
    assert (performance.FLEET_HOURS, performance.PROJECT_HOURS) == (FLEET_HOURS_KEPT - 1, PROJECT_HOURS_KEPT - 1)


async def test_a_kept_answer_is_found_anew_after_its_time_and_the_oldest_key_goes_first() -> None:
    kept: Kept[int] = Kept(for_ms=100, most=2)
    found = iter(range(10))

    async def find() -> int:
        return next(found)

    assert [await kept.of("a", at_ms, find) for at_ms in (0, 99, 100, 150)] == [0, 0, 1, 1]
    assert await kept.of("a", 50, find) == 2  # a clock that was set back
    assert [await kept.of(key, 60, find) for key in ("b", "c", "b", "a")] == [3, 4, 3, 5]


class NoReplays:
    def own_replays(self, limit: int) -> ReplayJobList:
        return ReplayJobList(replays=[], total=0)


async def test_open_pages_are_notified_of_findings_and_of_operations_apart() -> None:
    async with Fleet(1) as fleet:
        worker = await fleet.worker("only")
        log = worker.own_partition(0)
        log.created("p", 1)
        versions = iter((7, 7, 8))
        views = FakeViews()
        found: dict[str, Source] = {
            source.resource: source
            for source in sources_of(worker.view, lambda: next(versions), lambda: views, NoReplays())  # type: ignore[arg-type]
        }

        async def values() -> dict[str, str]:
            return {name: repr(await source.value()) for name, source in found.items()}

        def differing(one: dict[str, str], other: dict[str, str]) -> set[str]:
            return {name for name in one if one[name] != other[name]}

        first = await values()
        log.created("p", 3, at=1)  # 2 is suspect
        second = await values()
        assert differing(first, second) == {"performance"}
        log.settle(120)
        assert differing(second, await values()) == {"integrity", "alerts"}
