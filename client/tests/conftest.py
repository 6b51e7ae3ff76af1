"""These tests need pytest and the client alone; what needs Kafka or PostgreSQL is in the monitor's tests/client."""

import asyncio
import threading
from collections.abc import Iterator, Sequence

import pytest

from episode_monitor_client import EpisodeMonitorClient, use_client
from episode_monitor_client.encoding import Record
from episode_monitor_client.pytest_plugin import episode_events as episode_events
from episode_monitor_client.sender import Sender
from episode_monitor_client.settings import ClientSettings


class FakeKafka:
    """Takes records as a broker does, or refuses, or never answers, as a test wishes."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.away = False
        self.refusals = 0  # so many sends fail first
        self.connections = 0
        self.landed = threading.Condition()
        self.answers = threading.Event()
        self.answers.set()

    async def connect(self, _: ClientSettings) -> "FakeKafka":
        if self.away:
            raise ConnectionError("nobody is there")
        self.connections += 1
        return self

    async def send(self, records: Sequence[Record]) -> None:
        while not self.answers.is_set():  # noqa: ASYNC110 - set by the test's thread
            await asyncio.sleep(0.005)
        if self.refusals:
            self.refusals -= 1
            raise ConnectionError("lost on the way")
        with self.landed:
            self.records += records
            self.landed.notify_all()

    async def stop(self) -> None:
        """Nothing to end."""

    def wait_for(self, count: int) -> list[Record]:
        """The records, once there are so many."""
        with self.landed:
            assert self.landed.wait_for(lambda: len(self.records) >= count, timeout=20), len(self.records)
            return list(self.records)


@pytest.fixture
def kafka() -> FakeKafka:
    """A broker that is there."""
    return FakeKafka()


@pytest.fixture
def sender(kafka: FakeKafka) -> Iterator[Sender]:
    """A sender with room for five events."""
    made = Sender(ClientSettings(bootstrap_servers="fake:1", source="svc", queue_max=5), kafka.connect)
    yield made
    kafka.answers.set()
    made.close(0.0)


@pytest.fixture
def client(sender: Sender) -> Iterator[EpisodeMonitorClient]:
    """The process's client, over that sender."""
    made = EpisodeMonitorClient(ClientSettings(bootstrap_servers="fake:1"), sender)
    before = use_client(made)
    yield made
    use_client(before)


@pytest.fixture(autouse=True)
def _no_client_is_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("KAFKA_BOOTSTRAP_SERVERS", "EVENTS_TOPIC", "EPISODE_MONITORING_ENABLED"):
        monkeypatch.delenv(name, raising=False)
    before = use_client(None)
    yield
    use_client(before)
