"""The project service as its callers see it: answers, refusals, and what each change tells Kafka."""

import asyncio
from collections import defaultdict
from typing import Any

import httpx
import pytest

from examples.project_service.app import create_app
from examples.project_service.settings import Settings
from models.codec import decode_event
from models.event import Event
from tests.examples.support import Service, project_service

FAR_FUTURE_MS = 4_000_000_000_000  # the codec refuses events from the future; that is not the question here

pytestmark = pytest.mark.broker


async def test_a_renumbered_episode_tells_both_numbers(service: Service) -> None:
    episode = (await service.create("p")).json()
    answer = await service.client.post(f"/projects/p/episodes/{episode['id']}/renumber", json={"number": 7})

    assert (answer.status_code, answer.json()["number"]) == (200, 7)
    assert await service.numbers("p") == [7]
    event = (await service.events("p"))[-1]
    told = {name: event[name] for name in ("type", "episode_id", "old_number", "episode_number")}
    assert told == {"type": "episode.renumbered", "episode_id": episode["id"], "old_number": 1, "episode_number": 7}


async def test_a_number_that_another_episode_holds_is_refused(service: Service) -> None:
    await service.create("p")
    second = (await service.create("p")).json()
    answer = await service.client.post(f"/projects/p/episodes/{second['id']}/renumber", json={"number": 1})

    assert (answer.status_code, answer.json()["code"]) == (409, "number_taken")
    assert await service.numbers("p") == [1, 2]
    assert [event["type"] for event in await service.events("p")] == ["episode.created"] * 2


async def test_a_renumbering_to_the_same_number_is_no_news(service: Service) -> None:
    episode = (await service.create("p")).json()
    answer = await service.client.post(f"/projects/p/episodes/{episode['id']}/renumber", json={"number": 1})
    assert answer.status_code == 200
    assert len(await service.events("p")) == 1


async def test_the_number_of_the_newest_episode_is_given_again_after_its_deletion(service: Service) -> None:
    await service.create("p")
    newest = (await service.create("p")).json()
    assert (await service.client.delete(f"/projects/p/episodes/{newest['id']}")).status_code == 204
    assert (await service.create("p")).json()["number"] == 2

    kinds = [event["type"] for event in await service.events("p")]
    assert kinds == ["episode.created", "episode.created", "episode.deleted", "episode.created"]
    deleted = (await service.events("p"))[2]
    assert deleted["episode_id"] == newest["id"]
    assert "episode_number" not in deleted


