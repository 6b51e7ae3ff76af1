"""Numbers are given once whatever callers do at the same time, and the events say exactly what the database holds."""

import asyncio
from collections import Counter

import asyncpg
import pytest

from examples.project_service.settings import Settings
from tests.examples.support import Service, fetch, project_service, until

pytestmark = pytest.mark.broker


async def test_concurrent_callers_conflict_and_every_number_is_given_once(service: Service) -> None:
    answers = await asyncio.gather(*(service.create("p") for _ in range(30)))

    assert [answer.status_code for answer in answers] == [201] * 30
    assert sorted(answer.json()["number"] for answer in answers) == list(range(1, 31))
    assert await service.numbers("p") == list(range(1, 31))
    events = await service.events("p")
    created = [event for event in events if event["type"] == "episode.created"]
    conflicts = [event for event in events if event["type"] == "episode.creation_conflict"]
    assert len(created) + len(conflicts) == len(events)
    rows = await service.rows("p")
    assert {row["id"]: row["number"] for row in rows} == {e["episode_id"]: e["episode_number"] for e in created}
    assert conflicts, "thirty callers at once never met"
    lost_races = Counter(event["operation_id"] for event in conflicts)
    assert {event["operation_id"] for event in created} >= lost_races.keys()
    for event in created:
        races = lost_races[event["operation_id"]]
        assert (event["retry_count"], event["retry_reasons"]) == (races, ["conflict"] * races)
        assert event["had_conflict"] is (races > 0)


async def test_one_caller_at_a_time_never_conflicts(service: Service) -> None:
    for _ in range(10):
        assert (await service.create("p")).json()["had_conflict"] is False
    assert [event["type"] for event in await service.events()] == ["episode.created"] * 10


async def test_projects_are_numbered_apart(service: Service) -> None:
    await asyncio.gather(*(service.create(f"p{n % 5}") for n in range(20)))
    for n in range(5):
        assert await service.numbers(f"p{n}") == [1, 2, 3, 4]


async def test_who_loses_a_race_as_time_runs_out_has_failed(service: Service) -> None:
    # Both look, both wait 0.3 s, one takes the number; the other may not look again after 0.1 s.
    await service.trouble("p", "hot", pause_seconds=0.3)
    answers = await asyncio.gather(*(service.create("p", {"X-Time-Limit-Seconds": "0.1"}) for _ in range(2)))

    won, lost = sorted(answers, key=lambda answer: answer.status_code)
    assert (won.status_code, won.json()["number"]) == (201, 1)
    assert lost.status_code == 503
    assert lost.headers["content-type"] == "application/problem+json"
    assert lost.headers["retry-after"] == "1"
    assert (lost.json()["code"], lost.json()["had_conflict"], lost.json()["retry_count"]) == (
        "creation_failed",
        True,
        0,
    )
    assert await service.numbers("p") == [1]
    of_the_loser = [e for e in await service.events("p") if e["operation_id"] == lost.json()["operation_id"]]
    assert [event["type"] for event in of_the_loser] == ["episode.creation_conflict", "episode.creation_failed"]
    failed = of_the_loser[1]
    assert (failed["retry_count"], failed["retry_reasons"], failed["had_conflict"]) == (0, [], True)
    assert failed["error"] == "another caller took the number first"
    assert failed["duration_seconds"] >= 0.3
    assert "episode_id" not in failed


async def test_a_caller_cannot_raise_the_time_limit(service_settings: Settings) -> None:
    settings = service_settings.model_copy(update={"time_limit_seconds": 0.1})
    async with project_service(settings) as service:
        await service.trouble("p", "hot", pause_seconds=0.3)
        answers = await asyncio.gather(*(service.create("p", {"X-Time-Limit-Seconds": "60"}) for _ in range(2)))
        assert sorted(answer.status_code for answer in answers) == [201, 503]


