"""Receivers of an alerting file: `doctor` connects to each address and sends nothing."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from episode_monitor.cli.diagnosis import DiagnosisLevel
from episode_monitor.cli.doctor_receivers import receivers
from episode_monitor.demo.ports import free_port
from episode_monitor.settings.settings import load_settings
from tests.alert_sinks.receiver import Receiver, receiving
from tests.alert_sinks.support import Signal


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A real HTTP server on loopback."""
    async with receiving(Signal()) as server:
        yield server


FILE = """
global: {{smtp_smarthost: "127.0.0.1:{closed}", smtp_from: m@example.com}}
route: {{receiver: team}}
receivers:
  - name: team
    slack_configs: [{{api_url: "{url}services/hushhush"}}]
    webhook_configs: [{{url: "{url}"}}, {{url: "http://127.0.0.1:{closed}/hushhush"}}]
  - name: mail
    email_configs: [{{to: kim@example.com}}]
  - name: nobody
"""


async def test_each_address_is_connected_to_and_nothing_is_sent(receiver: Receiver, tmp_path: Path) -> None:
    file, closed = tmp_path / "alerting.yaml", free_port()
    file.write_text(FILE.format(url=receiver.url.rstrip("/") + "/", closed=closed))
    found = await receivers(load_settings({"ALERTING_FILE": str(file)}))
    assert {one.part: one.verdict for one in found} == {
        "api_url of receiver team": DiagnosisLevel.OK,
        "url of receiver team": DiagnosisLevel.OK,
        "url of receiver team, 2": DiagnosisLevel.UNREACHABLE,
        "smarthost of receiver mail": DiagnosisLevel.UNREACHABLE,
    }
    assert receiver.requests == []
    assert not any("hushhush" in one.sentence for one in found)
    assert all(f"127.0.0.1:{closed} cannot be connected to (" in one.sentence for one in found[2:])


async def test_without_a_file_and_with_a_faulty_one_there_is_no_line(tmp_path: Path) -> None:
    assert await receivers(load_settings({})) == []
    file = tmp_path / "alerting.yaml"
    file.write_text("route: {receiver: nobody-there}\n")
    assert await receivers(load_settings({"ALERTING_FILE": str(file)})) == [], "the file has a line of its own"
