"""Alert handlers as a team writes them: found by name, sync and async, in a process that answers each alert."""

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar

import pytest

from episode_monitor_client import Alert, AlertHandler, SlackAlertHandler, WebhookAlertHandler
from episode_monitor_client.handler_process import HandlerError, find_handler, serve

FIELDS: dict[str, Any] = {
    "alert_key": "episode_failure_rate:p", "alert_id": "a1", "severity": "critical", "status": "firing",
    "project_id": "p<1>", "title": "Failures & more", "description": "2 of 100", "escalation_level": 0,
}  # fmt: skip

MODULE = """
import asyncio
from episode_monitor_client import AlertHandler

print("printed while it is imported")
seen = []

class Mine(AlertHandler):
    def handle(self, alert):
        print("printed by the handler", alert.severity.upper())
        if alert.project_id == "bad":
            raise RuntimeError("no room")

class Later(AlertHandler):
    async def handle(self, alert):
        await asyncio.sleep(0)
        if alert.project_id == "bad":
            raise RuntimeError("no room, later")

class Nested:
    class Inner(Mine):
        pass

class NeedsArguments(AlertHandler):
    def __init__(self, url): ...
    def handle(self, alert): ...

def plain(alert):
    seen.append(alert)

number = 5
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    (tmp_path / "team_alerts.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "team_alerts"
    sys.modules.pop("team_alerts", None)


def answered(handle: Any, *projects: str) -> list[dict[str, Any]]:
    lines = [json.dumps({"id": number, "alert": {**FIELDS, "project_id": p}}) for number, p in enumerate(projects)]
    answers = io.StringIO()
    serve(handle, lines, answers)
    return [json.loads(line) for line in answers.getvalue().splitlines()]


@pytest.mark.parametrize("name", [":Mine", ".Mine", ":Nested.Inner", ":plain", ".plain", ":Later"])
def test_a_handler_is_found_by_its_dotted_name(module: str, name: str) -> None:
    assert answered(find_handler(module + name), "p") == [{"id": 0}]


@pytest.mark.parametrize(("name", "reason"), [("Mine", "no room"), ("Later", "no room, later")])
def test_what_a_handler_raises_is_the_answer_and_the_next_alert_is_taken(module: str, name: str, reason: str) -> None:
    assert answered(find_handler(f"{module}:{name}"), "p", "bad", "p") == [
        {"id": 0}, {"id": 1, "error": f"RuntimeError: {reason}"}, {"id": 2},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("no_such_module:Handler", "cannot be loaded: ModuleNotFoundError"),
        ("team_alerts:Missing", "Module team_alerts has no Missing"),
        ("team_alerts:NeedsArguments", "cannot be loaded: TypeError"),
        ("team_alerts:number", "has no method `handle` and cannot be called"),
        ("nothing", "There is no alert handler 'nothing'; write package.module:Name"),
        (":Handler", "There is no alert handler ':Handler'"),
    ],
)
def test_a_handler_that_cannot_be_had_is_a_sentence(module: str, name: str, sentence: str) -> None:
    with pytest.raises(HandlerError, match=sentence):
        find_handler(name)


def test_in_its_process_what_the_handler_prints_is_no_answer(module: str, tmp_path: Path) -> None:
    """Of the working folder too, behind what is installed."""
    command = [sys.executable, "-m", "episode_monitor_client.handler_process", f"{module}:Mine"]
    line = json.dumps({"id": 7, "alert": FIELDS}) + "\n"
    done = subprocess.run(command, input=line, capture_output=True, text=True, cwd=tmp_path, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, '{"id": 7}\n')
    assert "printed while it is imported" in done.stderr
    assert "printed by the handler CRITICAL" in done.stderr
    refused = subprocess.run(
        [*command[:-1], "--check", "team_alerts:No"], capture_output=True, cwd=tmp_path, timeout=60
    )
    assert (refused.returncode, refused.stdout) == (2, b"")


def test_an_alert_has_its_fields_as_attributes_and_as_the_json_object() -> None:
    alert = Alert(FIELDS)
    assert (alert.title, alert.severity.upper()) == ("Failures & more", "CRITICAL")
    assert alert.to_dict() == FIELDS
    with pytest.raises(AttributeError, match="no field 'nothing'"):
        alert.nothing  # noqa: B018


# --- the two that are there


class Receiver(BaseHTTPRequestHandler):
    posted: ClassVar[list[dict[str, Any]]] = []
    answer = b"ok"

    def do_POST(self) -> None:
        self.posted.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.answer)

    def log_message(self, *arguments: Any) -> None: ...


@pytest.fixture
def receiver() -> Iterator[str]:
    Receiver.posted.clear()
    Receiver.answer = b"ok"
    server = HTTPServer(("127.0.0.1", 0), Receiver)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_slack_handler_posts_the_message_of_the_users_document(receiver: str) -> None:
    SlackAlertHandler(receiver).handle(Alert(FIELDS))
    (attachment,) = Receiver.posted[0]["attachments"]
    assert attachment == {
        "color": "danger", "title": "Failures &amp; more", "text": "2 of 100",
        "fields": [
            {"title": "Project", "value": "p&lt;1&gt;", "short": True},
            {"title": "Severity", "value": "CRITICAL", "short": True},
        ],
    }  # fmt: skip


def test_a_slack_that_answers_anything_but_ok_has_not_taken_it(receiver: str) -> None:
    Receiver.answer = b"no_service"
    with pytest.raises(OSError, match="rejected the message"):
        SlackAlertHandler(receiver).handle(Alert(FIELDS))


def test_the_webhook_handler_posts_the_body_of_the_users_document(receiver: str) -> None:
    WebhookAlertHandler(receiver).handle(Alert(FIELDS))
    body = Receiver.posted[0]
    assert (body["alert"], body["service"], body["component"]) == (FIELDS, "project-service", "episode-numbering")
    assert body["timestamp"].endswith("+00:00")


def test_a_handler_without_an_address_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLACK_WEBHOOK_URL", raising=False)
    with pytest.raises(ValueError, match="set SLACK_WEBHOOK_URL"):
        SlackAlertHandler()


def test_a_handler_must_say_what_it_does() -> None:
    with pytest.raises(TypeError, match="abstract"):
        AlertHandler()  # type: ignore[abstract]
