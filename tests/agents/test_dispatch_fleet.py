"""The dispatcher in whole workers: one owner among them, whichever of them ends, and however it ends."""

import asyncio
import signal
from pathlib import Path

import msgspec
import pytest

from agents.config import AgentsConfig
from agents.dispatch.status import DispatchStatus
from models.alert import AlertStatus, Severity
from testbed.worker_handle import WorkerHandle
from testbed.worker_process import Orders, dispatch_config
from tests.agents.dispatch_desk import (
    make_all_topics,
    notifications,
    put_alert,
    told,
    until_notified,
)
from tests.agents.support import Rig, config_for, now_ms, producing, running, until
from tests.streams.dispatch.scripts import alert

pytestmark = pytest.mark.broker


def dispatching(broker: str, prefix: str, folder: Path) -> AgentsConfig:
    return config_for(broker, prefix, folder, dispatch=dispatch_config)


def status(rig: Rig) -> DispatchStatus:
    found = rig.runtime.dispatching.status(now_ms())
    assert found is not None
    return found


async def test_the_dispatcher_has_one_owner_and_moves_to_a_worker_that_goes_on(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    config = dispatching(broker, topic_prefix, tmp_path)
    one, two = Rig(config), Rig(config)

    def owners() -> list[Rig]:
        return [each for each in (one, two) if each.runtime.dispatching.is_live]

    async with producing(broker) as producer, running(two):
        async with running(one, partitions=None):
            await until(lambda: one.is_live(1) and two.is_live(1), "one partition each")
            await until(lambda: len(owners()) == 1, "one owner")
            await put_alert(producer, config, alert("p1"))
            await until_notified(config, 1)
            assert len(owners()) == 1
            await until(lambda: status(one).word == status(two).word == "ok", "both know an owner")
            assert sorted((status(each).is_owner, status(each).is_live) for each in (one, two)) == [
                (False, False), (True, True),
            ]  # fmt: skip
        await until(lambda: owners() == [two], "the worker that goes on")
        await until(lambda: status(two).word == "ok" and status(two).is_owner, "it says so")
        await put_alert(producer, config, alert("p1", AlertStatus.RESOLVED))
        assert told(await until_notified(config, 2)) == ["team p1", "team -p1"]
    assert len(await notifications(config)) == 2
    assert one.stops == two.stops == []


async def test_a_monitor_whose_dispatcher_has_stored_something_has_read_the_alerts_before(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    config = dispatching(broker, topic_prefix, tmp_path)
    await make_all_topics(config)
    one = Rig(config)
    await one.runtime.dispatching.prepare(2)
    assert not await one.runtime.dispatching.has_read()
    async with running(one):
        await until(lambda: one.runtime.dispatching.is_live, "an owner")
    assert await one.runtime.dispatching.has_read(), "although its group has committed nothing there"


@pytest.mark.parametrize("place", ["decided", "stored", "sent", "cleared"])
async def test_a_worker_that_is_killed_loses_nothing_and_repeats_only_with_the_same_id(
    broker: str, topic_prefix: str, tmp_path: Path, place: str
) -> None:
    orders = Orders(
        bootstrap_servers=broker, prefix=topic_prefix, status_file="", partitions=2
    )  # fmt: skip
    config = dispatching(broker, topic_prefix, tmp_path)
    await make_all_topics(config)
    with WorkerHandle(tmp_path, "w", orders) as worker:
        async with producing(broker) as producer:
            worker.start(fault_at=f"dispatch {place}", fault_on=2 if place == "decided" else 1)
            await put_alert(producer, config, alert("p1", severity=Severity.CRITICAL))
            assert await asyncio.to_thread(worker.process.wait, 60) == -signal.SIGKILL, worker.log_text()
            await put_alert(producer, config, alert("p1", AlertStatus.RESOLVED, Severity.CRITICAL))
            worker.start()
            await until_notified(config, 4)
            assert await worker.stop() == 0
    found = await notifications(config)
    assert sorted(told(found)) == ["on-call -p1", "on-call p1", "team -p1", "team p1"], "on-call was due meanwhile"
    by_id = {each.notification_id: each for each in found}
    assert all(by_id[each.notification_id] == each for each in found), "a repetition is the same to the last field"


async def test_an_alert_whose_rule_was_removed_ends_when_the_next_owner_begins(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    config = dispatching(broker, topic_prefix, tmp_path)
    async with producing(broker) as producer:
        async with running(Rig(config)):
            await put_alert(producer, config, alert("p1"))
            await put_alert(producer, config, alert("p2", rule="kept"))
            await until_notified(config, 2)
        async with running(Rig(msgspec.structs.replace(config, rules=lambda: frozenset(["kept"])))):
            assert sorted(told(await until_notified(config, 3))) == ["team -p1", "team p1", "team p2"]


async def test_an_alert_whose_rule_a_reload_removed_ends_and_one_of_a_rule_to_come_does_not(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    rules = [frozenset(["rate", "kept"])]
    config = msgspec.structs.replace(dispatching(broker, topic_prefix, tmp_path), rules=lambda: rules[0])
    async with producing(broker) as producer, running(Rig(config)):
        await put_alert(producer, config, alert("p1"))
        await put_alert(producer, config, alert("p2", rule="kept"))
        await put_alert(producer, config, alert("p3", rule="of another worker, which has reloaded first"))
        await until_notified(config, 3)
        rules[0] = frozenset(["kept", "of another worker, which has reloaded first"])
        assert sorted(told(await until_notified(config, 4))) == ["team -p1", "team p1", "team p2", "team p3"]
