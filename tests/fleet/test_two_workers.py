"""Two workers with their own partitions: whichever is asked, the answer is the same."""

import pytest

from agents.engine.ownership import PartitionPhase
from agents.fleet_topic.fleet_view import Owner
from agents.fleet_topic.record import encode_record
from tests.fleet.fleet import Fleet, Worker, code, json
from tests.fleet.test_fleet_record import record
from tests.streams_views.making import START_MS, Log, seed_project

INTEGRITY = "/monitoring/episodes/integrity"
PERFORMANCE = "/monitoring/episodes/performance"


async def two_workers(fleet: Fleet) -> tuple[Worker, Worker, Log, Log]:
    """`left` owns partition 0 with the project of the handbook, `right` owns partition 1 with a healthy one."""
    left, right = await fleet.worker("left"), await fleet.worker("right")
    first, second = left.own_partition(0), right.own_partition(1)
    seed_project(first)
    first.failed("proj_123", at=1, took=3.0)
    first.settle(60)
    second.numbers("fine", 1, 2, 3)
    second.created("fine", 4, at=30, took=1.0)
    second.settle(59)
    await fleet.publish()
    return left, right, first, second


async def test_both_give_the_same_summary_of_the_fleet() -> None:
    async with Fleet(2) as fleet:
        left, right, *_ = await two_workers(fleet)
        answers = [json(await worker.get(f"{INTEGRITY}/summary")) for worker in (left, right)]
        assert (
            answers[0]
            == answers[1]
            == {
                "total_projects": 2,
                "healthy_projects": 1,
                "unhealthy_projects": 1,
                "health_percentage": 50.0,
                "total_gaps": 3,
                "total_duplicates": 1,
                "as_of": "2025-10-09T08:54:20.000Z",
                "stale_partitions": [],
                "monitoring_enabled": True,
                "split_projects": 0,
            }
        )


@pytest.mark.parametrize("project_id", ["proj_123", "fine"])
async def test_both_give_the_same_view_of_each_project(project_id: str) -> None:
    async with Fleet(2) as fleet:
        left, right, *_ = await two_workers(fleet)
        answers = [json(await worker.get(f"{INTEGRITY}/project/{project_id}")) for worker in (left, right)]
        assert answers[0] == answers[1]
        assert answers[0]["project_id"] == project_id


async def test_a_project_elsewhere_is_shown_with_its_own_partition_and_offset() -> None:
    async with Fleet(2) as fleet:
        _, right, *_ = await two_workers(fleet)
        view = json(await right.get(f"{INTEGRITY}/project/proj_123"))
        assert view["applied"] == {"partition": 0, "offset": 26}
        assert view["gap_ranges"] == [[3, 3], [7, 7], [12, 12]]
        assert view["duplicate_owners"] == {"5": ["again", "proj_123-5"]}
        assert view["health_score"] == 85.7


async def test_a_project_that_nobody_knows_is_404_from_both() -> None:
    async with Fleet(2) as fleet:
        left, right, *_ = await two_workers(fleet)
        for worker in (left, right):
            assert code(await worker.get(f"{INTEGRITY}/project/nobody"), 404) == "unknown_project"
            assert code(await worker.get(f"{PERFORMANCE}/stats", project_id="nobody"), 404) == "unknown_project"
            assert code(await worker.get(f"{PERFORMANCE}/trend", project_id="nobody"), 404) == "unknown_project"


async def test_rates_of_a_project_and_of_the_fleet_are_the_same_from_both() -> None:
    async with Fleet(2) as fleet:
        left, right, *_ = await two_workers(fleet)
        for worker in (left, right):
            project = json(await worker.get(f"{PERFORMANCE}/stats", project_id="proj_123", window_minutes=15))
            assert (project["ended_operations"], project["failed_operations"]) == (27, 1)
            assert project["failure_rate_percentage"] == pytest.approx(100 / 27)
            whole = json(await worker.get(f"{PERFORMANCE}/stats", window_minutes=15))
            assert (whole["project_id"], whole["ended_operations"], whole["failed_operations"]) == (None, 31, 1)
            assert (whole["average_duration_seconds"], whole["total_operations_today"]) == (2.0, 31)
            assert whole["as_of"] == "2025-10-09T08:54:20.000Z"


async def test_trends_of_a_project_and_of_the_fleet_are_the_same_from_both() -> None:
    async with Fleet(2) as fleet:
        left, right, *_ = await two_workers(fleet)
        for worker in (left, right):
            project = json(await worker.get(f"{PERFORMANCE}/trend", project_id="fine", hours=1))
            assert [point["ended_operations"] for point in project["points"]] == [4]
            whole = json(await worker.get(f"{PERFORMANCE}/trend", hours=24))
            assert [(point["starts_at"], point["ended_operations"]) for point in whole["points"]] == [
                ("2025-10-09T08:00:00.000Z", 31)
            ]