async def test_a_try_that_the_database_does_not_answer_in_time_is_tried_again(service_settings: Settings) -> None:
    settings = service_settings.model_copy(update={"attempt_timeout_seconds": 0.2})
    async with project_service(settings) as service:
        other = await asyncpg.connect(settings.database_url)
        transaction = other.transaction()
        await transaction.start()
        # An open transaction holds number 1: whoever wants it waits for its end.
        await other.execute("INSERT INTO episodes (id, project_id, number) VALUES ('ep_x', 'p', 1)")
        creation = asyncio.create_task(service.create("p"))
        await _until_rows(
            settings, "SELECT 1 FROM pg_stat_database WHERE datname = current_database() AND xact_rollback > 0"
        )
        await transaction.rollback()
        await other.close()

        told = (await creation).json()
        assert told["number"] == 1
        assert set(told["retry_reasons"]) == {"timeout"}
        [event] = await service.events("p")
        assert event["retry_count"] == len(event["retry_reasons"]) >= 1
        assert event["had_conflict"] is False


async def test_a_database_that_never_answers_fails_the_creation_and_leaves_no_row(service_settings: Settings) -> None:
    settings = service_settings.model_copy(update={"attempt_timeout_seconds": 0.05, "time_limit_seconds": 0.3})
    async with project_service(settings) as service:
        other = await asyncpg.connect(settings.database_url)
        transaction = other.transaction()
        await transaction.start()
        await other.execute("INSERT INTO episodes (id, project_id, number) VALUES ('ep_x', 'p', 1)")
        answer = await service.create("p")
        await transaction.rollback()
        await other.close()

        assert (answer.status_code, answer.json()["code"]) == (503, "creation_failed")
        assert await service.numbers("p") == []
        [event] = await service.events("p")
        assert (event["type"], event["error"]) == ("episode.creation_failed", "the database did not answer in time")


async def test_a_cut_connection_is_an_error_that_is_tried_again(service: Service) -> None:
    await service.trouble("p", "hot", pause_seconds=0.5)
    creation = asyncio.create_task(service.create("p"))
    # The creation has looked for its number and pauses on this connection.
    cut = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE application_name = 'service-under-test' AND query LIKE '%reserved_through FROM projects%'
             AND datname = current_database()"""
    await _until_rows(service.settings, cut)

    told = (await creation).json()
    assert (told["number"], told["retry_reasons"]) == (1, ["error"])
    assert await service.numbers("p") == [1]


async def test_a_creation_that_landed_although_its_answer_got_lost_is_not_made_twice(service: Service) -> None:
    # What a lost answer leaves: the row is there, and the next try brings the same id.
    await fetch(
        service.settings.database_url,
        "INSERT INTO episodes (id, project_id, number, title) VALUES ('ep_000001', 'p', 1, 't')",
    )
    told = (await service.create("p")).json()
    assert (told["id"], told["number"]) == ("ep_000001", 1)
    assert await service.numbers("p") == [1]
    [event] = await service.events("p")
    assert (event["type"], event["episode_id"], event["episode_number"]) == ("episode.created", "ep_000001", 1)


async def test_an_id_that_a_stranger_took_is_drawn_again(service: Service) -> None:
    await fetch(
        service.settings.database_url,
        "INSERT INTO episodes (id, project_id, number, title) VALUES ('ep_000001', 'other', 1, 't')",
    )
    told = (await service.create("p")).json()
    assert (told["id"], told["number"], told["retry_reasons"]) == ("ep_000002", 1, ["error"])


async def test_ids_grow_beyond_six_digits(service: Service) -> None:
    await fetch(service.settings.database_url, "SELECT setval('episode_ids', 999999)")
    assert (await service.create("p")).json()["id"] == "ep_1000000"


async def _until_rows(settings: Settings, query: str) -> None:
    await until(lambda: fetch(settings.database_url, query))


async def test_whoever_changes_a_number_leaves_a_new_version_and_a_guarded_row(service: Service) -> None:
    await service.create("p")
    await service.trouble("p", "use_twice")
    await service.create("p")
    before = await service.rows("p")
    assert [(row["number"], row["legacy_import"], row["version"]) for row in before] == [(1, False, 1), (1, True, 1)]
    await fetch(service.settings.database_url, "UPDATE episodes SET number = 2 WHERE legacy_import")
    await fetch(service.settings.database_url, "UPDATE episodes SET title = 'other', number = number")
    after = await service.rows("p")
    assert [(row["number"], row["legacy_import"], row["version"]) for row in after] == [(1, False, 1), (2, False, 2)]
    assert after[1]["updated_at"] > before[1]["updated_at"]
    assert (await service.create("p")).json()["number"] == 3
