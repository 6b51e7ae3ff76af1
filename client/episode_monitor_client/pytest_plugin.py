"""For the tests of a project service: the fixture `episode_events` catches what would have gone to Kafka."""

from collections.abc import Iterator
from typing import Any

import pytest

from .client import EpisodeMonitorClient, use_client
from .encoding import body_of
from .events import EpisodeEvent


class CapturedEvents(EpisodeMonitorClient):
    """A client that keeps events, in their order. Nothing is sent."""

    def __init__(self) -> None:
        super().__init__("the events are caught by a test")
        self.all: list[EpisodeEvent] = []

    @property
    def enabled(self) -> bool:
        """As if Kafka were there."""
        return True

    def emit(self, event: EpisodeEvent) -> bool:
        """Keeps the event."""
        self.all.append(event)
        return True

    def of_type(self, event_type: str) -> list[EpisodeEvent]:
        """Those of one type, such as `episode.created` or just `created`."""
        return [event for event in self.all if event_type in (event.type, event.type.removeprefix("episode."))]

    def of_project(self, project_id: str) -> list[EpisodeEvent]:
        """Those of one project."""
        return [event for event in self.all if event.project_id == project_id]

    def bodies(self) -> list[dict[str, Any]]:
        """What would have been the JSON of each, without `source` and `sequence`."""
        return [body_of(event) for event in self.all]

    def clear(self) -> None:
        """Forgets what was caught so far."""
        self.all.clear()


@pytest.fixture
def episode_events() -> Iterator[CapturedEvents]:
    """Catches the events of this test, from the process's client."""
    captured = CapturedEvents()
    before = use_client(captured)
    try:
        yield captured
    finally:
        use_client(before)