async def test_an_unknown_episode_is_not_found(service: Service) -> None:
    episode = (await service.create("p")).json()
    for answer in (
        await service.client.delete("/projects/p/episodes/ep_999"),
        await service.client.delete(f"/projects/other/episodes/{episode['id']}"),
        await service.client.post("/projects/p/episodes/ep_999/renumber", json={"number": 3}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown_episode")
    assert len(await service.events()) == 1


async def test_episodes_are_listed_in_pages_in_the_order_of_their_numbers(service: Service) -> None:
    for _ in range(5):
        await service.create("p")
    page = (await service.client.get("/projects/p/episodes", params={"limit": 2, "offset": 3})).json()
    assert (page["total"], [episode["number"] for episode in page["episodes"]]) == (5, [4, 5])
    nobody = (await service.client.get("/projects/nobody/episodes")).json()
    assert nobody == {"project_id": "nobody", "episodes": [], "total": 0}


@pytest.mark.parametrize(
    ("path", "body", "headers"),
    [
        ("/projects/a%0Ab/episodes", {}, {}),
        ("/projects/a%C2%85b/episodes", {}, {}),
        (f"/projects/{'x' * 201}/episodes", {}, {}),
        ("/projects/p/episodes", {"title": "x" * 201}, {}),
        ("/projects/p/episodes", {"title": "nul \x00"}, {}),
        ("/projects/p/episodes", {"title": 5}, {}),
        ("/projects/p/episodes", {"number": 5}, {}),
        ("/projects/p/episodes", [], {}),
        ("/projects/p/episodes", {}, {"X-Time-Limit-Seconds": "0"}),
        ("/projects/p/episodes", {}, {"X-Time-Limit-Seconds": "nan"}),
        ("/projects/p/episodes", {}, {"X-Time-Limit-Seconds": "soon"}),
        ("/projects/p/episodes/ep_1/renumber", {"number": 0}, {}),
        ("/projects/p/episodes/ep_1/renumber", {"number": "5"}, {}),
        ("/projects/p/episodes/ep_1/renumber", {"number": True}, {}),
        ("/projects/p/episodes/ep_1/renumber", {"number": 2_147_483_648}, {}),
        ("/projects/p/episodes/ep_1/renumber", {}, {}),
        ("/admin/trouble", {"project_id": "p", "kind": "earthquake"}, {}),
        ("/admin/trouble", {"project_id": "p", "kind": "fail", "probability": 1.5}, {}),
        ("/admin/trouble", {"project_id": "", "kind": "fail"}, {}),
    ],
)
async def test_a_request_that_makes_no_sense_is_refused_in_words(
    service_settings: Settings, path: str, body: Any, headers: dict[str, str]
) -> None:
    # Checked before anything is asked of PostgreSQL or Kafka, so the service need not be started.
    transport = httpx.ASGITransport(create_app(service_settings), client=("127.0.0.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        answer = await client.post(path, json=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"]


@pytest.mark.parametrize(
    ("caller", "headers", "code"),
    [
        ("192.0.2.7", {}, "loopback_only"),
        ("192.0.2.7", {"X-Forwarded-For": "127.0.0.1"}, "loopback_only"),
        ("127.0.0.1", {"Origin": "https://example.org"}, "foreign_origin"),
        ("127.0.0.1", {"Origin": "null"}, "foreign_origin"),
    ],
)
async def test_trouble_is_ordered_from_this_machine_only(
    service_settings: Settings, caller: str, headers: dict[str, str], code: str
) -> None:
    app = create_app(service_settings)
    transport = httpx.ASGITransport(app, client=(caller, 40_000))
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        order = {"project_id": "p", "kind": "fail"}
        for answer in (
            await client.post("/admin/trouble", json=order, headers=headers),
            await client.get("/admin/trouble", headers=headers),
            await client.delete("/admin/trouble", headers=headers),
        ):
            assert (answer.status_code, answer.json()["code"]) == (403, code)
    assert app.state.service.troubles.as_dict() == {}


async def test_every_event_is_one_that_the_monitor_accepts(service: Service) -> None:
    await service.trouble("failing", "fail", probability=1.0)
    await service.create("failing")
    await service.trouble("수요일 ☂", "hot", pause_seconds=0.05)
    created = [answer.json() for answer in await asyncio.gather(*(service.create("수요일 ☂") for _ in range(4)))]
    await service.client.post(f"/projects/수요일 ☂/episodes/{created[0]['id']}/renumber", json={"number": 9})
    await service.client.delete(f"/projects/수요일 ☂/episodes/{created[0]['id']}")

    kinds = set()
    for record in await service.records():
        event = decode_event(record.key, record.value, record.headers, FAR_FUTURE_MS)
        assert isinstance(event, Event), event
        assert record.key == event.project_id.encode()
        assert event.source is not None
        kinds.add(event.type.value)
    assert kinds == {
        "episode.created",
        "episode.creation_failed",
        "episode.creation_conflict",
        "episode.renumbered",
        "episode.deleted",
    }


async def test_sequences_rise_in_the_order_of_the_partition_and_a_restart_never_repeats_a_pair(
    service_settings: Settings,
) -> None:
    for _ in range(2):
        async with project_service(service_settings) as service:
            await asyncio.gather(*(service.create(f"p{n % 3}") for n in range(30)))
            events = await service.events()
    by_sender = defaultdict(list)
    for event in events:
        by_sender[event["source"], event["project_id"]].append(event["sequence"])
    assert len(by_sender) == 2 * 3
    for sequences in by_sender.values():
        assert sequences == sorted(set(sequences))
    assert len({event["source"] for event in events}) == 2
    assert len({event["event_id"] for event in events}) == len(events)


async def test_the_trace_of_a_caller_travels_in_the_record_and_nonsense_does_not(service: Service) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    await service.create("p", {"traceparent": trace})
    await service.create("p", {"traceparent": "nonsense\tor worse"})
    first, second = await service.records()
    assert dict(first.headers)["traceparent"] == trace.encode()
    assert "traceparent" not in dict(second.headers)
