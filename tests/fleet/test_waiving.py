"""Findings, their history and waivers over two workers: whichever is asked, the owner of the project answers, does it
and stores it."""

from typing import Any

import pytest
from aiokafka.errors import KafkaError

from models.alert import AlertStatus
from streams.numbering import finding_history
from streams.project.state_codec import canonical
from tests.fleet.fleet import Fleet, Worker, code, json
from tests.streams_views.making import START_MS, Log, seed_project

PROJECT = "/monitoring/episodes/integrity/project/proj_123"
SUMMARY = "/monitoring/episodes/integrity/summary"
BODY = {"by": "mina", "reason": "agreed with the authors", "minutes": 60}


async def two_workers(fleet: Fleet) -> tuple[Worker, Worker, Log]:
    left, right = await fleet.worker("left"), await fleet.worker("right")
    log, other = left.own_partition(0), right.own_partition(1)
    seed_project(log)
    log.settle(60)
    other.numbers("fine", 1)
    fleet.clock.ms = START_MS + 60_000
    left.engine.owned[0].partition.emits.clear()
    await fleet.publish()
    return left, right, log


async def findings(worker: Worker) -> dict[int, dict[str, Any]]:
    return {one["first_number"]: one for one in json(await worker.get(f"{PROJECT}/findings"))["findings"]}


async def test_both_workers_list_the_same_findings() -> None:
    async with Fleet(2) as fleet:
        left, right, _ = await two_workers(fleet)
        found = await findings(left)
        assert {(one["kind"], one["state"], first) for first, one in found.items()} == {
            ("gap", "open", 3), ("gap", "open", 7), ("gap", "open", 12), ("duplicate", "open", 5),
        }  # fmt: skip
        assert await findings(right) == found
        assert code(await right.get(PROJECT.replace("proj_123", "nobody") + "/findings"), 404) == "unknown_project"


@pytest.mark.parametrize("asked", [0, 1])
async def test_waiving_all_makes_the_project_healthy_until_the_time_is_over(asked: int) -> None:
    async with Fleet(2) as fleet:
        left, right, log = await two_workers(fleet)
        worker = (left, right)[asked]
        for one in (await findings(worker)).values():
            answer = json(await worker.post(f"{PROJECT}/findings/{one['finding_id']}/waive", BODY))
            assert (answer["state"], answer["waiver"]["by"]) == ("waived", "mina")
            assert answer["waiver"]["until"] == "2025-10-09T09:54:20.000Z"
        await fleet.publish()
        for each in (left, right):
            summary = json(await each.get(SUMMARY))
            assert (summary["total_gaps"], summary["total_duplicates"], summary["unhealthy_projects"]) == (0, 0, 0)
            assert json(await each.get(PROJECT))["health_score"] == 100.0
        (over,) = [alert for alert in left.told if alert.status is AlertStatus.RESOLVED]
        assert (over.annotations["acted_by"], over.annotations["comment"]) == ("mina", "agreed with the authors")
        assert left.engine.written, "a waiver is stored before it is answered"
        log.settle(3660)
        summary = json(await left.get(SUMMARY))
        assert (summary["total_gaps"], summary["total_duplicates"], summary["unhealthy_projects"]) == (3, 1, 1)


async def test_a_waived_finding_cannot_be_waived_again_and_an_unknown_one_not_at_all() -> None:
    async with Fleet(2) as fleet:
        _, right, _ = await two_workers(fleet)
        path = f"{PROJECT}/findings/{(await findings(right))[3]['finding_id']}/waive"
        json(await right.post(path, BODY))
        assert code(await right.post(path, BODY), 409) == "finding_not_open"
        assert code(await right.post(f"{PROJECT}/findings/nothing/waive", BODY), 404) == "unknown_finding"
        elsewhere = path.replace("proj_123", "nobody")
        assert code(await right.post(elsewhere, BODY), 404) == "unknown_finding"


async def test_both_workers_tell_the_history_of_a_finding_until_it_is_over_and_after() -> None:
    async with Fleet(2) as fleet:
        left, right, log = await two_workers(fleet)
        path = f"{PROJECT}/findings/{(await findings(right))[3]['finding_id']}"
        json(await right.post(f"{path}/waive", BODY))
        log.created("proj_123", 3, at=100)
        told = json(await left.get(path))
        assert json(await right.get(path)) == told
        finding = told["finding"]
        assert (finding["state"], finding["first_number"], finding["last_number"]) == ("over", 3, 3)
        assert [(one["what"], one["by"], one["episode_id"]) for one in told["history"]] == [
            ("opened", None, None), ("waived", "mina", None), ("filled", None, "proj_123-3"),
        ]  # fmt: skip
        assert told["history"][2]["at"] == "2025-10-09T08:55:00.000Z"
        assert told["history_dropped"] == 0
        listed = json(await right.get(f"{PROJECT}/findings"))
        assert [one["what"] for one in listed["history"]] == [*["opened"] * 4, "waived", "filled"]
        assert 3 not in {one["first_number"] for one in listed["findings"]}


@pytest.mark.parametrize(("project", "expected"), [("proj_123", "unknown_finding"), ("nobody", "unknown_project")])
async def test_a_finding_that_no_worker_knows_is_404(project: str, expected: str) -> None:
    async with Fleet(2) as fleet:
        for worker in (await two_workers(fleet))[:2]:
            answer = await worker.get(f"{PROJECT.replace('proj_123', project)}/findings/nothing")
            assert code(answer, 404) == expected


@pytest.mark.parametrize("kept", [2, 64])
async def test_a_waiver_that_kafka_does_not_take_is_taken_back_whole(
    kept: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding_history, "KEPT", kept)
    async with Fleet(2) as fleet:
        left, right, log = await two_workers(fleet)
        first, *others = (await findings(left)).values()
        for one in others:
            json(await left.post(f"{PROJECT}/findings/{one['finding_id']}/waive", BODY))
        state = log.partition.state("proj_123")
        assert state is not None
        before = (canonical(state), state.deadline_ms, json(await left.get(f"{PROJECT}/findings")))
        left.told.clear()
        left.tell_failing = KafkaError("away")
        path = f"{PROJECT}/findings/{first['finding_id']}/waive"
        for worker in (left, right):
            assert code(await worker.post(path, BODY), 503) == "unreachable"
            assert (canonical(state), state.deadline_ms, json(await left.get(f"{PROJECT}/findings"))) == before
        assert (left.told, log.partition.emits) == ([], [])
        left.tell_failing = None
        assert json(await right.post(path, BODY))["state"] == "waived"
        assert [alert.status for alert in left.told] == [AlertStatus.RESOLVED]
        assert json(await left.get(PROJECT))["gaps_total"] == 0