async def test_active_alerts_of_all_partitions_are_shown_by_both_most_severe_first() -> None:
    async with Fleet(2) as fleet:
        left, right, _, second = await two_workers(fleet)
        second.failed("fine", at=60)
        await fleet.publish()
        for worker in (left, right):
            alerts = json(await worker.get("/monitoring/episodes/alerts/active"))
            assert alerts["total"] == 3
            assert [alert["alert_key"] for alert in alerts["alerts"]] == [
                "integrity:proj_123", "failures:fine", "failures:proj_123",
            ]  # fmt: skip


async def test_own_changes_are_seen_at_once_and_others_when_they_are_told() -> None:
    async with Fleet(2) as fleet:
        left, right, first, _ = await two_workers(fleet)
        first.created("new", 1, at=61)
        assert json(await left.get(f"{INTEGRITY}/summary"))["total_projects"] == 3
        assert json(await right.get(f"{INTEGRITY}/summary"))["total_projects"] == 2
        await left.publish()
        assert json(await right.get(f"{INTEGRITY}/summary"))["total_projects"] == 3


async def test_a_silent_owner_makes_its_partitions_stale_and_leaves_their_last_numbers() -> None:
    async with Fleet(2) as fleet:
        left, right, *_ = await two_workers(fleet)
        fleet.clock.ms += 10_000
        assert json(await right.get(f"{INTEGRITY}/summary"))["stale_partitions"] == []
        fleet.clock.ms += 1
        summary = json(await right.get(f"{INTEGRITY}/summary"))
        assert (summary["stale_partitions"], summary["total_projects"]) == ([0], 2)
        assert json(await left.get(f"{INTEGRITY}/summary"))["stale_partitions"] == [1]


@pytest.mark.parametrize(
    "path",
    [
        f"{INTEGRITY}/summary",
        f"{INTEGRITY}/projects",
        f"{INTEGRITY}/project/nobody",
        f"{PERFORMANCE}/stats",
        f"{PERFORMANCE}/trend",
        "/monitoring/episodes/alerts/active",
    ],
)
async def test_while_a_partition_recovers_anywhere_views_are_503_and_never_zeros(path: str) -> None:
    async with Fleet(2) as fleet:
        left, right, *_ = await two_workers(fleet)
        right.own_partition(1, generation=2, phase=PartitionPhase.RECOVERING)
        await right.publish()
        for worker in (left, right):
            answer = await worker.get(path)
            assert code(answer, 503) == "recovering"
            assert answer.headers["retry-after"] == "2"


async def test_a_project_that_is_known_is_shown_while_another_partition_recovers() -> None:
    async with Fleet(2) as fleet:
        left, right, *_ = await two_workers(fleet)
        right.own_partition(1, generation=2, phase=PartitionPhase.RECOVERING)
        await right.publish()
        for worker in (left, right):
            assert json(await worker.get(f"{INTEGRITY}/project/proj_123"))["gaps"] == [3, 7, 12]


async def test_a_partition_of_which_nobody_has_told_is_recovering() -> None:
    async with Fleet(3) as fleet:
        left, right, *_ = await two_workers(fleet)
        for worker in (left, right):
            assert code(await worker.get(f"{INTEGRITY}/summary"), 503) == "recovering"
            assert code(await worker.get(f"{INTEGRITY}/project/nobody"), 503) == "recovering"
            assert json(await worker.get(f"{INTEGRITY}/project/fine"))["total_episodes"] == 4


async def test_before_the_number_of_partitions_is_known_views_are_recovering() -> None:
    async with Fleet(0) as fleet:
        worker = await fleet.worker("early")
        assert code(await worker.get(f"{INTEGRITY}/summary"), 503) == "recovering"
        assert code(await worker.get(f"{INTEGRITY}/project/p"), 503) == "recovering"
        assert code(await worker.get(f"{INTEGRITY}/projects"), 503) == "recovering"


async def test_a_partition_that_moved_is_not_taken_for_an_unknown_project() -> None:
    async with Fleet(2) as fleet:
        left, right, *_ = await two_workers(fleet)
        del right.engine.owned[1]  # it has moved on, and nobody has told yet
        assert code(await left.get(f"{INTEGRITY}/project/fine"), 503) == "recovering"
        assert code(await left.get(f"{INTEGRITY}/project/nobody"), 503) == "recovering"


async def test_a_worker_that_does_not_answer_is_said_to_be_unreachable() -> None:
    async with Fleet(2) as fleet:
        left, right, *_ = await two_workers(fleet)
        assert right.server is not None
        await right.server.stop()
        assert code(await left.get(f"{INTEGRITY}/project/fine"), 503) == "unreachable"
        assert code(await left.get(f"{INTEGRITY}/projects"), 503) == "unreachable"
        assert json(await left.get(f"{INTEGRITY}/project/proj_123"))["max_number"] == 28
        assert json(await left.get(f"{INTEGRITY}/summary"))["total_projects"] == 2


async def test_two_workers_under_one_address_are_told_apart_by_their_word() -> None:
    async with Fleet(2) as fleet:
        left, right, *_ = await two_workers(fleet)
        right.publisher._identity = type(right.publisher._identity)(worker_id="right", url=left.url, token=right.token)
        await right.publish()
        answer = json(await left.get(f"{INTEGRITY}/project/fine"), 503)
        assert answer["code"] == "unreachable"
        assert "WORKER_URL" in answer["detail"]


