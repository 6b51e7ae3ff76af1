"""The stage of a rebuild."""

from pathlib import Path

import pytest

from tests.rebuild.support import Stage


@pytest.fixture
def stage(broker: str, topic_prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    return Stage(broker, topic_prefix.rstrip("-"), tmp_path, monkeypatch)
