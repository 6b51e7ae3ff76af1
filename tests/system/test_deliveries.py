"""Dead letters and receivers as an operator handles them: over HTTP and by commands, on a worker of its own process."""

from contextlib import ExitStack

import pytest

from models.alert_codec import encode_alert
from tests.agents.support import producing, send
from tests.alert_sinks.support import an_alert
from tests.system.running import BASE, ask, post, ready, until, view, worker
from tests.system.test_commands import run
from tests.system.test_dispatcher import receiver

pytestmark = pytest.mark.broker


async def test_dead_letters_are_listed_sent_again_and_discarded(broker: str, topic_prefix: str) -> None:
    with ExitStack() as running:
        team = running.enter_context(receiver())
        left = running.enter_context(worker(broker, topic_prefix, MONITORING_WEBHOOK_URL=f"{team.url}/webhook"))
        until(lambda: ready(left), "ready worker")
        async with producing(broker) as producer:
            await send(producer, f"{topic_prefix}events", 0, b"p1", b'{"event_id": ')
            value = encode_alert(an_alert(title="lost"))
            for sink in (b"webhook", b"gone"):
                headers = [
                    ("dl_sink", sink),
                    ("dl_reason", b"HTTP 400"),
                    ("monitor_id", f"{topic_prefix}monitor".encode()),
                ]
                await producer.send_and_wait(f"{topic_prefix}alert-dead-letters", value, b"k", headers=headers)

        def listed(kind: str = "") -> list[dict[str, object]]:
            found: list[dict[str, object]] = (view(left, f"/dead-letters{kind}") or {"dead_letters": []})[
                "dead_letters"
            ]
            return found

        until(lambda: len(listed()) == 3, "three dead letters")
        (event,) = listed("?kind=event")
        assert (event["id"], event["reason"], event["key"], event["first_kib"], event["size"]) == (
            "event-0", "malformed_json", "p1", '{"event_id": ', 13
        )  # fmt: skip
        assert event["origin"] == {"topic": f"{topic_prefix}events", "partition": 0, "offset": 0, "sink": None}
        assert [one["id"] for one in listed("?kind=alert")] == ["alert-1", "alert-0"]
        page = view(left, "/dead-letters?limit=2")
        rest = view(left, f"/dead-letters?limit=2&cursor={page['next_cursor']}")
        assert (page["total"], len(page["dead_letters"]), len(rest["dead_letters"]), rest["next_cursor"]) == (
            3,
            2,
            1,
            None,
        )

        again = f"{BASE}/dead-letters/event-0/retry"
        assert post(left, again, {"by": "kim", "comment": "mended"}) == (
            200, {"id": "event-0", "outcome": "sent", "reason": ""}
        )  # fmt: skip
        assert post(left, again, {"by": "kim"})[1]["code"] == "unknown_dead_letter", "it is handled"
        until(lambda: [one["reason"] for one in listed("?kind=event")] == ["malformed_json"], "it is refused again")

        delivered = run("dead-letters", "retry", "alert-0", "--by", "kim", "--url", left.url, "--json")
        assert (delivered.code, delivered.json["dead_letters"][0]["outcome"]) == (0, "delivered")
        bodies = ask(team, "/received?sink=webhook")[1]["received"]
        assert [each["body"]["alert"]["title"] for each in bodies] == ["lost"]
        failed = run("dead-letters", "retry", "alert-1", "--url", left.url)
        assert (failed.code, "there is no sink gone any more" in failed.out) == (1, True)

        ids = [str(one["id"]) for one in listed()]
        assert (len(ids), run("dead-letters", "list", "--url", left.url).code) == (2, 1)
        assert run("dead-letters", "discard", *ids, "--by", "kim", "--url", left.url).code == 0
        empty = run("dead-letters", "list", "--url", left.url, "--json")
        assert (empty.code, empty.json) == (0, {"dead_letters": [], "total": 0})
        acts = [each["what"] for each in view(left, "/audit")["entries"]]
        assert sorted(acts) == ["dead_letter.discard"] * 2 + ["dead_letter.retry"] * 4


async def test_a_sample_alert_says_whether_a_receiver_takes_it(broker: str, topic_prefix: str) -> None:
    with ExitStack() as running:
        team = running.enter_context(receiver())
        settings = {"MONITORING_WEBHOOK_URL": f"{team.url}/webhook", "ONCALL_WEBHOOK_URL": "http://127.0.0.1:9/hook"}
        left = running.enter_context(worker(broker, topic_prefix, **settings))
        until(lambda: ready(left), "ready worker")

        good = run("receivers", "test", "team", "--url", left.url, "--json")
        assert (good.code, good.json) == (0, {
            "receiver": "team", "outcome": "delivered",
            "sinks": [{"sink": "webhook", "outcome": "delivered", "reason": ""}],
        })  # fmt: skip
        (got,) = ask(team, "/received?sink=webhook")[1]["received"]
        assert got["body"]["alert"]["title"].startswith("[TRIAL] Alerts of ")

        status, bad = post(left, f"{BASE}/receivers/on-call/test", {})
        assert (status, bad["outcome"]) == (200, "failed")
        assert bad["sinks"][0]["reason"].startswith("cannot connect")
        assert post(left, f"{BASE}/receivers/nobody/test", {})[1]["code"] == "unknown_receiver"
        names = {
            each["name"]: [sink["sink"] for sink in each["sinks"]] for each in view(left, "/receivers")["receivers"]
        }
        assert names == {"team": ["webhook"], "on-call": ["oncall_webhook"]}
        assert run("receivers", "list", "--url", left.url).code == 0
