"""Receivers of alerts: `doctor` connects and sends nothing, `alerts test` sends a trial alert to each."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from alert_sinks.destinations import first_settings
from episode_monitor.cli.alert_trial import send_trial
from episode_monitor.cli.diagnosis import DiagnosisLevel
from episode_monitor.cli.doctor_sinks import sinks
from episode_monitor.demo.ports import free_port
from episode_monitor.settings.settings import Settings, load_settings
from tests.alert_sinks.receiver import Receiver, receiving
from tests.alert_sinks.support import Signal


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A real HTTP server on loopback."""
    async with receiving(Signal()) as server:
        yield server


def settings(**given: str) -> Settings:
    return load_settings(given)


async def verdicts(**given: str) -> dict[str, tuple[DiagnosisLevel, str]]:
    return {found.part: (found.verdict, found.sentence) for found in await sinks(settings(**given))}


async def test_without_a_receiver_it_is_said_that_alerts_go_to_the_log() -> None:
    assert await verdicts() == {
        "sinks": (
            DiagnosisLevel.SKIPPED,
            f"The team has no sink, so alerts go to the log; set one of {', '.join(first_settings())}.",
        )
    }


async def test_where_alert_on_issues_is_off_it_is_said_that_nobody_is_notified() -> None:
    sentence = "ALERT_ON_ISSUES is false, so alerts are stored and shown, and nobody is notified."
    assert await verdicts(ALERT_ON_ISSUES="false") == {"sinks": (DiagnosisLevel.SKIPPED, sentence)}


async def test_a_receiver_at_a_closed_port_or_an_unknown_name_is_away_and_its_path_is_not_said() -> None:
    found = await verdicts(
        SLACK_WEBHOOK_URL=f"http://127.0.0.1:{free_port()}/services/hushhush",
        MONITORING_WEBHOOK_URL="http://nowhere.invalid/x",
    )
    for setting in ("SLACK_WEBHOOK_URL", "MONITORING_WEBHOOK_URL"):
        verdict, sentence = found[setting]
        assert verdict is DiagnosisLevel.UNREACHABLE
        assert sentence.endswith(f"correct {setting}, or allow the connection.")
        assert "hushhush" not in sentence


async def test_a_receiver_that_is_there_is_connected_to_and_gets_nothing(receiver: Receiver) -> None:
    found = await verdicts(SLACK_WEBHOOK_URL=receiver.url)
    assert found["SLACK_WEBHOOK_URL"][0] is DiagnosisLevel.OK
    assert receiver.requests == []


async def test_a_handler_that_cannot_be_made_is_wrong() -> None:
    ((part, (verdict, sentence)),) = (await verdicts(ALERT_HANDLERS="no_module:Handler")).items()
    assert part == "ALERT_HANDLERS"
    assert "no_module:Handler" in sentence
    assert verdict is DiagnosisLevel.WRONG
    assert "cannot be loaded" in sentence


async def test_a_trial_alert_goes_to_each_receiver_and_one_that_refuses_it_is_named(receiver: Receiver) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}/"
    outcomes: list[dict[str, Any]] = await send_trial(
        settings(MONITORING_WEBHOOK_URL=receiver.url, SLACK_WEBHOOK_URL=nowhere)
    )
    assert [(one["sink"], one["outcome"]) for one in outcomes] == [("slack", "failed"), ("webhook", "delivered")]
    assert "cannot connect" in outcomes[0]["reason"]
    (request,) = receiver.requests
    assert b"[TRIAL] Alerts of episode-monitor arrive here" in request.body
