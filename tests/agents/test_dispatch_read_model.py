"""The copy of the dispatcher's state that every worker has: whole decisions, and the same answers as the owner's."""

import asyncio
from pathlib import Path

import pytest
from aiokafka.errors import KafkaConnectionError

from agents.dispatch.act_desk import ActDesk
from agents.dispatch.codecs import Outcome, Presence, encode_change, encode_outcome, encode_presence
from agents.dispatch.read_model import ReadModel
from agents.engine.producer import Producer
from models.alert import Severity
from streams.dispatch.config import default_config
from streams.dispatch.decide import decide, wire
from streams.dispatch.inputs import Acknowledge, AnyInput, Tick, Transition
from streams.dispatch.outputs import Change
from streams.dispatch.state import State
from streams.dispatch.storage import everything, restored, take_changes
from streams.dispatch.table import REFUSALS, Event, Status
from streams.dispatch.views import explained
from tests.agents.dispatch_desk import make_all_topics, put_alert
from tests.agents.support import Rig, producing, running, until
from tests.agents.test_dispatch_fleet import dispatching
from tests.streams.dispatch.proof_configs import config, route
from tests.streams.dispatch.scripts import MINUTE_MS, START_MS, alert

CONFIG = default_config()
P1 = alert("p1", severity=Severity.CRITICAL)


def feed(model: ReadModel, state: State) -> None:
    """What the owner stores of a decision, the end last."""
    for key, value in sorted(take_changes(state), key=lambda pair: pair[0] == b"m"):
        model.take(key, value)


def test_it_answers_as_the_owner_does_after_each_decision() -> None:
    state, model = State(), ReadModel(lambda: CONFIG)
    inputs: tuple[AnyInput, ...] = (
        Transition(alert=P1),
        Transition(alert=alert("p2")),
        Acknowledge(alert_key="rate:p1", by="kim"),
        Tick(),
    )
    for minute, given in enumerate(inputs):
        decide(CONFIG, state, given, START_MS + minute * MINUTE_MS)
        feed(model, state)
        assert dict(everything(model.state())) == dict(everything(state))
        assert model.explained("rate:p1") == explained(CONFIG, state, "rate:p1")
    assert [each.acknowledged_by for each in model.firing()] == ["kim", None]
    assert model.explained("rate:p9") is None


def test_half_a_decision_is_not_seen() -> None:
    state, model = State(), ReadModel(lambda: CONFIG)
    decide(CONFIG, state, Transition(alert=P1), START_MS)
    records = sorted(take_changes(state), key=lambda pair: pair[0] == b"m")
    for key, value in records[:-1]:
        model.take(key, value)
        assert model.firing() == []
    model.take(*records[-1])
    assert [each.alert_key for each in model.firing()] == ["rate:p1"]


def test_its_version_rises_with_what_people_see_and_not_with_the_clock_alone() -> None:
    state, model = State(), ReadModel(lambda: CONFIG)
    model.state()  # all that there is was read
    versions = [model.version]
    inputs: tuple[AnyInput, ...] = (Transition(alert=P1), Tick(), Tick(), Acknowledge(alert_key="rate:p1", by="kim"))
    for second, given in enumerate(inputs):
        decide(CONFIG, state, given, START_MS + second * 1000)
        feed(model, state)
        versions.append(model.version)
    before, fired, ticked, ticked_again, acknowledged = versions
    assert before < fired == ticked == ticked_again < acknowledged


END = dict(everything(State()))[b"m"]


def test_of_decisions_that_are_read_together_none_is_lost_to_a_later_one() -> None:
    """A change for the history is removed as soon as it is stored there; a copy in memory must have seen it."""
    model = ReadModel(lambda: CONFIG)
    model.state()
    change = encode_change(Change(P1, "acknowledged", START_MS, "kim", ""))
    for _ in model.taking([(b"h1", change), (b"m", END), (b"h1", None), (b"m", END)]):
        pass
    assert [each.reason for each in model.take_changes()] == ["acknowledged"]


async def test_it_says_whether_somebody_waits_for_an_act() -> None:
    model = ReadModel(lambda: CONFIG)
    with model.awaited("one"):
        with model.awaited("two"):
            pass
        assert model.is_awaited.is_set()
    assert not model.is_awaited.is_set()


