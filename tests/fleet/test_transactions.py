"""Every act of the list is the same transaction: what Kafka does not take is undone, and nothing is claimed that is not
stored."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiokafka.errors import KafkaError

from agents.engine.ownership import PartitionPhase
from episode_monitor.fleet.acts.drift import ReportDrift
from episode_monitor.fleet.acts.waive import WaiveFinding
from episode_monitor.fleet.catalogue import all_questions
from episode_monitor.fleet.errors import Recovering, Refused, Unreachable
from episode_monitor.fleet.questions.findings import FindingsQuestion
from episode_monitor.fleet.transaction import Act
from streams.partition.drift_alerts import named
from streams.partition.drift_values import Drifting
from streams.project.state_codec import canonical
from tests.fleet.fleet import Fleet, Worker
from tests.streams_views.making import START_MS, seed_project

DRIFT = named({"p": Drifting(START_MS, 7, "missing_in_stream", 2, 9)})
ACTS = ["waive", "report"]


async def act_of(name: str, worker: Worker) -> Act[Any, Any]:
    match name:
        case "waive":
            found = await worker.model.ask(FindingsQuestion(project_id="proj_123"))
            assert found is not None
            (finding, *_) = (one.finding_id for one in found.findings if one.kind == "duplicate")
            return WaiveFinding(
                project_id="proj_123", finding_id=finding, by="mina", reason="agreed", until_ms=START_MS + 3_600_000
            )
        case _:
            return ReportDrift(is_all=True, drifting=[])


@asynccontextmanager
async def one_worker() -> AsyncIterator[Worker]:
    """A project whose alert fires, and an alert about drift of another one, all stored."""
    async with Fleet(1) as fleet:
        worker = await fleet.worker("only")
        log = worker.own_partition(0)
        seed_project(log)
        log.settle(60)
        fleet.clock.ms = START_MS + 60_000
        log.partition.emits.clear()
        await worker.model.ask(ReportDrift(is_all=True, drifting=DRIFT))
        await worker.engine.flush()
        worker.told.clear()
        yield worker


def state_of(worker: Worker) -> tuple[object, ...]:
    owned = worker.engine.owned[0]
    state = owned.partition.look("proj_123")
    assert state is not None
    return canonical(state), state.deadline_ms, owned.drift_alerts.encode(), owned.partition.is_dirty


def test_all_acts_of_the_list_are_tried_here() -> None:
    acts = {kind for kind in all_questions().values() if issubclass(kind, Act)}
    assert acts == {WaiveFinding, ReportDrift}


@pytest.mark.parametrize("name", ACTS)
async def test_what_kafka_does_not_take_is_undone_and_can_be_done_later(name: str) -> None:
    async with one_worker() as worker:
        act = await act_of(name, worker)
        before, acts_done = state_of(worker), worker.own.acts_done
        worker.tell_failing = KafkaError("away")
        with pytest.raises(Unreachable, match="so nothing was changed"):
            await worker.model.ask(act)
        assert (state_of(worker), worker.own.acts_done, worker.told) == (before, acts_done, [])
        worker.tell_failing = None
        await worker.model.ask(act)
        assert len(worker.told) == (0 if name == "waive" else 1)  # the other findings keep the alert on
        assert worker.own.acts_done == acts_done + 1
        assert state_of(worker)[:3] != before[:3]
        assert not worker.engine.owned[0].partition.is_dirty, "it is stored before it is answered"


@pytest.mark.parametrize("name", ACTS)
async def test_an_act_that_is_cancelled_while_it_is_emitted_is_undone(name: str) -> None:
    async with one_worker() as worker:
        act = await act_of(name, worker)
        before = state_of(worker)
        worker.tell_failing = asyncio.CancelledError()  # type: ignore[assignment]
        with pytest.raises(asyncio.CancelledError):
            await worker.model.ask(act)
        assert state_of(worker) == before


@pytest.mark.parametrize("name", ACTS)
async def test_a_partition_that_goes_before_the_lock_is_had_is_not_changed(name: str) -> None:
    async with one_worker() as worker:
        act = await act_of(name, worker)
        before, owned = state_of(worker), worker.engine.owned[0]
        async with owned.locked():
            acting = asyncio.create_task(worker.model.ask(act))
            done, _ = await asyncio.wait([acting], timeout=0.05)
            assert not done
            owned.phase = PartitionPhase.GONE
        with pytest.raises(Recovering):
            await acting
        assert (state_of(worker), worker.told) == (before, [])


@pytest.mark.parametrize("name", ACTS)
async def test_a_partition_that_goes_while_the_change_is_stored_is_not_claimed(name: str) -> None:
    async with one_worker() as worker:
        act = await act_of(name, worker)
        worker.engine.on_flush = lambda: setattr(worker.engine.owned[0], "phase", PartitionPhase.GONE)
        with pytest.raises(Unreachable, match="moved to another worker meanwhile"):
            await worker.model.ask(act)


async def test_a_refusal_changes_and_emits_nothing() -> None:
    async with one_worker() as worker:
        act = await act_of("waive", worker)
        await worker.model.ask(act)
        worker.told.clear()
        before = state_of(worker)
        with pytest.raises(Refused, match="Only an open finding can be waived"):
            await worker.model.ask(act)
        assert (state_of(worker), worker.told) == (before, [])
