"""Workers with a dispatcher and a receiver: each firing and each end is delivered once, whoever owns what."""

from contextlib import ExitStack
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from episode_monitor.demo.ports import free_port
from episode_monitor.demo.programs import Program
from tests.agents.support import created, now_ms
from tests.system.running import BASE, ask, delete, post, ready, until, view, worker
from tests.system.test_commands import run

pytestmark = pytest.mark.broker


def receiver() -> Program:
    return Program(
        "receiver", ["examples.receiver"], free_port(), lambda port: {"RECEIVER_PORT": str(port)}, "/received"
    )


async def feed(broker: str, prefix: str, project: str, events: list[bytes]) -> None:
    async with AIOKafkaProducer(bootstrap_servers=broker, acks="all") as producer:
        for value in events:
            await producer.send_and_wait(f"{prefix}events", value, project.encode())


def failed(project: str) -> bytes:
    return created(project, 1, type="episode.creation_failed", event_id=f"failed-{project}-{now_ms()}")


def lines(at: Program) -> list[str]:
    """What the webhook got, each message id once: without a database a worker that is killed may repeat its last."""
    _, body = ask(at, "/received?sink=webhook")
    messages: dict[str, dict[str, Any]] = {entry["message_id"]: entry["body"]["alert"] for entry in body["received"]}
    return [f"{alert['project_id']} {alert['status']}" for alert in messages.values()]


def commands_show_and_change_what_the_worker_has(url: str, key: str) -> None:
    """What they change is as it was before when they are through."""

    def asked(*words: str) -> Any:
        ran = run(*words, "--url", url, "--json")
        assert ran.code in (0, 1), ran.err
        return ran.json

    assert asked("alerts", "acknowledge", key, "--by", "kim", "--minutes", "30")["acknowledged_by"] == "kim"
    shown = run("alerts", "show", key, "--url", url)
    assert (shown.code, "Acknowledged by kim." in shown.out, "the acknowledgement expires" in shown.out) == (
        1,
        True,
        True,
    )
    assert asked("alerts", "unacknowledge", key, "--by", "kim")["acknowledged_by"] is None
    again = run("alerts", "unacknowledge", key, "--by", "kim", "--url", url)
    assert (again.code, again.err.strip().endswith("(not_acknowledged)")) == (4, True)
    assert run("alerts", "show", f"{key}9", "--url", url).code == 2

    assert asked("silence", "preview", "alertname=episode_failure_rate", "project_id!=p9")["matches"] == [key]
    added = run("silence", "add", "project_id=~q.*", "--by", "kim", "--comment", "quiet", "--url", url)
    made = added.out.strip()
    (listed,) = [one for one in asked("silence", "list")["silences"] if one["id"] == made]
    assert (listed["created_by"], listed["comment"], listed["matchers"]) == (
        "kim", "quiet", [{"name": "project_id", "value": "q.*", "operator": "=~"}]
    )  # fmt: skip
    assert asked("silence", "expire", made)["silences"][0]["state"] == "expired"
    refused = run("silence", "expire", made, "--url", url)
    assert (refused.code, "already_expired" in refused.err) == (4, True)
    both = run("silence", "add", "a=b", "--minutes", "5", "--until", "2030-01-01T00:00:00Z", "--url", url)
    assert (both.code, both.err) == (2, "episode-monitor: Give --minutes or --until, not both.\n")


