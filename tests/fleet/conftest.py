"""Workers of these tests share one loop with the test: under load a connection or an answer may take them long."""

import pytest

from episode_monitor.fleet import peer_client
from episode_monitor.fleet.question import Question


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peer_client, "CONNECT_SECONDS", 10.0)
    monkeypatch.setattr(Question, "seconds", 10.0)
