"""On-call over HTTP: who has the shift over clock changes of two zones, overrides, and shifts that nobody has."""

import asyncio
from datetime import datetime
from types import SimpleNamespace
from typing import Any, cast

import httpx
import msgspec
import pytest

from agents.dispatch.read_model import ReadModel
from agents.dispatching import Dispatching
from episode_monitor.dispatch.desk import DispatchDesk
from episode_monitor.dispatch.on_call_routes import on_call_router
from episode_monitor.settings.oncall_file import parse_on_call
from episode_monitor.storage.audit import AuditEntry
from models.times import epoch_ms
from streams.dispatch.config import default_config
from streams.dispatch.decide import decide
from streams.dispatch.inputs import Act, Tick
from streams.dispatch.state import State
from streams.dispatch.storage import take_changes
from streams.dispatch.table import Refusal
from tests.web.conftest import Connect

ROOT = "/monitoring/episodes/oncall"
ON_CALL = parse_on_call(b"""
schedules:
  - name: berlin
    time_zone: Europe/Berlin
    receiver: team
    receivers: {anna: on-call}
    layers:
      - {name: day, people: [anna, bo], start: 2026-01-01 09:00, rotation: daily}
  - name: new-york
    time_zone: America/New_York
    receiver: team
    layers:
      - {name: night, people: [cy, ''], start: 2026-01-01 02:30, rotation: daily}
      - {name: rest, people: [di], start: 2026-01-01 00:00, rotation: weekly, end: 2026-12-01 00:00}
""", "oncall.yaml")  # fmt: skip
CONFIG = msgspec.structs.replace(default_config(), on_call=ON_CALL)


class Stage:
    """A dispatcher that decides at once, on a clock that is set by hand."""

    def __init__(self, connect: Connect, now: str = "2026-06-01T00:00:00Z") -> None:
        self.now_ms = ms(now)
        self._state, self._model = State(), ReadModel(lambda: CONFIG)
        self._take(Tick())
        caught_up = asyncio.Event()
        caught_up.set()
        follower = SimpleNamespace(caught_up=caught_up, status="ok")
        parts = cast(Dispatching, SimpleNamespace(model=self._model, follower=follower, act_desk=self))
        self.desk = DispatchDesk(parts, lambda: self.now_ms)
        self.client = connect(extra_routers=[on_call_router(self.desk, lambda: ON_CALL)], now_ms=lambda: self.now_ms)

    def _take(self, given: Any) -> Refusal | None:
        decision = decide(CONFIG, self._state, given, self.now_ms)
        for key, value in sorted(take_changes(self._state), key=lambda pair: pair[0] == b"m"):
            self._model.take(key, value)
        return decision.refusal

    async def perform(self, act: Act) -> Refusal | None:
        return self._take(act)

    async def at(self, moment: str, schedule: str) -> dict[str, Any]:
        answer = await self.client.get(ROOT, params={"at": moment})
        assert answer.status_code == 200, answer.text
        (found,) = [each for each in answer.json()["schedules"] if each["schedule"] == schedule]
        return dict(found)

    async def post(self, **body: object) -> httpx.Response:
        return await self.client.post(f"{ROOT}/overrides", json={"by": "kim", **body})


def ms(text: str) -> int:
    return epoch_ms(datetime.fromisoformat(text))


@pytest.mark.parametrize(
    ("at", "since", "until", "next_until"),
    [
        # the last Sunday of March: 02:00 becomes 03:00, and the day has 23 hours
        ("2026-03-28T12:00:00Z", "2026-03-28T08:00:00", "2026-03-29T07:00:00", "2026-03-30T07:00:00"),
        # the last Sunday of October: 03:00 becomes 02:00, and the day has 25 hours
        ("2026-10-24T12:00:00Z", "2026-10-24T07:00:00", "2026-10-25T08:00:00", "2026-10-26T08:00:00"),
    ],
)  # fmt: skip
async def test_a_hand_over_in_berlin_stays_at_nine_over_both_clock_changes(
    connect: Connect, at: str, since: str, until: str, next_until: str
) -> None:
    found = await Stage(connect).at(at, "berlin")
    assert (found["since"][:19], found["until"][:19]) == (since, until)
    assert (found["next"]["since"][:19], found["next"]["until"][:19]) == (until, next_until)
    assert found["person"] != found["next"]["person"]