async def test_an_alert_is_delivered_acknowledged_and_ended_while_workers_come_and_go(
    broker: str, topic_prefix: str
) -> None:
    with ExitStack() as running:
        team = running.enter_context(receiver())
        options = {"MONITORING_WEBHOOK_URL": f"{team.url}/webhook"}
        left, right = (worker(broker, topic_prefix, **options) for _ in range(2))
        running.enter_context(left)
        until(lambda: ready(left), "ready worker")
        running.enter_context(right)
        until(lambda: ready(right) and ready(left), "second worker")
        await feed(broker, topic_prefix, "p1", [failed("p1")])
        until(lambda: lines(team) == ["p1 firing"], "a message for the team")

        active = until(lambda: (view(right, "/alerts/active") or {}).get("alerts"), "the alert in the view")
        key = active[0]["alert_key"]
        status, body = post(right, f"{BASE}/alerts/{key}/acknowledge", {"by": "kim", "comment": "mine"})
        assert (status, body["acknowledged_by"]) == (200, "kim")
        assert post(left, f"{BASE}/alerts/{key}/unacknowledge", {"by": "lee"})[1]["acknowledged_by"] is None
        status, body = post(right, f"{BASE}/alerts/{key}/silence", {"by": "lee", "minutes": 5})
        assert (status, body["silenced_until"] is not None) == (200, True)
        assert post(left, f"{BASE}/alerts/{key}9/resolve", {"by": "lee"})[1]["code"] == "unknown_alert"

        def details() -> Any:
            found = view(left, f"/alerts/{key}") or {"silenced_by": []}
            return found if found["silenced_by"] else None

        said = until(details, "the silence in the other worker's details")
        assert said["silenced_by"] == [f"alert:{key}"]
        assert [(line["status"], line.get("by")) for line in said["timeline"]] == [
            ("firing", None), ("acknowledged", "kim"), ("firing", "lee"), ("firing", "lee")
        ]  # fmt: skip
        assert [(one["receiver"], one["status"], one["attempts"]) for one in said["deliveries"]][:1] == [
            ("team", "delivered", 1)
        ]  # fmt: skip
        assert {name: said["inputs"][name] for name in ("bad", "whole", "rate")} == {
            "bad": 1,
            "whole": 1,
            "rate": 100.0,
        }
        assert [each["silenced_by"] for each in view(left, "/alerts/active")["alerts"]] == [[f"alert:{key}"]]
        assert delete(right, f"{BASE}/silences/alert:{key}")[1]["state"] == "expired"

        def acts_at(program: Program) -> list[tuple[str, str, str | None]]:
            found = (view(program, f"/alerts/history?alert_key={key}") or {}).get("transitions", ())
            return [(each["reason"], each["by"], each["comment"]) for each in found if each["by"]]

        for each in (left, right):
            until(lambda: len(acts_at(each)) == 4, "the acts in the history")  # noqa: B023 - awaited here
            assert acts_at(each) == [
                ("unsilenced_by_person", "loopback", None), ("silenced_by_person", "lee", None),
                ("unacknowledged_by_person", "lee", None), ("acknowledged_by_person", "kim", "mine"),
            ]  # fmt: skip

        matchers = [{"name": "project_id", "value": "p[34]", "operator": "=~"}]
        status, silence = post(right, f"{BASE}/silences", {"by": "kim", "matchers": matchers, "minutes": 60})
        assert (status, silence["state"], silence["matchers"]) == (201, "active", matchers)
        assert (
            post(left, f"{BASE}/silences", {"by": "kim", "matchers": matchers, "ends_at": "2020-01-01T00:00:00Z"})[0]
            == 422
        )
        everything = {"by": "kim", "matchers": [{"name": "x", "value": ".*", "operator": "=~"}], "minutes": 5}
        status, problem = post(left, f"{BASE}/silences", everything)
        assert (status, problem["code"]) == (422, "silence_matches_all")
        known = until(lambda: (view(left, "/silences?state=active") or {}).get("silences"), "the silence at the other")
        assert [each["id"] for each in known] == [silence["id"]]
        preview = {"matchers": [{"name": "alertname", "value": "episode_failure_rate"}]}
        assert post(left, f"{BASE}/silences/preview", preview)[1] == {"matches": [key], "total": 1}

        owners = {ask(each, "/readyz")[1]["dispatcher"]["owner"] for each in (left, right)}
        assert len(owners) == 1
        assert owners <= {left.url, right.url}

        commands_show_and_change_what_the_worker_has(right.url, key)

        left.kill9()
        until(lambda: ready(right), "takeover")
        await feed(broker, topic_prefix, "p3", [failed("p3")])
        until(lambda: len((view(right, "/alerts/active") or {"alerts": []})["alerts"]) == 2, "p3, which is silenced")
        await feed(broker, topic_prefix, "p2", [failed("p2")])
        until(lambda: "p2 firing" in lines(team), "a message about p2")
        assert post(right, f"{BASE}/alerts/{key}/resolve", {"by": "kim", "comment": "done"})[0] == 200
        until(lambda: "p1 resolved" in lines(team), "the end of p1")
        assert "p3 firing" not in lines(team), "it is silenced"
        assert delete(right, f"{BASE}/silences/{silence['id']}")[1]["state"] == "expired"
        until(lambda: "p3 firing" in lines(team), "p3 after its silence")
        assert sorted(lines(team)) == ["p1 firing", "p1 resolved", "p2 firing", "p3 firing"]