async def test_an_outcome_is_awaited_until_the_decision_is_whole() -> None:
    model = ReadModel(lambda: CONFIG)
    assert model.firing() == []
    with model.awaited("one") as one, model.awaited("two") as two:
        model.take(b"xone", encode_outcome(Outcome(START_MS, "unknown")))
        with pytest.raises(TimeoutError):
            await two(0.01)
        waiting = asyncio.ensure_future(one(10))
        await asyncio.sleep(0)
        assert not waiting.done()
        model.take(b"m", END)
        assert await waiting == (START_MS, "unknown")


async def test_while_everything_is_read_anew_the_copy_before_answers_and_outcomes_wait() -> None:
    state, model = State(), ReadModel(lambda: CONFIG)
    decide(CONFIG, state, Transition(alert=P1), START_MS)
    feed(model, state)
    assert len(model.firing()) == 1
    with model.awaited("one") as one:
        model.begin_anew()
        for key, value in ((b"xone", encode_outcome(Outcome(START_MS))), (b"m", END)):
            model.take(key, value)
        assert len(model.firing()) == 1
        with pytest.raises(TimeoutError):
            await one(0.01)
    with model.awaited("one") as one:
        for _ in model.all_read():
            assert len(model.firing()) == 1
        assert model.firing() == []
        assert (await one(10)).refusal == ""


def test_another_configuration_is_followed() -> None:
    in_force = [CONFIG]
    state, model = State(), ReadModel(lambda: in_force[0])
    decide(CONFIG, state, Transition(alert=P1), START_MS)
    feed(model, state)
    in_force[0] = config(route("pager"))
    for _ in model.reconfiguring():
        pass
    other = restored(everything(state))
    wire(in_force[0], other)
    assert sorted(model.state().groups) == sorted(other.groups)
    assert any(key.startswith("pager:") for key in model.state().groups)
    assert list(model.reconfiguring()) == []


@pytest.mark.broker
async def test_a_worker_that_is_not_the_owner_answers_for_all_alerts_and_learns_what_became_of_an_act(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    config = dispatching(broker, topic_prefix, tmp_path)
    await make_all_topics(config)
    one, two = Rig(config), Rig(config)
    async with producing(broker) as producer, running(one), running(two, partitions=None):
        await until(lambda: one.is_live(1) and two.is_live(1), "one partition each")
        await until(lambda: one.runtime.dispatching.is_live != two.runtime.dispatching.is_live, "one owner")
        other = two if one.runtime.dispatching.is_live else one
        model = other.runtime.dispatching.model
        assert model is not None
        await put_alert(producer, config, alert("p1"), 0)
        await put_alert(producer, config, alert("p2"), 1)
        await until(lambda: [each.project_id for each in model.firing()] == ["p1", "p2"])
        desk = other.runtime.dispatching.act_desk
        assert desk is not None
        assert await desk.perform(Acknowledge(alert_key="rate:p2", by="kim"), 30) is None
        assert [each.acknowledged_by for each in model.firing()] == [None, "kim"]
        again = Acknowledge(alert_key="rate:p9", by="kim")
        assert await desk.perform(again, 30) is REFUSALS[Status.ABSENT, Event.ACKNOWLEDGE]
    assert one.stops == two.stops == []


def test_the_owner_is_who_said_so_last_and_what_is_old_when_it_is_read_stays_old() -> None:
    model, said = ReadModel(lambda: CONFIG, lambda: START_MS), encode_presence(Presence("http://a", START_MS - 60_000))
    for heard_ms in (START_MS - 60_000, START_MS):
        model.take(b"w", said)
        model.take(b"m", END)
        assert model.owner is not None
        assert (model.owner.worker, model.owner_heard_ms) == ("http://a", heard_ms)
        assert model.firing() == []  # from here on it is current
    assert model.size_bytes == len(b"w") + len(said) + len(b"m") + len(END)


def test_what_is_in_the_outbox_is_counted() -> None:
    model = ReadModel(lambda: CONFIG)
    for key, value in ((b"n1", b"."), (b"n2", b"."), (b"m", END), (b"n1", b":"), (b"m", END)):
        model.take(key, value)
    assert model.outbox == 2
    for key in (b"n1", b"n2", b"n3"):
        model.take(key, None)
    assert model.outbox == 2, "half a decision"
    model.take(b"m", END)
    assert (model.outbox, model.size_bytes) == (0, 1 + len(END))


async def test_an_act_before_the_worker_is_connected_is_refused_as_a_failure_of_kafka() -> None:
    desk = ActDesk("acts", Producer("127.0.0.1:9"), ReadModel(default_config), lambda: START_MS)
    with pytest.raises(KafkaConnectionError, match="this worker is not connected"):
        await desk.perform(Acknowledge(alert_key="r:p", by="kim"))
