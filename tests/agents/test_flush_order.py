"""The one safe order: told and acknowledged, then stored and acknowledged, then the cursor, then the commit."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from agents.engine import flusher as flusher_module
from agents.engine.progress import Progress
from models.alert import Alert, AlertStatus, Severity
from streams.base import changelog_keys
from tests.agents.desk import Desk, cursor_of, event, failure, turns, useless

TOO_LATE = "what was being stored or sent did not end before the partitions went to others"


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    desk = Desk()
    yield desk
    await desk.close()


async def test_each_step_waits_for_the_brokers_word_on_the_one_before(desk: Desk) -> None:
    await desk.own(0)
    await desk.take(0, failure(0, "p"))
    await desk.take(0, useless(1))
    flushing = asyncio.create_task(desk.engine.flusher.flush())
    await turns()
    assert desk.producer.journal == ["alert", "letter"]

    await desk.producer.acknowledge("alert")
    assert desk.producer.journal == ["alert", "letter"], "the dead letter is not acknowledged yet"
    await desk.producer.acknowledge("letter")
    assert desk.producer.journal == ["alert", "letter", "state 0"]

    await desk.producer.acknowledge("state 0")
    assert desk.producer.journal == ["alert", "letter", "state 0", "closing 0"]
    assert desk.committed(0) == 0
    assert desk.passed == ["after emit", "after store"]

    await desk.producer.acknowledge("closing 0")
    await flushing
    assert desk.committed(0) == 2
    assert desk.passed == ["after emit", "after store", "after acknowledgement", "before commit"]
    assert cursor_of(desk, 0).next_offset == 2
    assert desk.stops == []


@pytest.mark.parametrize(
    ("refused", "journal"),
    [
        ("alert", ["alert", "letter"]),
        ("letter", ["alert", "letter"]),
        ("state 0", ["alert", "letter", "state 0"]),
        ("closing 0", ["alert", "letter", "state 0", "closing 0"]),
    ],
)
@pytest.mark.parametrize("when", ["sending", "answering"])
async def test_a_fault_at_any_step_stops_the_process_and_nothing_follows(
    desk: Desk, refused: str, journal: list[str], when: str
) -> None:
    await desk.own(0)
    if when == "sending":
        desk.producer.fails_to_send = refused
        journal = journal[: journal.index(refused)]
    await desk.take(0, failure(0, "p"))
    await desk.take(0, useless(1))
    flushing = asyncio.create_task(desk.engine.flusher.flush())
    for step in ("alert", "letter", "state 0", "closing 0"):
        if step == refused and when == "answering":
            await desk.producer.refuse(step)
        if step == refused:
            break
        await desk.producer.acknowledge(step)
    await turns()
    assert len(desk.stops) == 1
    assert desk.producer.journal == journal
    assert desk.committed(0) == 0
    desk.producer.fails_to_send = None
    await desk.close()
    await flushing


@pytest.mark.parametrize("step", ["alert", "state 0", "closing 0"])
async def test_after_a_revocation_in_the_middle_nothing_more_is_written(desk: Desk, step: str) -> None:
    await desk.own(0)
    await desk.take(0, failure(0, "p"))
    flushing = asyncio.create_task(desk.engine.flusher.flush())
    for before in ("alert", "state 0", "closing 0"):
        await desk.producer.seen(before)
        if before == step:
            break
        await desk.producer.acknowledge(before)
    written = list(desk.producer.journal)
    revoking = asyncio.create_task(desk.engine.revoke())
    await turns()
    assert not revoking.done(), "what is under way may still arrive: the next owner must not read yet"
    assert desk.engine.owned == {}

    await desk.producer.acknowledge(step)
    async with asyncio.timeout(5):
        await asyncio.gather(flushing, revoking)
    assert desk.producer.journal == written
    assert desk.committed(0) is None
    assert desk.stops == []


async def test_a_revocation_waits_for_dead_letters_that_no_flush_waits_for(desk: Desk) -> None:
    await desk.own(0)
    await desk.take(0, useless(0))
    revoking = asyncio.create_task(desk.engine.revoke())
    await turns()
    assert not revoking.done(), "the next owner would not find the letter and write it again"
    await desk.producer.acknowledge("letter")
    async with asyncio.timeout(5):
        await revoking
    assert (desk.producer.journal, desk.stops) == (["letter"], [])


async def test_a_revocation_whose_dead_letter_is_refused_stops_the_process(desk: Desk) -> None:
    await desk.own(0)
    await desk.take(0, useless(0))
    revoking = asyncio.create_task(desk.engine.revoke())
    await desk.producer.refuse("letter")
    await revoking
    assert desk.stops == [TOO_LATE]


async def test_a_revocation_that_cannot_wait_any_longer_stops_the_process(desk: Desk) -> None:
    await desk.own(0)
    await desk.take(0, failure(0, "p"))
    flushing = asyncio.create_task(desk.engine.flusher.flush())
    await turns()
    await desk.engine.revoke()
    assert desk.stops == [TOO_LATE]
    await desk.producer.acknowledge("alert")
    await flushing


async def test_a_hand_over_lets_no_records_go_first(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Progress, "is_behind", True)
    monkeypatch.setattr(flusher_module, "CATCH_UP_LOOK_SECONDS", 3600.0)
    desk.producer.answers_at_once = True
    for partition in (0, 1):
        await desk.own(partition)
        await desk.take(partition, event(0, f"p{partition}"))
    async with asyncio.timeout(20):
        await desk.engine.hand_over()
    assert [desk.engine.owned[partition].committed for partition in (0, 1)] == [1, 1]


async def test_a_flush_that_records_wait_for_stands_back_for_nobody(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Progress, "is_behind", True)
    for name in ("CATCH_UP_LOOK_SECONDS", "LET_BY_SECONDS"):
        monkeypatch.setattr(flusher_module, name, 3600.0)
    desk.producer.answers_at_once = True
    for partition in (0, 1):
        await desk.own(partition)
        await desk.take(partition, event(0, f"p{partition}"))
    monkeypatch.setattr(desk.engine.flusher, "most_unstored", 1)
    waiting = asyncio.create_task(desk.engine.flusher.make_room(desk.engine.owned[0]))
    await desk.engine.flusher.flush_now.wait()
    async with asyncio.timeout(20):
        await desk.engine.flusher._yield_to_fetching()
        await desk.engine.flusher.flush()
        await waiting
    assert [desk.engine.owned[partition].committed for partition in (0, 1)] == [1, 1]


async def test_records_go_on_when_their_partition_is_encoded_before_the_broker_has_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.own(0)
    await desk.take(0, event(0, "p"))
    monkeypatch.setattr(desk.engine.flusher, "most_unstored", 1)
    waiting = asyncio.create_task(desk.engine.flusher.make_room(desk.engine.owned[0]))
    await desk.engine.flusher.flush_now.wait()
    flushing = asyncio.create_task(desk.engine.flusher.flush())
    async with asyncio.timeout(20):
        await waiting
    assert not flushing.done()
    await desk.producer.acknowledge("state 0")
    await desk.producer.acknowledge("closing 0")
    await flushing


async def test_what_a_partition_counted_is_not_lost_when_it_goes(desk: Desk) -> None:
    desk.producer.answers_at_once = True
    await desk.own(0)
    await desk.take(0, event(0, "p"))
    await desk.take(0, useless(1))
    await desk.engine.hand_over()
    await desk.engine.revoke()
    assert desk.engine.former.outcomes == {"applied": 1, "already_applied": 0, "dead_letter": 1, "tombstone": 0}
    assert desk.engine.former.dead_letters_by_reason == {"malformed_json": 1}


async def test_a_hand_over_stores_what_was_taken_before_the_partitions_go(desk: Desk) -> None:
    await desk.own(0)
    await desk.take(0, event(0, "p"))
    desk.producer.answers_at_once = True
    await desk.engine.hand_over()
    await desk.engine.revoke()
    assert desk.producer.journal == ["state 0", "closing 0"]


async def test_what_is_taken_during_a_flush_waits_for_the_next_one(desk: Desk) -> None:
    await desk.own(0)
    await desk.take(0, event(0, "p"))
    flushing = asyncio.create_task(desk.engine.flusher.flush())
    await desk.producer.seen("state 0")
    await desk.take(0, event(1, "q"))
    await desk.producer.acknowledge("state 0")
    await desk.producer.acknowledge("closing 0")
    await flushing
    assert cursor_of(desk, 0).next_offset == 1
    assert changelog_keys.head("q") not in desk.producer.written[0]
    assert desk.committed(0) == 1

    desk.producer.answers_at_once = True
    await desk.engine.flusher.flush()
    assert cursor_of(desk, 0).next_offset == 2
    assert changelog_keys.head("q") in desk.producer.written[0]


async def test_a_flush_does_not_come_between_a_change_and_its_telling(desk: Desk) -> None:
    await desk.own(0)
    desk.producer.gate = asyncio.Event()  # the alert is not even queued yet
    await desk.take(0, failure(0, "p"))
    flushing = asyncio.create_task(desk.engine.flusher.flush())
    await turns()
    assert desk.producer.journal == []
    desk.producer.gate.set()
    await desk.producer.acknowledge("alert")
    await desk.producer.acknowledge("state 0")
    await desk.producer.acknowledge("closing 0")
    await flushing
    assert desk.producer.journal == ["alert", "state 0", "closing 0"]


async def test_no_partition_is_stored_before_the_alerts_of_all_are_acknowledged(desk: Desk) -> None:
    await desk.own(0, 1)
    await desk.take(0, event(0, "p"))
    await desk.take(1, failure(0, "q"))
    flushing = asyncio.create_task(desk.engine.flusher.flush())
    await turns()
    assert desk.producer.journal == ["alert"]
    await desk.producer.acknowledge("alert")
    assert desk.producer.journal == ["alert", "state 0", "state 1"]
    desk.producer.answers_at_once = True
    await desk.producer.acknowledge("state 0")
    await desk.producer.acknowledge("state 1")
    await flushing


async def test_an_act_of_a_person_is_stored_after_it_is_emitted(desk: Desk) -> None:
    desk.producer.answers_at_once = True
    await desk.own(0)
    await desk.take(0, failure(0, "p"))
    await desk.engine.flusher.flush()
    desk.producer.answers_at_once = False
    desk.producer.journal.clear()

    owned = desk.engine.owned[0]
    async with owned.locked() as change:
        assert change is not None
        state = owned.partition.state_to_change("p")
        assert state is not None
        flushing = asyncio.create_task(desk.engine.flusher.flush())
        owned.partition.touch(state)
        await turns()
        assert desk.producer.journal == [], "the flush waits for the lock"
        await desk.writer.emit(change, [an_alert()])
    await turns()
    assert desk.producer.journal == ["alert"]
    await desk.producer.acknowledge("alert")
    await desk.producer.acknowledge("state 0")
    await desk.producer.acknowledge("closing 0")
    await flushing
    assert desk.producer.journal == ["alert", "state 0", "closing 0"]


async def test_nothing_is_emitted_without_the_lock_of_its_change(desk: Desk) -> None:
    await desk.own(0)
    owned = desk.engine.owned[0]
    async with owned.locked() as change:
        assert change is not None
    with pytest.raises(RuntimeError, match="takes the lock"):
        await desk.writer.emit(change, [an_alert()])
    await desk.engine.revoke()
    async with owned.locked() as change:
        assert change is None, "and by none but the owner"
    assert desk.producer.journal == []


async def test_a_worker_that_stood_still_sends_nothing_more(desk: Desk) -> None:
    ticking = asyncio.create_task(desk.stall_guard.run())
    await desk.own(0)
    desk.producer.answers_at_once = True
    await desk.take(0, event(0, "p"))
    desk.seconds += 5.1  # of a session of ten seconds
    await desk.engine.flusher.flush()
    assert desk.producer.journal == []
    assert "stood still" in desk.stops[0]
    ticking.cancel()


async def test_records_that_do_not_follow_stop_the_process(desk: Desk) -> None:
    await desk.own(0)
    await desk.take(0, event(0, "p"))
    owned = desk.engine.owned[0]
    owned.position = 5
    await desk.take(0, event(3, "p"))
    assert desk.stops == ["partition 0: RuntimeError('records from 3 on do not follow 5')"]
    assert owned.is_live


async def test_records_of_an_earlier_reading_are_left_aside(desk: Desk) -> None:
    await desk.own(0)
    owned = desk.engine.owned[0]
    earlier = owned.reading
    owned.reading += 1  # it was begun anew
    await desk.take(0, event(0, "p"), reading=earlier)
    assert owned.position == 0
    await desk.take(0, event(0, "p"))
    assert owned.position == 1


async def test_what_nobody_is_shown_is_passed_over_and_stored(desk: Desk) -> None:
    await desk.own(0)
    desk.producer.answers_at_once = True
    owned = desk.engine.owned[0]
    await desk.take(0, event(0, "p"), next_offset=2)  # a transaction's marker behind it
    assert owned.position == 2
    await desk.take(0, next_offset=5)  # a transaction that was taken back
    assert owned.position == 5
    await desk.take(0, event(5, "p", episode_number=2))
    await desk.engine.flusher.flush()
    assert owned.position == 6
    assert cursor_of(desk, 0).next_offset == 6
    assert desk.stops == []


def an_alert() -> Alert:
    return Alert(
        alert_key="r:p", alert_id="a", rule_id="r", alert_type="T", severity=Severity.INFO, status=AlertStatus.FIRING,
        project_id="p", title="", description="", value=None, threshold=0.0, window_minutes=None, sample_size=0,
        starts_at_ms=0, ends_at_ms=None, updated_at_ms=0,
    )  # fmt: skip
