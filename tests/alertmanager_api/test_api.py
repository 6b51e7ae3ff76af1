"""What the API has that Alertmanager lacks, and what it leaves behind."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import httpx
import msgspec
import pytest

from agents.dispatch.model_follower import NOT_READ_YET
from agents.dispatching import Dispatching
from episode_monitor.alertmanager_api.config_text import config_text
from episode_monitor.alertmanager_api.fingerprints import fingerprint, in_order
from episode_monitor.settings.alerting_file import parse_alerting
from episode_monitor.storage.audit import AuditEntry
from models.alert import AlertStatus, Severity
from streams.dispatch.config import default_config
from streams.dispatch.inputs import CaughtUp, SetSilence, Transition
from streams.routing.alerting import default_alerting
from streams.routing.matcher import Matcher
from streams.routing.time_interval import TimeInterval
from tests.agents.support import now_ms
from tests.alertmanager_api.ours import Dispatcher, client_of, client_of_parts
from tests.streams.dispatch.proof_configs import CONFIGS, EVERYONE
from tests.streams.dispatch.scripts import HOUR_MS, alert

EXAMPLE = Path(__file__).parents[2] / "examples" / "alerting" / "alerting.yaml"
BODY = {
    "matchers": [{"name": "project_id", "value": "p1", "isRegex": False}],
    "startsAt": "2026-01-01T00:00:00Z",
    "endsAt": "2099-01-01T00:00:00Z",
    "createdBy": "kim",
    "comment": "works",
}


def firing(project: str, severity: Severity = Severity.WARNING, behind: str = "") -> Transition:
    return Transition(alert=alert(project, AlertStatus.FIRING, severity, at_ms=now_ms()), behind=behind)


async def states(client: httpx.AsyncClient, query: str = "") -> dict[str, str]:
    found = (await client.get(f"/alerts{query}")).json()
    return {each["labels"]["project_id"]: each["status"]["state"] for each in found}


async def test_an_alert_of_a_partition_that_reads_the_past_is_unprocessed() -> None:
    dispatcher = Dispatcher(default_config())
    dispatcher.give(firing("p1", behind="events/7"))
    dispatcher.give(firing("p2"))
    async with client_of(dispatcher, []) as client:
        assert await states(client) == {"p1": "unprocessed", "p2": "active"}
        assert await states(client, "?unprocessed=false") == {"p2": "active"}
        assert await states(client, "?active=false") == {"p1": "unprocessed"}
        dispatcher.give(CaughtUp(origins=("events/7",)))
        assert await states(client) == {"p1": "active", "p2": "active"}


async def test_the_receiver_of_an_escalation_is_one_of_the_alerts() -> None:
    dispatcher = Dispatcher(default_config(escalate_after_ms=1))
    dispatcher.give(firing("p1", Severity.CRITICAL))
    await asyncio.sleep(0.01)
    dispatcher.give(CaughtUp(origins=()))
    async with client_of(dispatcher, []) as client:
        [found] = (await client.get("/alerts?receiver=on-call")).json()
        assert [each["name"] for each in found["receivers"]] == ["team", "on-call"]
        groups = (await client.get("/alerts/groups")).json()
        assert sorted(each["receiver"]["name"] for each in groups) == ["on-call", "team"]


async def test_a_recurring_silence_that_is_changed_stays_recurring() -> None:
    config = msgspec.structs.replace(default_config(), alerting=CONFIGS["plain"].alerting)
    dispatcher = Dispatcher(config)
    dispatcher.give(
        SetSilence(
            silence_id="s1",
            matchers=EVERYONE,
            by="ann",
            time_intervals=("nights",),
            starts_at_ms=now_ms(),
            ends_at_ms=now_ms() + HOUR_MS,
        )
    )
    async with client_of(dispatcher, []) as client:
        assert (await client.post("/silences", json={**BODY, "id": "s1"})).json() == {"silenceID": "s1"}
    record = dispatcher.kept.silences["s1"].record
    assert (record.matchers, record.time_intervals) == ((Matcher("project_id", "p1"),), ("nights",))


async def test_each_change_leaves_an_entry_and_a_refused_one_says_why() -> None:
    audit: list[AuditEntry] = []
    async with client_of(Dispatcher(default_config()), audit) as client:
        silence_id = (await client.post("/silences", json=BODY)).json()["silenceID"]
        await client.post("/silences", json={**BODY, "id": silence_id, "createdBy": ""})
        await client.delete(f"/silence/{silence_id}")
        await client.post("/silences", json={**BODY, "endsAt": "2020-01-01T00:00:00Z"})
    assert [(each.who, each.what, each.result) for each in audit] == [
        ("kim", "silence.create", "done"),
        ("loopback", "silence.change", "done"),
        ("loopback", "silence.expire", "done"),
        ("kim", "silence.create", "silence_ends_early"),
    ]
    assert audit[0].request["matchers"] == ['project_id="p1"']


FAILED = "the dispatcher's changelog cannot be read: Kafka does not answer at k:1; start it"


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (NOT_READ_YET, "The dispatcher's state is being read: try again shortly."),
        (FAILED, "The dispatcher's changelog cannot be read: Kafka does not answer at k:1; start it."),
    ],
)
@pytest.mark.parametrize("path", ["/status", "/receivers", "/alerts", "/alerts/groups", "/silences", "/silence/s1"])
async def test_until_the_state_of_the_dispatcher_was_read_each_path_says_so(path: str, status: str, said: str) -> None:
    follower = SimpleNamespace(caught_up=asyncio.Event(), status=status)
    parts = cast(Dispatching, SimpleNamespace(model=None, follower=follower, act_desk=None))
    async with client_of_parts(parts, []) as client:
        answer = await client.get(path)
        assert (answer.status_code, answer.json()["code"]) == (503, "recovering")
        assert answer.json()["detail"] == said
        assert answer.headers["content-type"] == "application/json"  # amtool stops at a type that it does not know
        assert (await client.post("/silences", json=BODY)).status_code == 503


async def test_the_same_alerts_have_the_same_etag() -> None:
    dispatcher = Dispatcher(default_config())
    dispatcher.give(firing("p1"))
    async with client_of(dispatcher, []) as client:
        first = await client.get("/alerts")
        again = await client.get("/alerts", headers={"if-none-match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")


async def test_a_long_list_is_whole() -> None:
    dispatcher = Dispatcher(default_config())
    for number in range(1_000):
        dispatcher.give(firing(f"p{number}"))
    async with client_of(dispatcher, []) as client:
        found = (await client.get("/alerts")).json()
        assert len({each["fingerprint"] for each in found}) == 1_000
        assert [each["fingerprint"] for each in found] == sorted(each["fingerprint"] for each in found)
        assert len((await client.get("/alerts/groups")).json()) == 1_000


def test_the_fingerprint_is_fnv_1a_over_names_and_values() -> None:
    assert fingerprint({}) == "cbf29ce484222325"  # the offset of FNV-1a
    assert fingerprint({"alertname": "a", "b": "c"}) == fingerprint({"b": "c", "alertname": "a"})
    assert fingerprint({"a": "bc"}) != fingerprint({"ab": "c"})


def test_label_sets_are_ordered_as_alertmanager_orders_them() -> None:
    """Fewer labels first; then by the first name, in order, in which they differ: what lacks it comes first."""
    ordered: list[dict[str, str]] = [{}, {"z": "1"}, {"ab": "1"}, {"a": "1"}, {"a": "2"}, {"a": "1", "c": "1"},
                                     {"a": "1", "b": "2"}]  # fmt: skip
    mixed = [ordered[index] for index in (4, 1, 6, 0, 5, 3, 2)]
    assert sorted(mixed, key=in_order) == ordered


@pytest.mark.parametrize("name", ["example", "default", "everything"])
def test_the_text_of_the_routes_in_force_says_the_same_as_they_do(name: str) -> None:
    given = {
        "example": parse_alerting(EXAMPLE.read_bytes(), "alerting.yaml").alerting,
        "default": default_alerting(),
        "everything": msgspec.structs.replace(
            CONFIGS["inhibited"].alerting,
            time_intervals={"odd": (TimeInterval(times=((0, 1440),), weekdays=((1, 5),), days_of_month=((-3, -1),),
                                                 months=((2, 4),), years=((2026, 2027),), location="Asia/Seoul"),)},
        ),
    }[name]  # fmt: skip
    text = config_text(given)
    read = parse_alerting(text.encode(), "printed.yaml").alerting
    assert (read.receivers, read.inhibit_rules) == (given.receivers, given.inhibit_rules)
    assert read.time_intervals == given.time_intervals
    if name == "example":
        assert read.root == given.root
        assert "hooks.slack.com" not in text


async def test_the_document_describes_each_path_and_the_fields_that_are_sent() -> None:
    dispatcher = Dispatcher(default_config())
    dispatcher.give(firing("p1"))
    async with client_of(dispatcher, []) as client:
        await client.post("/silences", json=BODY)
        document = (await client.get("http://127.0.0.1:8002/openapi.json")).json()
        ours = {path: set(item) for path, item in document["paths"].items() if path.startswith("/api/v2/")}
        assert ours == {
            "/api/v2/status": {"get"},
            "/api/v2/receivers": {"get"},
            "/api/v2/alerts": {"get"},
            "/api/v2/alerts/groups": {"get"},
            "/api/v2/silences": {"get", "post"},
            "/api/v2/silence/{silence_id}": {"get", "delete"},
        }
        shapes = document["components"]["schemas"]
        for path, name in {
            "/alerts": "GettableAlert",
            "/alerts/groups": "ApiAlertGroup",
            "/silences": "GettableSilence",
            "/receivers": "ApiReceiver",
        }.items():
            answers = document["paths"][f"/api/v2{path}"]["get"]["responses"]
            schema = answers["200"]["content"]["application/json"]["schema"]
            assert schema == {"type": "array", "items": {"$ref": f"#/components/schemas/{name}"}}
            sent = (await client.get(path)).json()[0]
            assert set(shapes[name]["required"]) <= set(sent) <= set(shapes[name]["properties"])
        status = (await client.get("/status")).json()
        assert set(status) == set(shapes["AlertmanagerStatus"]["required"])
