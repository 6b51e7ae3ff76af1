"""The API's answers beside those of a real Alertmanager that has the same file, alerts and silences."""

from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from typing import Any

import httpx
import pytest
import pytest_asyncio

from episode_monitor.settings.alerting_file import parse_alerting
from models.alert import Alert, AlertStatus, Severity
from models.times import epoch_ms, rfc3339
from streams.dispatch.config import DispatchConfig
from streams.dispatch.inputs import Acknowledge, Transition
from streams.routing.alerting import OnCall
from tests.agents.support import now_ms
from tests.alertmanager_api.differences import FIELDS, SILENCES, STATUSES
from tests.alertmanager_api.ours import Dispatcher, client_of
from tests.alertmanager_api.real import posted, running
from tests.streams.dispatch.scripts import HOUR_MS, MINUTE_MS, alert
from tests.system.running import until

CONFIG = """
route:
  receiver: team
  group_by: [alertname]
  group_wait: 1h
  routes:
    - matchers: [severity="critical"]
      receiver: pager
      group_by: [project_id, team]
      continue: true
    - matchers: ['alertname=~"gaps|rate"']
      receiver: team
      group_by: ['...']
      continue: true
    - matchers: ['project_id=~"p[12]"']
      receiver: other # groups of one receiver with the same labels come in any order there
inhibit_rules:
  - source_matchers: [severity="critical"]
    target_matchers: ['severity=~"warning|info"']
    equal: [project_id]
receivers:
  - name: team
    webhook_configs: [{url: 'http://127.0.0.1:9/team'}]
  - name: pager
  - name: other
"""
QUERIES = [
    "", "?active=false", "?silenced=false", "?inhibited=false", "?unprocessed=false", "?active=false&silenced=false",
    "?active=false&silenced=false&inhibited=false", "?receiver=pager", "?receiver=te.*", "?receiver=eam",
    "?filter=severity%3D%22critical%22", "?filter=severity%3D~%22w.%2B%22&filter=project_id!%3Dp1",
    "?filter=team%3Dvideo", "?filter=team%3D%22%22", "?filter=team!%3D%22%22", "?filter=none%3D~%22.*%22",
    "?filter=alertname!~%22gaps%7Crate%22", "?filter=project_id%3Dp1&receiver=pager&inhibited=false",
]  # fmt: skip
SILENCE = {
    "matchers": [{"name": "alertname", "value": "slow", "isRegex": False}],
    "startsAt": "2026-01-01T00:00:00Z",
    "endsAt": "2099-01-01T00:00:00Z",
    "createdBy": "kim",
    "comment": "s1",
}
MATCHERS = [
    {"name": "project_id", "value": "p[23]", "isRegex": True, "isEqual": True},
    {"name": "severity", "value": "critical", "isRegex": False, "isEqual": False},
]
ALERTS: list[tuple[str, str, Severity, dict[str, str]]] = [
    ("rate", "p1", Severity.WARNING, {}),
    ("rate", "p2", Severity.CRITICAL, {"team": "video"}),
    ("gaps", "p1", Severity.CRITICAL, {}),
    ("gaps", "p3", Severity.CRITICAL, {"team": "video", "tier": "1"}),
    ("slow", "p3", Severity.WARNING, {"instance": "b", "job": "x"}),
    ("slow", "p4", Severity.WARNING, {"instance": "a", "job": "x"}),
    ("slow", "p5", Severity.INFO, {"job": "y"}),
    ("slow", "p2", Severity.INFO, {}),
    ("late", "한글", Severity.INFO, {"zone": 'a "quoted" \\ one'}),
]


BEGAN_MS = now_ms() - MINUTE_MS  # Alertmanager keeps the earliest begin that it heard of


class Pair:
    """Both, with the same file and alerts."""

    def __init__(self, theirs: httpx.Client, ours: httpx.AsyncClient) -> None:
        self.theirs, self.ours = theirs, ours

    async def get(self, path: str) -> tuple[Any, Any]:
        """Both answers, theirs first."""
        one, other = self.theirs.get(path), await self.ours.get(path)
        assert (one.status_code, other.status_code) == (200, 200), (path, one.text, other.text)
        return one.json(), other.json()

    async def post_silence(self, **changes: object) -> tuple[httpx.Response, httpx.Response]:
        """Both answers."""
        body = {name: value for name, value in {**SILENCE, **changes}.items() if value is not None}
        return self.theirs.post("/silences", json=body), await self.ours.post("/silences", json=body)

    async def silence(self, **changes: object) -> tuple[str, str]:
        """A silence for both; its ids."""
        one, other = await self.post_silence(**changes)
        assert (one.status_code, other.status_code) == (200, 200), (one.text, other.text)
        return one.json()["silenceID"], other.json()["silenceID"]


