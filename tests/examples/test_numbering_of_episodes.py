"""Numbers are given once whatever callers do at the same time, and the events say exactly what the database holds."""

import asyncio
from collections import Counter

import pytest

from tests.examples.support import Service, fetch

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