@pytest.mark.parametrize(
    ("at", "until"),
    [
        ("2026-03-07T12:00:00Z", "2026-03-08T07:00:00"),  # 02:30 does not exist on 8 March: the change at 02:00 EST
        ("2026-10-31T12:00:00Z", "2026-11-01T07:30:00"),  # 02:30 EST: clocks went back an hour before
    ],
)
async def test_a_hand_over_in_new_york_at_half_past_two_is_skipped_in_march_and_late_in_november(
    connect: Connect, at: str, until: str
) -> None:
    found = await Stage(connect).at(at, "new-york")
    assert found["until"][:19] == until


async def test_a_turn_without_a_person_falls_through_and_says_so_and_a_schedule_may_have_nobody(
    connect: Connect,
) -> None:
    stage = Stage(connect)
    fallen = await stage.at("2026-06-02T12:00:00Z", "new-york")
    first = await stage.at("2026-06-03T12:00:00Z", "new-york")
    fallen, first = (fallen, first) if fallen["person"] == "di" else (first, fallen)
    assert (fallen["person"], fallen["source"]) == ("di", "layer rest")
    assert fallen["empty_layers"] == ["Layer night is empty: its turn has no person."]
    assert (first["person"], first["empty_layers"]) == ("cy", [])
    days = [await stage.at(f"2026-12-{day:02}T12:00:00Z", "new-york") for day in (2, 3)]
    (nobody,) = [each for each in days if each["person"] is None]
    assert (nobody["source"], nobody["receiver"], len(nobody["empty_layers"])) == ("nobody", "team", 2)


async def test_an_override_is_made_shown_and_removed(connect: Connect, audit: list[AuditEntry]) -> None:
    stage = Stage(connect, "2026-06-01T10:00:00Z")
    made = await stage.post(
        schedule="berlin", person="eve", since="2026-06-01T12:00:00+02:00", until="2026-06-01T14:00:00+02:00",
        comment="swap",
    )  # fmt: skip
    assert made.status_code == 201
    override = made.json()
    assert (override["person"], override["until"][:19], override["by"]) == ("eve", "2026-06-01T12:00:00", "kim")
    found = await stage.at("2026-06-01T11:00:00Z", "berlin")
    assert (found["person"], found["source"], found["receiver"]) == ("eve", "override", "team")
    assert (found["since"][:19], found["until"][:19]) == ("2026-06-01T10:00:00", "2026-06-01T12:00:00")
    after = await stage.at("2026-06-01T12:00:00Z", "berlin")
    assert (after["source"], found["next"]["person"]) == ("layer day", after["person"])
    listed = (await stage.client.get(f"{ROOT}/overrides")).json()
    assert (listed["total"], listed["overrides"]) == (1, [override])
    removed = await stage.client.request("DELETE", f"{ROOT}/overrides/{override['id']}", params={"by": "lee"})
    assert (removed.status_code, removed.json()) == (200, override)
    assert (await stage.at("2026-06-01T11:00:00Z", "berlin"))["source"] == "layer day"
    made_entry, removed_entry = audit
    assert (made_entry.who, made_entry.what) == ("kim", "override.create")
    assert (removed_entry.who, removed_entry.what) == ("lee", "override.remove")


async def test_an_override_of_the_past_or_of_no_schedule_is_refused(connect: Connect) -> None:
    stage = Stage(connect)
    for body, status, code in (
        ({"schedule": "berlin", "until": "2026-05-01T00:00:00Z"}, 422, "override_ends_early"),
        ({"schedule": "paris", "minutes": 5}, 404, "unknown_schedule"),
        ({"schedule": "berlin"}, 422, "invalid_minutes"),
        ({"schedule": "berlin", "minutes": 5, "until": "2027-05-01T00:00:00Z"}, 422, "invalid_minutes"),
        ({"schedule": "berlin", "minutes": 0}, 422, "invalid_minutes"),
    ):
        answer = await stage.post(person="eve", **body)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
    blank = await stage.post(schedule="berlin", person=" ", minutes=5)
    assert (blank.status_code, blank.json()["code"]) == (422, "invalid_person")
    missing = await stage.client.request("DELETE", f"{ROOT}/overrides/nothing")
    assert (missing.status_code, missing.json()["code"]) == (404, "unknown_override")


@pytest.mark.parametrize("at", ["2026-06-01T00:00:00", "1969-01-01T00:00:00Z", "2300-01-01T00:00:00Z", "noon"])
async def test_a_moment_without_an_offset_or_out_of_reach_is_refused(connect: Connect, at: str) -> None:
    answer = await Stage(connect).client.get(ROOT, params={"at": at})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_at")
