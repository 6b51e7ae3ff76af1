"""Alert handlers of a team's own, each in its real process: what they raise, how they hang, and how they die."""

from pathlib import Path

import pytest

from agents.engine.stall_guard import StoodStill
from alert_sinks.kinds.handlers import HandlerSink, check_handler
from alert_sinks.sink import Attempt, Delivered, Retry
from models.alert import Alert
from tests.alert_sinks.support import an_alert

MODULE = '''
import asyncio, os, time
from pathlib import Path
from episode_monitor_client import Alert, AlertHandler

class Slack(AlertHandler):
    """As the user's document prints it, with a file in place of the request."""

    def handle(self, alert: Alert):
        payload = {
            "attachments": [{
                "color": "danger" if alert.severity == "critical" else "warning",
                "title": alert.title,
                "text": alert.description,
                "fields": [
                    {"title": "Project", "value": alert.project_id, "short": True},
                    {"title": "Severity", "value": alert.severity.upper(), "short": True}
                ]
            }]
        }
        with open("taken", "a") as taken:
            taken.write(payload["attachments"][0]["fields"][1]["value"] + "\\n")
        print("a word on standard output")

class Async(AlertHandler):
    async def handle(self, alert):
        await asyncio.sleep(0)
        raise RuntimeError("not today")

class Hangs(AlertHandler):
    def handle(self, alert):
        if not Path("hung").exists():
            Path("hung").touch()
            time.sleep(600)

class Dies(AlertHandler):
    def handle(self, alert):
        if not Path("died").exists():
            Path("died").touch()
            os._exit(5)
'''
FIRST = Attempt(number=1, at_ms=1_760_000_000_000)
ALERT: Alert = an_alert()


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "our_alerts.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


async def test_the_handler_of_the_users_document_takes_each_alert_in_one_process(folder: Path) -> None:
    sink = HandlerSink("our_alerts:Slack")
    assert sink.name == "handler:our_alerts:Slack"
    for number in (1, 2, 3):
        assert await sink.deliver(ALERT, Attempt(number=number, at_ms=FIRST.at_ms)) == Delivered()
    await sink.aclose()
    assert (folder / "taken").read_text().splitlines() == [ALERT.severity.value.upper()] * 3


async def test_what_a_handler_raises_is_the_reason_of_another_try() -> None:
    sink = HandlerSink("our_alerts:Async")
    assert await sink.deliver(ALERT, FIRST) == Retry(None, "the handler raised RuntimeError: not today")
    await sink.aclose()


async def test_a_worker_that_was_frozen_while_the_process_started_hands_it_nothing(folder: Path) -> None:
    def stood_still() -> None:
        raise StoodStill("the process stood still")

    sink = HandlerSink("our_alerts:Slack")
    with pytest.raises(StoodStill):
        await sink.deliver(ALERT, Attempt(number=1, at_ms=FIRST.at_ms, check=stood_still))
    await sink.aclose()
    assert not (folder / "taken").exists()


async def test_a_handler_that_hangs_is_ended_and_made_anew() -> None:
    sink = HandlerSink("our_alerts:Hangs", handle_seconds=5.0)
    assert await sink.deliver(ALERT, FIRST) == Retry(None, "the handler took longer than 5 s and was stopped")
    assert await sink.deliver(ALERT, FIRST) == Delivered()
    await sink.aclose()


async def test_a_handler_whose_process_dies_is_made_anew() -> None:
    sink = HandlerSink("our_alerts:Dies")
    assert await sink.deliver(ALERT, FIRST) == Retry(None, "the handler's process ended: exit code 5")
    assert await sink.deliver(ALERT, FIRST) == Delivered()
    await sink.aclose()


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("our_alerts:Nothing", "ALERT_HANDLERS: Module our_alerts has no Nothing; correct"),
        ("no_module:Handler", "ALERT_HANDLERS: The alert handler 'no_module:Handler' cannot be loaded"),
    ],
)
def test_a_handler_that_cannot_be_made_is_refused_at_the_start(name: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        check_handler(name)


def test_a_handler_that_can_be_made_passes() -> None:
    check_handler("our_alerts:Slack")
