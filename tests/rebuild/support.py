"""A monitor with a past, what a person waived in it, and the commands of a rebuild as a person calls them."""

import asyncio
import json
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from aiokafka import AIOKafkaProducer
from typer.testing import CliRunner

from agents.config import AgentsConfig, AuditConfig
from agents.engine.ownership import Owned
from agents.kafka.access import KafkaAccess
from agents.kafka.topics import TopicNames
from episode_monitor.cli.rebuild import rebuild
from episode_monitor.exits import Failure
from episode_monitor.rebuild.stored import Stored, read_stored
from streams.project.findings import WaiverRefusal, findings_of, waive_and_judge
from testbed.worker_process import make_core, names
from tests.agents.support import config_for, created, make_topics, now_ms, send, until
from tests.agents.test_past_alerts import MINUTE_MS, Desk


class Ran(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out[self.out.index("{\n") :])


async def run(*words: str) -> Ran:
    """`episode-monitor rebuild` with these words, in a thread of its own."""
    found = await asyncio.to_thread(CliRunner().invoke, rebuild, list(words))
    if isinstance(found.exception, Failure):
        return Ran(int(found.exception.code), found.stdout, str(found.exception))
    if found.exception is not None and not isinstance(found.exception, SystemExit):
        raise found.exception
    return Ran(found.exit_code, found.stdout, found.stderr)


async def succeeds(*words: str) -> Any:
    """The JSON that the command gives."""
    ran = await run(*words, "--json")
    assert ran.code == 0, ran
    return ran.json


class Stage:
    """The topics of an old monitor, and configurations of workers of both names."""

    def __init__(self, broker: str, prefix: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.broker, self.old_id, self.new_id = broker, prefix, f"{prefix}-b"
        self.topics = names(prefix)
        self._folder = folder
        self._monkeypatch = monkeypatch
        monkeypatch.setattr(
            "episode_monitor.cli.rebuild.configure_command", lambda *_: None
        )  # it is the tests' own process
        self.in_force(self.old_id)

    def in_force(self, monitor_id: str) -> None:
        """The settings of commands from now on."""
        for name, value in {
            "KAFKA_BOOTSTRAP_SERVERS": self.broker, "MONITOR_ID": monitor_id, "EVENTS_TOPIC": self.topics.events,
            "ALERTS_TOPIC": self.topics.alerts, "DEAD_LETTERS_TOPIC": self.topics.dead_letters,
            "ALERT_DEAD_LETTERS_TOPIC": self.topics.alert_dead_letters, "TOPIC_REPLICATION_FACTOR": "1",
        }.items():  # fmt: skip
            self._monkeypatch.setenv(name, value)

    def set(self, name: str, value: str) -> None:
        """Another setting of commands."""
        self._monkeypatch.setenv(name, value)

    def config(self, monitor_id: str, events: str | None = None) -> AgentsConfig:
        """Of a worker."""
        shared, events = self.topics, events or self.topics.events
        topics = TopicNames.of(monitor_id, events, shared.alerts, shared.dead_letters, shared.alert_dead_letters)
        return config_for(self.broker, monitor_id, self._folder / monitor_id, topics=topics)

    def audited(self, monitor_id: str) -> AgentsConfig:
        """Of a worker that writes audit checkpoints all the time."""
        config = self.config(monitor_id)
        topics = msgspec.structs.replace(config.topics, audit=f"{self.old_id}-audit")
        return msgspec.structs.replace(config, topics=topics, audit=AuditConfig(every_seconds=0.1, software="1"))

    def desk(self, monitor_id: str, events: str | None = None) -> Desk:
        """A worker that notes what it notifies people of."""
        return Desk(self.config(monitor_id, events))

    async def stored(self, monitor_id: str) -> dict[int, Stored]:
        """What a monitor has stored."""
        return await read_stored(KafkaAccess(bootstrap_servers=self.broker), f"{monitor_id}-state-changelog")

    async def make_topics(self) -> None:
        """Of the old monitor."""
        await make_topics(self.broker, self.config(self.old_id))


def ago(minutes: float) -> int:
    """Event time in milliseconds."""
    return now_ms() - round(minutes * MINUTE_MS)


async def give_gaps(producer: AIOKafkaProducer, topic: str, project: str, partition: int) -> None:
    """Numbers 1, 2, 4, 6, so that 3 and 5 are open gaps, too new to escalate; and a record that is no event."""
    for value in gaps(project):
        await send(producer, topic, partition, project.encode(), value)


def gaps(project: str) -> list[bytes]:
    """The records of `give_gaps`."""
    first = [created(project, number, occurred_at=ago(at)) for at, number in ((4.5, 1), (4.4, 2), (4.3, 4), (4.2, 6))]
    return [*first, b"useless", created(project, 7, occurred_at=ago(3))]


async def has_processed(desk: Desk, events: int) -> None:
    """Wait until a worker of two partitions has stored the state after so many events, and delivered its alerts."""
    await until(lambda: desk.is_settled and desk.rig.is_stored() and desk.rig.outcome("applied") >= events)


async def waive(desk: Desk, project: str, first: int) -> None:
    """A person waives the gap that begins there."""
    owned = _owner(desk, project)
    async with owned.locked() as change:
        state = owned.partition.state_to_change(project)
        assert change is not None
        assert state is not None
        wanted = next(one.finding_id for one in findings_of(project, state.numbering) if one.first == first)
        waived = waive_and_judge(make_core(), state, wanted, "lee", "known", state.now_ms, state.now_ms + 10**9)
        assert not isinstance(waived, WaiverRefusal), waived
        owned.partition.touch(state)
        await desk.rig.runtime.emit(change, waived[1])
    await desk.rig.runtime.engine.flusher.flush()


def _owner(desk: Desk, project: str) -> Owned:
    return next(each for each in desk.rig.owned.values() if each.partition.look(project) is not None)
