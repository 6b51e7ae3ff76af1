"""The owner of the dispatcher on a real broker: whatever ends it, each decision is made once and sent at least once."""

from pathlib import Path

import msgspec
import pytest

from agents.alerts.alert_headers import mark_headers
from agents.config import AgentsConfig
from agents.dispatch.decision_log import END, DecisionLog
from agents.engine.producer import Producer
from agents.fetching.reading import reader
from models.alert import AlertStatus, Severity
from models.alert_codec import encode_alert
from streams.dispatch.config import default_config
from streams.dispatch.inputs import Acknowledge, Resolve
from streams.dispatch.records import MetaRecord
from streams.dispatch.table import REFUSALS, Event, Status
from tests.agents.dispatch_desk import (
    KilledAt,
    make_all_topics,
    notifications,
    owning,
    put_act,
    put_alert,
    told,
    until_notified,
)
from tests.agents.support import config_for, now_ms, producing, send, until
from tests.streams.dispatch.scripts import alert

pytestmark = pytest.mark.broker

SOON = default_config(escalate_after_ms=300)


async def a_monitor(broker: str, prefix: str, folder: Path) -> AgentsConfig:
    config = config_for(broker, prefix, folder)
    await make_all_topics(config)
    return config


async def put_script(broker: str, config: AgentsConfig, *, is_alive: bool) -> None:
    """p3 ends, p2 goes on, p1 goes on and escalates. `is_alive`: p1 comes when an owner has sent what came before."""
    async with producing(broker) as producer:
        await put_alert(producer, config, alert("p2"), 1)
        await put_alert(producer, config, alert("p3"), 1)
        await put_alert(producer, config, alert("p3", AlertStatus.RESOLVED), 1)
        if is_alive:
            await until_notified(config, 3)
        await put_alert(producer, config, alert("p1", severity=Severity.CRITICAL), 0)


EXPECTED = ["on-call p1", "team -p3", "team p1", "team p2", "team p3"]
PLACES = [
    *(("dispatch decided", nth) for nth in (1, 3)),
    *((f"dispatch {place}", nth) for place in ("stored", "sent", "cleared") for nth in (1, 2)),
]


@pytest.mark.parametrize(("place", "nth"), PLACES)
async def test_an_end_at_any_point_loses_nothing_and_repeats_only_with_the_same_id(
    broker: str, topic_prefix: str, tmp_path: Path, place: str, nth: int
) -> None:
    config = await a_monitor(broker, topic_prefix, tmp_path)
    async with owning(config, SOON, KilledAt(place, nth)) as first:
        await put_script(broker, config, is_alive=nth > 1)
        await until(lambda: bool(first.stops), "the end of the first owner")
    async with owning(config, SOON) as second:
        found = await until_notified(config, len(EXPECTED))
        await until(lambda: second.has_read(f"{config.topics.alerts}/1", 2))
    found = await notifications(config)
    assert sorted(told(found)) == EXPECTED
    if nth == 1 or place == "dispatch sent":  # later ones may follow on a sending that was not noted yet
        assert (len(found) > len(EXPECTED)) == (place == "dispatch sent")
    by_id = {each.notification_id: each for each in found}
    assert all(by_id[each.notification_id] == each for each in found), "a repetition is the same to the last field"
    async with owning(config, SOON) as third:
        await until(lambda: third.owner.is_live)
    assert len(await notifications(config)) == len(found), "what is known to be sent is not sent again"
    assert second.stops == third.stops == []