@pytest.fixture(scope="module")
def alertmanager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with running(CONFIG, tmp_path_factory.mktemp("alertmanager")) as client:
        yield client


@pytest_asyncio.fixture
async def pair(alertmanager: httpx.Client) -> AsyncIterator[Pair]:
    dispatcher = Dispatcher(
        DispatchConfig(alerting=parse_alerting(CONFIG.encode(), "alerting.yaml").alerting, on_call=OnCall())
    )
    give_alerts(dispatcher, alertmanager)
    async with client_of(dispatcher, []) as ours:
        yield Pair(alertmanager, ours)
    expire_all(alertmanager)


def expire_all(alertmanager: httpx.Client) -> None:
    for each in alertmanager.get("/silences").json():
        alertmanager.delete(f"/silence/{each['id']}")


def give_alerts(dispatcher: Dispatcher, alertmanager: httpx.Client) -> None:
    """The same ones; beside them one that has ended, one that pends and one that a person has taken."""
    bodies = []

    def give(found: Alert) -> None:
        dispatcher.give(Transition(alert=found))
        if found.status is not AlertStatus.PENDING:
            bodies.append(posted(found, {"summary": found.title}))

    for rule, project, severity, labels in ALERTS:
        give(alert(project, AlertStatus.FIRING, severity, 1, BEGAN_MS, rule, labels=labels))
    dispatcher.give(Acknowledge(alert_key="gaps:p3", by="lee"))
    give(alert("p9", AlertStatus.PENDING, at_ms=BEGAN_MS))
    give(alert("p8", AlertStatus.FIRING, at_ms=BEGAN_MS - HOUR_MS))
    give(alert("p8", AlertStatus.RESOLVED, at_ms=BEGAN_MS))
    assert alertmanager.post("/alerts", json=bodies).status_code == 200
    until(lambda: len(alertmanager.get("/alerts/groups").json()) == len(dispatcher.kept.groups), "groups")


def plain(answer: Any, names: dict[str, str]) -> Any:
    """Without what is named in `FIELDS`; ids of silences by their comments."""
    match answer:
        case dict():
            return {name: plain(value, names) for name, value in answer.items() if name not in FIELDS}
        case list():
            found = [plain(each, names) for each in answer]
            return sorted(found) if found and isinstance(found[0], str) else found
        case str():
            return names.get(answer, answer)
    return answer


async def names_in(pair: Pair) -> dict[str, str]:
    theirs, ours = await pair.get("/silences")
    return {each["id"]: each["comment"] for each in [*theirs, *ours]}


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("path", ["/alerts", "/alerts/groups"])
async def test_alerts_and_groups_are_those_of_alertmanager(pair: Pair, path: str, query: str) -> None:
    await pair.silence()
    await pair.silence(matchers=MATCHERS, comment="s2")
    names = await names_in(pair)
    theirs, ours = await pair.get(path + query)
    assert plain(ours, names) == plain(theirs, names)
    if not query:
        assert len(ours) >= len(ALERTS)


async def test_what_an_answer_has_beside_the_real_one_is_named(pair: Pair) -> None:
    theirs, ours = await pair.get("/alerts")
    assert [set(each) for each in ours] == [set(each) for each in theirs]
    assert [each["labels"]["alertname"] for each in ours if "acknowledged_by" in each["annotations"]] == ["gaps"]
    assert all(each["endsAt"] > rfc3339(now_ms()) for each in ours)


async def test_receivers_are_those_of_the_file_in_its_order(pair: Pair) -> None:
    theirs, ours = await pair.get("/receivers")
    assert ours == theirs == [{"name": "team"}, {"name": "pager"}, {"name": "other"}]


async def test_silences_are_those_of_alertmanager_in_its_order(pair: Pair) -> None:
    first, _ = await pair.silence(), await pair.silence(comment="s2", endsAt="2098-01-01T00:00:00Z", matchers=MATCHERS)
    await pair.silence(comment="later", startsAt="2097-01-01T00:00:00Z")
    await pair.silence(comment="sooner", startsAt="2096-01-01T00:00:00Z")
    ended = await pair.silence(comment="ended")
    await expire(pair, *first)
    await expire(pair, *ended)
    mine = {*first, *ended}
    for query in ("", "?filter=alertname%3Dslow", "?filter=project_id%3D~p%5B23%5D&filter=severity!%3Dcritical"):
        theirs, ours = await pair.get(f"/silences{query}")
        theirs = [each for each in theirs if each["id"] in mine or each["status"]["state"] != "expired"]
        assert [silence(each) for each in ours] == [silence(each) for each in theirs]
        assert len(ours) == {"": 5}.get(query, len(ours))
    theirs, ours = await pair.get("/silences")
    one, other = pair.theirs.get(f"/silence/{theirs[0]['id']}"), await pair.ours.get(f"/silence/{ours[0]['id']}")
    assert silence(one.json()) == silence(other.json())