async def test_an_idle_fleet_is_as_of_the_wall_clock() -> None:
    async with Fleet(1) as fleet:
        worker = await fleet.worker("only")
        log = worker.own_partition(0)
        log.created("p", 1, at=0)
        fleet.clock.ms = START_MS + 3_600_999
        assert json(await worker.get(f"{INTEGRITY}/summary"))["as_of"] == "2025-10-09T08:53:20.000Z"
        assert json(await worker.get(f"{PERFORMANCE}/stats"))["ended_operations"] == 1
        worker.go_idle()
        assert json(await worker.get(f"{INTEGRITY}/summary"))["as_of"] == "2025-10-09T09:53:20.000Z"
        for parameters in ({}, {"project_id": "p"}):
            stats = json(await worker.get(f"{PERFORMANCE}/stats", **parameters))
            assert (stats["ended_operations"], stats["failure_rate_percentage"]) == (0, None)
            assert stats["as_of"] == "2025-10-09T09:53:20.000Z"


async def test_a_fleet_that_never_had_an_event_is_as_of_now() -> None:
    async with Fleet(1) as fleet:
        worker = await fleet.worker("only")
        worker.own_partition(0)
        assert json(await worker.get(f"{INTEGRITY}/summary"))["as_of"] == "2025-10-09T08:53:20.000Z"


async def test_a_partition_whose_log_was_not_looked_at_yet_is_not_taken_for_empty() -> None:
    async with Fleet(1) as fleet:
        worker = await fleet.worker("only")
        worker.own_partition(0)
        worker.engine.end_is_known = False
        assert code(await worker.get(f"{INTEGRITY}/summary"), 503) == "recovering"
        assert (await worker.get("/readyz")).status_code == 503
        worker.engine.end_is_known = True
        assert json(await worker.get(f"{INTEGRITY}/summary"))["total_projects"] == 0
        worker.engine.end_is_known = False  # the broker is away: what was seen stays true
        assert json(await worker.get(f"{INTEGRITY}/summary"))["total_projects"] == 0


async def test_a_project_that_is_ahead_of_its_partition_is_as_of_its_own_time() -> None:
    async with Fleet(1) as fleet:
        worker = await fleet.worker("only")
        log = worker.own_partition(0)
        log.created("p", 1, at=10)
        log.partition.clock_ms = START_MS  # as after a crash between a project's record and the partition's
        assert json(await worker.get(f"{INTEGRITY}/project/p"))["as_of"] == "2025-10-09T08:53:30.000Z"


async def test_other_owners_are_each_named_once_with_their_latest_word_and_never_this_worker() -> None:
    async with Fleet(4) as fleet:
        left, right, *_ = await two_workers(fleet)
        del left.engine.owned[0]  # its own last words are still known
        for partition, token, at_ms in ((2, "new word", START_MS + 1), (3, "old word", START_MS - 1)):
            left.reader.take(
                encode_record(record(partition=partition, url=right.url, token=token, published_at_ms=at_ms)), 99
            )
        assert left.view.other_owners() == [Owner(right.url, "new word", (1, 2, 3))]


async def test_a_reader_who_is_up_to_date_is_told_so_until_something_changes() -> None:
    async with Fleet(2) as fleet:
        left, _, first, second = await two_workers(fleet)
        tag = (await left.get(f"{INTEGRITY}/summary")).headers["etag"]

        async def status() -> int:
            answer = await fleet.client.get(f"{left.url}{INTEGRITY}/summary", headers={"if-none-match": tag})
            return answer.status_code

        assert await status() == 304
        first.created("new", 1, at=61)
        assert await status() == 200
        tag = (await left.get(f"{INTEGRITY}/summary")).headers["etag"]
        second.created("new too", 1, at=61)
        assert await status() == 304  # not told yet
        await fleet.publish()
        assert await status() == 200


async def test_questions_between_workers_need_the_word_of_the_one_who_is_asked() -> None:
    async with Fleet(2) as fleet:
        _, right, *_ = await two_workers(fleet)
        for token, status in (
            ("Bearer word-of-right", 200),
            ("Bearer word-of-left", 403),
            ("Basic word-of-right", 403),
            ("", 403),
        ):
            answer = await fleet.client.post(
                f"{right.url}/internal/v1/project", headers={"authorization": token}, json={"project_id": "fine"}
            )
            assert answer.status_code == status


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"project_id": 5}', b"\xff", b"[" * 50_000])
async def test_a_question_that_cannot_be_read_is_refused(body: bytes) -> None:
    async with Fleet(2) as fleet:
        _, right, *_ = await two_workers(fleet)
        answer = await fleet.client.post(
            f"{right.url}/internal/v1/project", headers={"authorization": f"Bearer {right.token}"}, content=body
        )
        assert code(answer, 400) == "malformed_question"
