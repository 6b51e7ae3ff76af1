"""Rules on all projects over the real broker: several partitions and workers, one alert, also where a process ends."""

import signal
from pathlib import Path

import pytest
import yaml

from agents.config import AgentsConfig
from agents.engine.fleet_rules import Pace
from agents.engine.rule_change import put_rules_in_force
from faults.evidence import read_log
from models.alert import Alert
from models.alert_codec import decode_alert
from streams.alerting.core import Core
from streams.alerting.rule_parsing import parse_rules
from streams.alerting.rules import RuleSet
from testbed.worker_handle import WorkerHandle
from testbed.worker_process import Orders
from tests.agents.support import Rig, config_for, created, make_topics, producing, running, send, until

RULES = """
rules:
  - {rule_id: of_each, alert_type: HIGH_FAILURE_RATE, severity: warning, threshold: 40%, window_minutes: 1}
  - {rule_id: of_all, alert_type: HIGH_FAILURE_RATE, severity: info, threshold: 20%, window_minutes: 1, scope: fleet}
"""


def core() -> Core:
    """A second is final two seconds after it."""
    return Core(RuleSet(parse_rules(yaml.safe_load(RULES))), grace_ms=1_000)


def failed(project: str, number: int) -> bytes:
    return created(project, 1, type="episode.creation_failed", event_id=f"failed-{project}-{number}")


def of_all(rig: Rig) -> list[Alert]:
    """Its alerts about all projects, as the history has them."""
    return [alert for alert, _, _ in rig.history if alert.rule_id == "of_all"]


async def worker(config: AgentsConfig) -> Rig:
    """With these rules from its start."""
    rig = Rig(config)
    await put_rules_in_force(rig.runtime.engine, core())
    return rig


async def send_events(broker: str, topic: str) -> None:
    """In partition 0 one of four fails, in partition 1 one of three: no project is above 40 %, and 2 of 7 are 28.6 %.
    The failures come last: before the second, 1 of 6 is not above 20 %."""
    async with producing(broker) as producer:
        for number in range(3):
            await send(producer, topic, 0, b"a", created("a", number + 1))
        for number in range(2):
            await send(producer, topic, 1, b"b", created("b", number + 1))
        await send(producer, topic, 0, b"a", failed("a", 0))
        await send(producer, topic, 1, b"b", failed("b", 0))


@pytest.mark.broker
async def test_partitions_of_two_workers_are_judged_together_once(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    config = config_for(broker, topic_prefix, tmp_path)
    await make_topics(broker, config)
    first, second = await worker(config), await worker(config)
    async with running(first, None), running(second, None):
        await until(lambda: first.is_live(1) and second.is_live(1), "a partition each")
        await send_events(broker, config.topics.events)
        await until(lambda: bool(of_all(first) or of_all(second)), "it fires")
        [fired] = of_all(first) or of_all(second)
        assert (fired.alert_key, fired.status.value, fired.sample_size) == ("of_all:_fleet", "firing", 7)
        await until(lambda: {alert.rule_id for rig in (first, second) for alert, _, _ in rig.history} == {"of_all"})
    assert (first.stops, second.stops) == ([], [])


@pytest.mark.broker
@pytest.mark.parametrize("place", ["fleet seconds stored", "fleet seconds sent", "fleet judged", "after emit"])
async def test_a_process_that_is_killed_between_two_steps_loses_and_doubles_nothing(
    place: str, broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    config = config_for(broker, topic_prefix, tmp_path)
    await make_topics(broker, config)
    orders = Orders(
        bootstrap_servers=broker, prefix=topic_prefix, status_file="", partitions=2, rules=RULES, grace_ms=1_000
    )
    with WorkerHandle(tmp_path, "w", orders) as killed:
        killed.start(fault_at=place)
        await send_events(broker, config.topics.events)
        await until(lambda: killed.returncode is not None, "the process ends")
        assert killed.returncode == -signal.SIGKILL, killed.log_text()
    second = await worker(config)
    async with running(second):
        await until(lambda: bool(of_all(second)), "it fires")
        judge = second.owned[0].fleet_judge
        assert judge is not None
        assert judge.verdict("of_all").whole == 7, "what was sent twice counts once"
        await until(second.is_stored)
    assert second.stops == []
    found = [
        decode_alert(record.value or b"")
        for number in (0, 1)
        for record in await read_log(broker, config.topics.alerts, number)
    ]
    [fired] = {alert.transition_id: alert for alert in found if alert is not None}.values()
    assert (fired.alert_key, fired.status.value, fired.value) == ("of_all:_fleet", "firing", 200 / 7)
    assert all(alert == fired for alert in found), "what was emitted twice is the same"


def test_a_past_that_is_read_faster_than_time_passes_is_judged_when_it_is_read() -> None:
    pace = Pace()
    assert pace.is_catching_up(1_000, 5_000, 0.0)
    assert pace.is_catching_up(2_000, 4_000, 4.0)
    assert pace.is_catching_up(9_000, 400, 5.0)
    assert not pace.is_catching_up(9_005, 405, 10.0), "it comes as late as that all the time"
    assert not pace.is_catching_up(9_400, 20, 15.0)
    assert not Pace().is_catching_up(1_000, 50, 0.0), "the present"