async def test_part_of_a_decision_does_not_count_and_is_overwritten(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    config = await a_monitor(broker, topic_prefix, tmp_path)
    async with producing(broker) as producer:
        await put_alert(producer, config, alert("p1"))
        async with owning(config):
            await until_notified(config, 1)
        torn = [(b"arate:p1", b"\xff of a state that was never whole"), (b"n%016x" % 7, b"never decided")]
        for key, value in torn:
            await send(producer, config.topics.dispatch, 0, key, value)
        async with owning(config) as second:
            await until(lambda: second.owner.is_live)
            state = second.owner.state
            assert state is not None
            assert state.alerts["rate:p1"].record.status is Status.FIRING
        await put_alert(producer, config, alert("p2"))
        async with owning(config) as third:
            assert told(await until_notified(config, 2)) == ["team p1", "team p2"]
            state = third.owner.state
            assert state is not None
            assert set(state.alerts) == {"rate:p1", "rate:p2"}


@pytest.mark.parametrize("value", [b"\xff of a newer version", b"\x01\xc1 of no worker", b""])
async def test_a_record_that_cannot_be_read_stops_the_dispatcher_and_not_the_worker(
    broker: str, topic_prefix: str, tmp_path: Path, value: bytes
) -> None:
    config = await a_monitor(broker, topic_prefix, tmp_path)
    async with producing(broker) as producer:
        await send(producer, config.topics.dispatch, 0, b"arate:p1", value)
        await send(producer, config.topics.dispatch, 0, END, encoded_meta())
        async with owning(config) as desk:
            await until(lambda: "has a record that this version cannot read" in desk.owner.problem)
            assert (desk.stops, desk.owner.is_live) == ([], False)
            await send(producer, config.topics.dispatch, 0, b"arate:p1", None)
            await send(producer, config.topics.dispatch, 0, END, encoded_meta())
            await until(lambda: desk.owner.is_live)


def encoded_meta() -> bytes:
    return b"\x01" + msgspec.msgpack.encode(MetaRecord())


async def test_an_act_is_applied_once_and_its_outcome_is_stored(broker: str, topic_prefix: str, tmp_path: Path) -> None:
    config = await a_monitor(broker, topic_prefix, tmp_path)
    async with producing(broker) as producer, owning(config, SOON) as desk:
        await put_alert(producer, config, alert("p1", severity=Severity.CRITICAL))
        await until_notified(config, 1)
        await put_act(producer, config, Acknowledge(alert_key="rate:p1", by="kim", comment="mine"), "one")
        offset = await put_act(producer, config, Resolve(alert_key="rate:p9", by="kim"), "two")
        await until(lambda: desk.has_read(f"{config.topics.acts}/0", offset))
        state = desk.owner.state
        assert state is not None
        taken = state.alerts["rate:p1"].record.acknowledgement
        assert taken is not None
        assert (taken.by, taken.comment) == ("kim", "mine")
    log_producer = Producer(broker)
    await log_producer.start()
    values = await stored(config, log_producer)
    assert [key for key in values if key[:1] == b"x"] == [b"xone", b"xtwo"]
    assert b'""' in values[b"xone"]
    assert REFUSALS[Status.ABSENT, Event.RESOLVE].value.encode() in values[b"xtwo"]
    await log_producer.stop()


async def stored(config: AgentsConfig, producer: Producer) -> dict[bytes, bytes]:
    log = DecisionLog(config.topics.dispatch, producer)
    await log.claim()
    async with reader(config.kafka) as consumer:
        found = await log.read(consumer)
    await log.close()
    assert not found.torn
    return found.values


async def test_what_a_version_without_a_dispatcher_delivered_is_known_and_its_end_is_notified(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    config = await a_monitor(broker, topic_prefix, tmp_path)
    async with producing(broker) as producer:
        await put_alert(producer, config, alert("p1"))
        await put_alert(producer, config, alert("p2"))
        async with owning(config, known_to={0: 2}):
            await put_alert(producer, config, alert("p1", AlertStatus.RESOLVED))
            found = await until_notified(config, 1)
    assert told(found) == ["team -p1"]


async def test_an_alert_of_the_past_waits_until_its_events_have_caught_up(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    config, caught_up = await a_monitor(broker, topic_prefix, tmp_path), [False]
    async with producing(broker) as producer, owning(config, caught_up=lambda number: caught_up[0]) as desk:
        await put_alert(producer, config, alert("p1"), is_behind=True)
        await put_alert(producer, config, alert("p2"), is_behind=True)
        await put_alert(producer, config, alert("p2", AlertStatus.RESOLVED), is_behind=True)
        await put_alert(producer, config, alert("p3"))
        assert told(await until_notified(config, 1)) == ["team p3"]
        await until(lambda: desk.has_read(f"{config.topics.alerts}/0", 3))
        caught_up[0] = True
        assert told(await until_notified(config, 2)) == ["team p3", "team p1"], "p2 is over, and nobody needs to know"


async def test_that_an_alert_waits_is_stored(broker: str, topic_prefix: str, tmp_path: Path) -> None:
    config = await a_monitor(broker, topic_prefix, tmp_path)
    async with producing(broker) as producer:
        await put_alert(producer, config, alert("p1"), is_behind=True)
        async with owning(config, caught_up=lambda number: False) as first:
            await until(lambda: first.has_read(f"{config.topics.alerts}/0", 0))
        async with owning(config):
            assert told(await until_notified(config, 1)) == ["team p1"]


async def test_acts_that_a_projects_state_has_taken_are_acts_here_too(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    config = await a_monitor(broker, topic_prefix, tmp_path)
    firing = alert("p1", severity=Severity.CRITICAL)
    acknowledged = msgspec.structs.replace(
        firing, acknowledged_by="kim", reason="acknowledged_by_person", annotations={"comment": "mine"}
    )
    silenced = msgspec.structs.replace(
        alert("p2"), silenced_until_ms=now_ms() + 600_000, reason="silenced_by_person",
        annotations={"acted_by": "lee"},
    )  # fmt: skip
    async with producing(broker) as producer, owning(config, SOON) as desk:
        for each in (firing, acknowledged, silenced):
            last = await put_alert(producer, config, each)
        await until(lambda: desk.has_read(f"{config.topics.alerts}/0", last))
        await put_alert(producer, config, alert("p3"))
        assert told(await until_notified(config, 2)) == ["team p1", "team p3"]
        state = desk.owner.state
        assert state is not None
        assert state.alerts["rate:p1"].record.status is Status.ACKNOWLEDGED
        assert state.silences["alert:rate:p2"].record.created_by == "lee"


async def test_other_monitors_and_rubbish_are_passed_over_and_count_as_read(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    config = await a_monitor(broker, topic_prefix, tmp_path)
    foreign = [(name, value or b"") for name, value in mark_headers("other", 0, False)]
    own = [(name, value or b"") for name, value in mark_headers(config.monitor_id, 0, False)]
    async with producing(broker) as producer, owning(config) as desk:
        await send(producer, config.topics.alerts, 0, b"k", encode_alert(alert("p1")), foreign)
        await send(producer, config.topics.alerts, 0, b"k", b"rubbish", own)
        await send(producer, config.topics.acts, 0, None, b'{"version": 2}')
        await until(lambda: desk.has_read(f"{config.topics.alerts}/0", 1))
        await until(lambda: desk.has_read(f"{config.topics.acts}/0", 0))
        state = desk.owner.state
        assert state is not None
        assert not state.alerts
    assert await notifications(config) == []


@pytest.mark.apache
async def test_a_former_owner_that_wakes_up_is_refused_and_sends_nothing(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    config = await a_monitor(broker, topic_prefix, tmp_path)
    async with producing(broker) as producer, owning(config) as former:
        await until(lambda: former.owner.is_live)
        async with owning(config) as owner:
            await until(lambda: owner.owner.is_live)
            await put_alert(producer, config, alert("p1"))
            await until(lambda: owner.has_read(f"{config.topics.alerts}/0", 0))
            await until(lambda: not former.owner.is_live, "the former owner gives up")
            assert told(await until_notified(config, 1)) == ["team p1"]
    assert len(await notifications(config)) == 1
    assert former.stops == owner.stops == []
