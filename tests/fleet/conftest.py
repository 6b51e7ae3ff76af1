"""Workers of these tests share one loop with the test: on a machine under load a connection may take them long."""

import pytest

from episode_monitor.fleet import peer_client


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peer_client, "CONNECT_SECONDS", 10.0)
