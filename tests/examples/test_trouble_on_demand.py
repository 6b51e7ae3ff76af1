"""Each trouble leaves in the database and in the events what the real fault would leave."""

import asyncio

import pytest

from tests.examples.support import Service

pytestmark = pytest.mark.broker


async def test_a_lost_number_is_a_hole_in_the_database_and_in_the_events(service: Service) -> None:
    await service.create("p")
    await service.trouble("p", "lose_number")
    told = (await service.create("p")).json()
    await service.create("p")

    assert (told["number"], told["retry_reasons"], told["had_conflict"]) == (3, ["error"], False)
    assert await service.numbers("p") == [1, 3, 4]
    events = await service.events("p")
    assert [(event["type"], event["episode_number"]) for event in events] == [
        ("episode.created", 1),
        ("episode.created", 3),
        ("episode.created", 4),
    ]


async def test_a_number_used_twice_belongs_to_two_episodes(service: Service) -> None:
    first = (await service.create("p")).json()
    await service.trouble("p", "use_twice")
    second = (await service.create("p")).json()
    third = (await service.create("p")).json()

    assert (first["number"], second["number"], third["number"]) == (1, 1, 2)
    rows = await service.rows("p")
    assert [(row["id"], row["number"], row["legacy_import"]) for row in rows] == [
        (first["id"], 1, False),
        (second["id"], 1, True),
        (third["id"], 2, False),
    ]
    events = await service.events("p")
    assert [(event["episode_id"], event["episode_number"]) for event in events] == [
        (first["id"], 1),
        (second["id"], 1),
        (third["id"], 2),
    ]


async def test_a_slow_project_takes_its_time_and_does_not_fail_by_it(service: Service) -> None:
    await service.trouble("p", "slow", delay_seconds=0.4)
    # The delay is longer than the limit: the limit is for taking a number, and the delay comes before.
    answer = await service.create("p", {"X-Time-Limit-Seconds": "0.3"})
    assert answer.status_code == 201
    [event] = await service.events("p")
    assert event["duration_seconds"] >= 0.4
    assert event["duration_seconds"] == answer.json()["duration_seconds"]


async def test_a_failing_project_leaves_no_row_and_one_event(service: Service) -> None:
    await service.trouble("p", "fail", probability=1.0)
    failed = await service.create("p")
    await service.trouble("p", "fail", probability=0)
    created = await service.create("p")

    assert (failed.status_code, failed.json()["code"]) == (503, "creation_failed")
    assert created.json()["number"] == 1
    assert await service.numbers("p") == [1]
    events = await service.events("p")
    assert [event["type"] for event in events] == ["episode.creation_failed", "episode.created"]
    assert (events[0]["error"], events[0]["had_conflict"]) == ("a part that the creation needs has failed", False)


async def test_a_hot_project_makes_every_caller_but_the_first_conflict(service: Service) -> None:
    await service.trouble("p", "hot", pause_seconds=0.2)
    answers = await asyncio.gather(*(service.create("p") for _ in range(3)))
    assert sorted(answer.json()["number"] for answer in answers) == [1, 2, 3]
    assert [answer.json()["had_conflict"] for answer in answers].count(True) == 2
    # Of three that look at once two lose; of those two one loses again.
    conflicts = [event for event in await service.events("p") if event["type"] == "episode.creation_conflict"]
    assert len(conflicts) == 3


async def test_trouble_stays_with_its_project_and_ends_when_it_is_cleared(service: Service) -> None:
    await service.trouble("bad", "fail", probability=1.0)
    await service.trouble("worse", "fail", probability=1.0)
    shown = (await service.client.get("/admin/trouble")).json()
    assert {name: trouble["failure_probability"] for name, trouble in shown.items()} == {"bad": 1.0, "worse": 1.0}
    assert (await service.create("good")).status_code == 201

    await service.client.delete("/admin/trouble", params={"project_id": "bad"})
    assert (await service.create("bad")).status_code == 201
    assert (await service.create("worse")).status_code == 503
    await service.client.delete("/admin/trouble")
    assert (await service.create("worse")).status_code == 201
    assert (await service.client.get("/admin/trouble")).json() == {}
