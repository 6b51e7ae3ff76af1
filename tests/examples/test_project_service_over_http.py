"""The project service as its callers see it: answers, refusals, and what each change tells Kafka."""

import asyncio

import httpx
import pytest

from examples.project_service.app import create_app
from examples.project_service.settings import Settings
from models.codec import decode_event
from models.event import Event
from tests.examples.support import Service

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


async def test_the_trace_of_a_caller_travels_in_the_record_and_nonsense_does_not(service: Service) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    await service.create("p", {"traceparent": trace})
    await service.create("p", {"traceparent": "nonsense\tor worse"})
    first, second = await service.records()
    assert dict(first.headers)["traceparent"] == trace.encode()
    assert "traceparent" not in dict(second.headers)
