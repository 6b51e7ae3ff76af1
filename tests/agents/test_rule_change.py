"""Other rules on a worker that goes on: alerts keep their identity, and every event counts once."""

from pathlib import Path

import pytest
import yaml

from agents.engine.rule_change import put_rules_in_force
from models.alert import Alert, AlertStatus
from streams.alerting.core import Core
from streams.alerting.rule_parsing import parse_rules
from streams.alerting.rules import RuleSet
from tests.agents.support import Rig, config_for, created, make_topics, producing, running, send, until

pytestmark = pytest.mark.broker

RULE = {"rule_id": "failures", "alert_type": "HIGH_FAILURE_RATE", "severity": "WARNING", "threshold": "1%",
        "window_minutes": 15, "description": "too many failures"}  # fmt: skip


def core(**changes: object) -> Core:
    """A rule is resolved when its window is final: a second after it is no longer crossed."""
    rules = RuleSet(parse_rules(yaml.safe_load(yaml.safe_dump({"rules": [RULE | changes]}))))
    return Core(rules, grace_ms=1_000)


def failed(project: str, number: int) -> bytes:
    return created(project, 1, type="episode.creation_failed", event_id=f"failed-{project}-{number}")


def emitted(rig: Rig) -> list[Alert]:
    return [alert for alert, _, _ in rig.history]


async def test_an_edited_rule_goes_on_with_the_alerts_that_it_has(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    config = config_for(broker, topic_prefix, tmp_path)
    await make_topics(broker, config)
    async with producing(broker) as producer, running(Rig(config)) as rig:
        await put_rules_in_force(rig.runtime.engine, core())
        for number in range(2):
            await send(producer, rig.topics.events, 0, b"p", created("p", number + 1))
            await send(producer, rig.topics.events, 0, b"p", failed("p", number))
        await until(lambda: len(emitted(rig)) == 1)
        (fired,) = emitted(rig)
        assert fired.status is AlertStatus.FIRING

        await put_rules_in_force(rig.runtime.engine, core(threshold="10%", description="other words"))
        state = rig.owned[0].partition.look("p")
        assert state is not None
        assert rig.owned[0].partition.next_offset == 4
        assert (rig.episodes("p"), state.core.rules.by_id["failures"].description) == (2, "other words")
        assert len(emitted(rig)) == 1, "it fires still, and is not told of again"

        await put_rules_in_force(rig.runtime.engine, core(threshold="90%"))
        await until(lambda: len(emitted(rig)) == 2)
        ended = emitted(rig)[1]
        assert (ended.status, ended.alert_id) == (AlertStatus.RESOLVED, fired.alert_id)
        await until(rig.is_stored)
    assert rig.stops == []


async def test_rules_that_change_while_events_come_cost_no_event_and_count_none_twice(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    config = config_for(broker, topic_prefix, tmp_path)
    await make_topics(broker, config)
    async with producing(broker) as producer, running(Rig(config)) as rig:
        for number in range(1, 201):
            await send(
                producer, rig.topics.events, number % 2, b"p%d" % (number % 2), created(f"p{number % 2}", number)
            )
            if number % 40 == 0:
                await put_rules_in_force(rig.runtime.engine, core(threshold=f"{number}.5%" if number < 99 else "50%"))
        await until(lambda: rig.outcome("applied") == 200)
        await until(rig.is_stored)
        assert [rig.episodes("p0"), rig.episodes("p1")] == [100, 100]
    async with running(Rig(config)) as again:
        assert [again.episodes("p0"), again.episodes("p1")] == [100, 100]
    assert rig.stops == again.stops == []


async def test_a_partition_that_recovers_meanwhile_goes_live_with_the_other_rules(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    config = config_for(broker, topic_prefix, tmp_path)
    await make_topics(broker, config)
    async with running(Rig(config), partitions=None) as rig:
        other = core()
        await until(lambda: bool(rig.owned))
        await put_rules_in_force(rig.runtime.engine, other)
        await until(lambda: rig.is_live(2))
        assert all(owned.partition.core is other for owned in rig.owned.values())
