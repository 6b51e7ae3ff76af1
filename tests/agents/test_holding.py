"""An alert about numbers waits until the other partitions were asked, and goes out before the state is stored."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from agents.engine import arrivals as arrivals_module
from agents.engine.ownership import Owned
from tests.agents.desk import NOW_MS, Desk, FakeRecord, event, failure, turns


def later(offset: int, project: str, seconds: int, number: int = 1) -> FakeRecord:
    """An episode that was created so long after the first."""
    at_ms = NOW_MS + 1000 * seconds
    made = event(offset, project, occurred_at=at_ms, episode_number=number)
    return made._replace(timestamp=at_ms)


GAP: list[FakeRecord] = [
    event(0, "halved", episode_number=1),
    event(1, "halved", episode_number=3),
    later(2, "other", 61),
]


class Asked:
    """What the engine asks; it waits for `answer`, and notes the other part if there is to be one."""

    def __init__(self) -> None:
        self.projects: list[list[str]] = []
        self.may_wait: list[bool] = []
        self.answer = asyncio.Event()
        self.finds: list[int] = []

    async def compare(self, owned: Owned, projects: list[str], is_patient: bool) -> None:
        self.projects.append(projects)
        self.may_wait.append(is_patient)
        await self.answer.wait()
        for project in projects if self.finds else ():
            owned.partition.note_split(project, self.finds)
        await self.engine_emits(owned)

    engine_emits = staticmethod(lambda owned: asyncio.sleep(0))


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    desk = Desk()
    desk.producer.answers_at_once = True
    desk.engine.assignment.partitions = 2
    desk.now_ms = NOW_MS + 200_000
    yield desk
    await desk.close()


@pytest.fixture
def asked(desk: Desk) -> Asked:
    asked = Asked()

    async def emit(owned: Owned) -> None:
        async with owned.locked() as change:
            assert change is not None
            await desk.engine.emitter.emit(change)

    asked.engine_emits = emit
    desk.engine.assignment.compare = asked.compare
    return asked


async def test_it_is_told_when_nobody_else_has_a_part_and_before_it_is_stored(desk: Desk, asked: Asked) -> None:
    await desk.own(0)
    await desk.take(0, *GAP)
    assert desk.producer.journal == []
    flushing = asyncio.create_task(desk.engine.flusher.flush())
    await turns()
    assert asked.projects == [["halved"]]
    assert desk.producer.journal == []
    asked.answer.set()
    await flushing
    assert desk.producer.journal == ["alert", "state 0", "closing 0"]


async def test_nothing_is_told_of_a_project_that_turns_out_to_be_split(desk: Desk, asked: Asked) -> None:
    asked.finds = [1]
    asked.answer.set()
    await desk.own(0)
    await desk.take(0, *GAP)
    await desk.engine.flusher.flush()
    assert desk.producer.journal == ["state 0", "closing 0"]
    assert desk.engine.owned[0].partition.index.gaps == 0
    await desk.take(0, event(3, "halved", episode_number=9), later(4, "other", 130))
    await desk.engine.flusher.flush()
    assert "alert" not in desk.producer.journal


async def test_what_comes_while_others_are_asked_is_asked_for_as_well(desk: Desk, asked: Asked) -> None:
    await desk.own(0)
    await desk.take(0, *GAP)
    flushing = asyncio.create_task(desk.engine.flusher.flush())
    await turns()
    late = [later(3, "late", 62, 2)]
    await desk.take(0, *late, later(4, "other", 130))
    asked.answer.set()
    await flushing
    assert asked.projects == [["halved"], ["late"]]
    assert desk.producer.journal == ["alert", "alert", "state 0", "closing 0"]


async def test_alerts_about_rates_wait_for_nobody(desk: Desk, asked: Asked) -> None:
    await desk.own(0)
    await desk.take(0, failure(0, "p"))
    assert desk.producer.journal == ["alert"]
    assert asked.projects == []


async def test_a_partition_that_is_behind_itself_does_not_wait_for_others(desk: Desk, asked: Asked) -> None:
    asked.answer.set()
    await desk.own(0)
    await desk.take(0, *GAP)
    await desk.engine.flusher.flush()
    desk.consumer.end_offset = 1000
    await desk.take(0, later(3, "late", 62, 2),
                    later(4, "other", 130))  # fmt: skip
    await desk.engine.flusher.flush()
    assert asked.may_wait == [True, False]


async def test_a_topic_of_one_partition_has_nobody_to_ask(desk: Desk, asked: Asked) -> None:
    desk.engine.assignment.partitions = 1
    await desk.own(0)
    await desk.take(0, *GAP)
    assert desk.producer.journal == ["alert"]


async def test_records_without_a_key_are_remembered_by_project(desk: Desk) -> None:
    await desk.own(0)
    with_key = event(0, "keyed")
    await desk.take(0, with_key, FakeRecord(1, None, event(1, "keyless").value))
    assert desk.engine.owned[0].keyless == {"keyless"}


async def test_the_past_of_one_partition_waits_a_while_for_that_of_the_others(
    desk: Desk, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was told of it may be of a project whose other part is still to be read."""
    asked.answer.set()
    await desk.own(0, 1)
    first, second = desk.engine.owned[0], desk.engine.owned[1]
    monkeypatch.setattr(desk.engine.arrivals, "_has_arrived", lambda owned: owned is first)
    await desk.engine.arrivals.look()
    assert (first.is_behind, second.is_behind) == (True, True)
    monkeypatch.setattr(arrivals_module, "WAIT_FOR_OTHERS_SECONDS", 0.0)
    await desk.engine.arrivals.look()
    assert (first.is_behind, second.is_behind) == (False, True)


async def test_partitions_that_arrive_together_wait_for_nobody(
    desk: Desk, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked.answer.set()
    await desk.own(0, 1)
    monkeypatch.setattr(desk.engine.arrivals, "_has_arrived", lambda owned: True)
    await desk.engine.arrivals.look()
    assert [owned.is_behind for owned in desk.engine.owned.values()] == [False, False]