def silence(answer: dict[str, Any]) -> dict[str, Any]:
    """Without its id; an end or a begin that was `now` counts as the same within five seconds."""
    times = {name: answer[name] if answer[name] > "2090" else "about now" for name in ("startsAt", "endsAt")}
    matchers = sorted(str(sorted(each.items())) for each in answer["matchers"])
    assert abs(epoch_ms(datetime.fromisoformat(answer["updatedAt"])) - now_ms()) < MINUTE_MS
    return {**answer, **times, "matchers": matchers, "id": "", "updatedAt": ""}


async def expire(pair: Pair, theirs: str, ours: str) -> None:
    one, other = pair.theirs.delete(f"/silence/{theirs}"), await pair.ours.delete(f"/silence/{ours}")
    assert (one.status_code, one.content) == (other.status_code, other.content) == (200, b"")


async def test_a_silence_that_has_ended_can_be_ended_again(pair: Pair) -> None:
    ids = await pair.silence()
    await expire(pair, *ids)
    await expire(pair, *ids)


async def test_a_silence_is_changed_under_its_id(pair: Pair) -> None:
    theirs, ours = await pair.silence()
    starts = pair.theirs.get(f"/silence/{theirs}").json()["startsAt"], await starts_at(pair, ours)
    one = pair.theirs.post("/silences", json={**SILENCE, "id": theirs, "startsAt": starts[0], "comment": "longer"})
    other = await pair.ours.post("/silences", json={**SILENCE, "id": ours, "startsAt": starts[1], "comment": "longer"})
    assert (one.json(), other.json()) == ({"silenceID": theirs}, {"silenceID": ours})
    assert await starts_at(pair, ours) == starts[1]


async def starts_at(pair: Pair, silence_id: str) -> str:
    return str((await pair.ours.get(f"/silence/{silence_id}")).json()["startsAt"])


async def test_a_silence_with_other_matchers_stays_one_here_and_is_two_there(pair: Pair) -> None:
    """Alertmanager ends the old one and makes another, between which alerts may be sent."""
    theirs, ours = await pair.silence()
    one = pair.theirs.post("/silences", json={**SILENCE, "id": theirs, "matchers": MATCHERS})
    other = await pair.ours.post("/silences", json={**SILENCE, "id": ours, "matchers": MATCHERS})
    assert one.json()["silenceID"] != theirs
    assert other.json()["silenceID"] == ours


async def test_a_silence_that_has_ended_is_made_anew(pair: Pair) -> None:
    theirs, ours = await pair.silence()
    await expire(pair, theirs, ours)
    one = pair.theirs.post("/silences", json={**SILENCE, "id": theirs})
    other = await pair.ours.post("/silences", json={**SILENCE, "id": ours})
    assert one.json()["silenceID"] != theirs
    assert other.json()["silenceID"] != ours
    assert await starts_at(pair, other.json()["silenceID"]) > "2026-01-02"  # now, not what was given


@pytest.mark.parametrize("request_line", STATUSES, ids=lambda line: " ".join(line))
async def test_each_request_has_its_status(pair: Pair, request_line: tuple[str, str]) -> None:
    (method, path), (there, here, why) = request_line, STATUSES[request_line]
    body: Any = {"json": []} if method in {"POST", "PUT"} else {}
    one, other = pair.theirs.request(method, path, **body), await pair.ours.request(method, path, **body)
    assert (one.status_code, other.status_code) == (there, here), (one.text, other.text)
    assert bool(why) == (there != here)
    if here == 400:
        assert isinstance(one.json(), str)
        assert isinstance(other.json(), str)
    elif here >= 400:
        assert other.headers["content-type"] == "application/json"


@pytest.mark.parametrize("name", SILENCES)
async def test_each_wrong_silence_has_its_status(pair: Pair, name: str) -> None:
    changes, there, here, why = SILENCES[name]
    one, other = await pair.post_silence(**changes)
    assert (one.status_code, other.status_code) == (there, here), (one.text, other.text)
    assert bool(why) == (there != here)
    if here in (400, 404):
        assert isinstance(other.json(), str)


async def test_the_status_has_the_same_shape(pair: Pair) -> None:
    theirs, ours = await pair.get("/status")
    assert set(ours) == set(theirs)
    assert set(ours["versionInfo"]) == set(theirs["versionInfo"])
    assert ours["versionInfo"]["version"] == "0.25.0"
    assert {"status", "peers"} <= set(theirs["cluster"]) <= set(ours["cluster"])
