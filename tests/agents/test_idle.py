"""Time without events: when a partition's clock may follow the one on the wall, and in which order that is stored."""

import asyncio
import time
from collections.abc import AsyncIterator

import msgspec
import pytest

from streams.base import changelog_keys
from streams.base.checkpoint_types import Cursor
from tests.agents.desk import NOW_MS, Desk, cursor_of, event, turns


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    desk = Desk()
    yield desk
    await desk.close()


def read_to_the_end(desk: Desk, partition: int) -> None:
    owned = desk.engine.owned[partition]
    owned.taken_at = time.monotonic() - 60
    desk.consumer.end_offset, desk.consumer.answered = owned.position, time.time()


async def test_an_idle_clock_is_stored_before_anything_is_told_of_it(desk: Desk) -> None:
    await desk.own(0)
    desk.producer.answers_at_once = True
    await desk.take(0, event(0, "p"), event(1, "p", episode_number=3))  # number 2 is a suspect gap
    await desk.engine.flusher.flush()
    desk.producer.answers_at_once = False
    desk.producer.journal.clear()
    read_to_the_end(desk, 0)
    desk.now_ms = NOW_MS + 200_000

    moving = asyncio.create_task(desk.idle.run())
    await desk.producer.seen("closing 0")
    assert desk.producer.journal == ["closing 0"]
    assert cursor_of(desk, 0) == Cursor(2, NOW_MS + 198_000)
    await desk.producer.acknowledge("closing 0")
    await desk.producer.acknowledge("alert")
    await desk.producer.acknowledge("state 0")
    await desk.producer.acknowledge("closing 0")
    await moving
    assert desk.producer.journal == ["closing 0", "alert", "state 0", "closing 0"]


async def test_an_idle_clock_does_not_claim_what_a_flush_is_still_storing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.own(0)
    await desk.take(0, event(0, "p"), event(1, "p", episode_number=3))
    read_to_the_end(desk, 0)
    desk.now_ms = NOW_MS + 200_000
    flushing = asyncio.create_task(desk.engine.flusher.flush())
    await desk.producer.seen("state 0")
    monkeypatch.setattr(
        desk.engine.flusher, "flush", _nothing
    )  # its own flushes came before this one and come after it
    moving = asyncio.create_task(desk.idle.run())
    await turns()
    assert desk.producer.journal == ["state 0"], "a cursor now would make a crash lose what is under way"
    desk.producer.answers_at_once = True
    await desk.producer.acknowledge("state 0")
    await asyncio.gather(flushing, moving)
    assert desk.producer.journal == ["state 0", "closing 0", "closing 0", "alert"]


async def _nothing() -> None: ...


@pytest.mark.parametrize("why", ["records wait", "nothing was heard", "heard long ago", "not quiet yet", "being taken"])
async def test_a_clock_stands_still_where_events_may_wait(desk: Desk, why: str) -> None:
    await desk.own(0)
    desk.producer.answers_at_once = True
    await desk.take(0, event(0, "p"), event(1, "p", episode_number=3))
    await desk.engine.flusher.flush()
    read_to_the_end(desk, 0)
    desk.now_ms = NOW_MS + 200_000
    if why == "records wait":
        desk.consumer.end_offset = 3
    elif why == "nothing was heard":
        desk.consumer.end_offset = None
    elif why == "heard long ago":
        desk.consumer.answered = time.time() - 60
    elif why == "not quiet yet":
        desk.engine.owned[0].taken_at = time.monotonic()
    else:
        desk.consumer.wanted.clear()
    desk.producer.journal.clear()
    await desk.idle.run()
    assert desk.producer.journal == []
    assert desk.engine.owned[0].partition.clock_ms == NOW_MS


async def test_what_the_stored_clock_had_made_due_is_told_after_a_crash(desk: Desk) -> None:
    """A crash between the storing of an idle clock and the telling of what came of it."""
    await desk.own(0)
    desk.producer.answers_at_once = True
    await desk.take(0, event(0, "p"), event(1, "p", episode_number=3))
    await desk.engine.flusher.flush()
    values = {key: value for key, value in desk.producer.written[0].items() if value is not None}
    values[changelog_keys.CURSOR] = msgspec.msgpack.encode(Cursor(2, NOW_MS + 198_000))

    heir = Desk()
    heir.recovery.values = values
    await heir.own(0)
    assert heir.producer.journal == ["alert"]
    flushing = asyncio.create_task(heir.engine.flusher.flush())
    await turns()
    assert heir.producer.journal == ["alert"]
    await heir.producer.acknowledge("alert")
    assert heir.producer.journal == ["alert", "state 0"]
    await heir.close()
    await flushing


async def test_a_clock_that_was_set_moves_no_idle_partition_until_it_has_stayed_so(desk: Desk) -> None:
    await desk.own(0)
    desk.producer.answers_at_once = True
    await desk.take(0, event(0, "p"), event(1, "p", episode_number=3))
    await desk.engine.flusher.flush()
    read_to_the_end(desk, 0)
    partition = desk.engine.owned[0].partition
    desk.steady_ms = 5_000
    await desk.idle.run()
    desk.now_ms = NOW_MS + 3_600_000
    for desk.steady_ms in (5_500, 65_499):
        await desk.idle.run()
        assert partition.clock_ms == NOW_MS, "it may be set back at any moment"
        desk.now_ms = NOW_MS + 3_600_000 + desk.steady_ms - 5_500 + 59_999
    desk.steady_ms, desk.now_ms = 65_500, NOW_MS + 3_660_000
    await desk.idle.run()
    assert partition.clock_ms == NOW_MS + 3_658_000
