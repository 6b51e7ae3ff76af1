"""Owners of the dispatcher end at failpoints on a real broker, and the oracle judges what they left."""

import random
from functools import partial
from pathlib import Path

import msgspec
import pytest
from aiokafka import AIOKafkaProducer

from agents.config import AgentsConfig
from alert_sinks.digest import Digest
from alert_sinks.kinds.webhook import digest_payload, webhook_id, webhook_payload
from alert_sinks.messages import messages_of
from alert_sinks.sink import Attempt
from faults.dispatch_plan import Dispatch, planned
from faults.evidence import Evidence, Received, read_log
from faults.oracle_dispatch import DispatchedAlerts
from faults.worker_entry import DISPATCH_PLACES
from models.alert import Alert, AlertStatus, Severity
from streams.dispatch.config import DispatchConfig, default_config
from streams.dispatch.inputs import Acknowledge, SetSilence
from streams.routing.matcher import Matcher
from tests.agents.dispatch_desk import (
    ALERTS_PARTITIONS,
    Desk,
    KilledAt,
    make_all_topics,
    notifications,
    owning,
    put_act,
    put_alert,
)
from tests.agents.support import config_for, now_ms, producing, until
from tests.streams.dispatch.scripts import alert

pytestmark = pytest.mark.broker

FAR_MS, SOON_MS = 2**60, 60_000
PLANS = {
    "each alert alone": Dispatch(escalate_ms=200),
    "groups": Dispatch(group_by=("severity",), group_wait_ms=100, group_interval_ms=200),
}


class Script:
    """Alerts of twelve projects that fire and end at random, and acts between them."""

    def __init__(self, seed: int) -> None:
        self.rnd = random.Random(seed)
        self.firing: dict[str, int] = {}
        self.fired = 0
        self.acts = 0

    async def go_on(self, producer: AIOKafkaProducer, config: AgentsConfig, steps: int) -> tuple[str, int]:
        """The place of the last record."""
        for _ in range(steps):
            project = f"p{self.rnd.randrange(12)}"
            if self.rnd.random() < 0.2:
                source, offset = f"{config.topics.acts}/0", await self._act(producer, config, project)
            else:
                number = int(project[1:]) % ALERTS_PARTITIONS
                offset = await put_alert(producer, config, self._next(project), number)
                source = f"{config.topics.alerts}/{number}"
        return source, offset

    def _next(self, project: str) -> Alert:
        severity = Severity.CRITICAL if project in ("p1", "p2", "p3") else Severity.WARNING
        number = self.firing.pop(project, 0)
        if number:
            return alert(project, AlertStatus.RESOLVED, severity, number)
        self.fired += 1
        self.firing[project] = self.fired
        return alert(project, severity=severity, number=self.fired)

    async def _act(self, producer: AIOKafkaProducer, config: AgentsConfig, project: str) -> int:
        self.acts += 1
        if self.rnd.random() < 0.5:
            act = Acknowledge(alert_key=f"rate:{project}", by="kim", comment="mine")
            return await put_act(producer, config, act, f"act{self.acts}")
        begins_ms = now_ms()
        silence = SetSilence(
            silence_id=f"s{self.acts}", matchers=(Matcher("project_id", project),), starts_at_ms=begins_ms,
            ends_at_ms=begins_ms + 150, by="kim",
        )  # fmt: skip
        return await put_act(producer, config, silence, f"act{self.acts}")


async def evidence_of(config: AgentsConfig) -> Evidence:
    """What the topics hold; every notification is taken to be delivered once."""
    servers, topics = str(config.kafka.bootstrap_servers), config.topics
    evidence = Evidence(wall_ms=now_ms())
    for number in range(ALERTS_PARTITIONS):
        evidence.alerts[number] = await read_log(servers, topics.alerts, number)
        evidence.notifications[number] = await read_log(servers, topics.notifications, number)
    evidence.acts = await read_log(servers, topics.acts, 0)
    evidence.dispatch = await read_log(servers, topics.dispatch, 0)
    for each in {one.notification_id: one for one in await notifications(config)}.values():
        for message in messages_of(each, takes_digests=True):
            body = msgspec.json.encode(_payload(message.alert, message.digest))
            evidence.received.append(Received(webhook_id(message.message_id), 200, msgspec.json.decode(body)))
    return evidence


def _payload(shown: Alert, digest: Digest | None) -> dict[str, object]:
    attempt = Attempt(1, 0)
    return webhook_payload(shown, attempt) if digest is None else digest_payload(digest, attempt)


def is_done(desk: Desk, source: str, offset: int) -> bool:
    """Whether the owner has applied a record and noted what it sent, or has ended."""
    dispatcher = desk.owner.dispatcher
    has_settled = dispatcher is not None and not dispatcher._sent and not dispatcher.outbox
    return bool(desk.stops) or (has_settled and desk.has_read(source, offset))


def is_at_rest(desk: Desk, ends: dict[str, int]) -> bool:
    """Whether everything was taken and sent, and nothing is due but what is minutes away."""
    dispatcher, state = desk.owner.dispatcher, desk.owner.state
    if dispatcher is None or state is None or dispatcher._sent or dispatcher.outbox:
        return False
    is_read = all(state.meta.positions.get(source, -1) >= end - 1 for source, end in ends.items())
    return is_read and (dispatcher.deadline_ms or FAR_MS) > now_ms() + SOON_MS


async def ends_of(config: AgentsConfig) -> dict[str, int]:
    servers, topics = str(config.kafka.bootstrap_servers), config.topics
    sources = [(topics.alerts, number) for number in range(ALERTS_PARTITIONS)] + [(topics.acts, 0)]
    return {f"{topic}/{number}": len(await read_log(servers, topic, number)) for topic, number in sources}


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
async def test_the_oracle_finds_no_violation_however_owners_end(
    broker: str, topic_prefix: str, tmp_path: Path, seed: int, plan: Dispatch
) -> None:
    config = config_for(broker, topic_prefix, tmp_path)
    await make_all_topics(config)
    dispatch: DispatchConfig = planned(plan, default_config())
    script = Script(seed)
    async with producing(broker) as producer:
        for _ in range(4):
            place = KilledAt(script.rnd.choice(DISPATCH_PLACES), script.rnd.randint(1, 3))
            async with owning(config, dispatch, place) as desk:
                while not desk.stops:
                    last = await script.go_on(producer, config, script.rnd.randint(1, 8))
                    await until(partial(is_done, desk, *last), "decisions")
        await script.go_on(producer, config, 10)
        async with owning(config, dispatch) as desk:
            ends = await ends_of(config)
            await until(partial(is_at_rest, desk, ends), "rest")
    checked = DispatchedAlerts(dispatch, config.topics, await evidence_of(config))
    assert [sentence for kind in checked.check() for sentence in kind] == []
    assert checked.counts["decisions"] > 10
    assert checked.counts["notifications"] > 5
