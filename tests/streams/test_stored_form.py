"""The bytes of a history and of a partition's totals, as they were when the format was made: a state written by one
version is read by the next, and two that hold the same must not differ in how they are written."""

import random
from functools import partial
from hashlib import blake2b

import pytest

from models.event import RetryReason
from streams.project.project_state import ProjectState
from streams.project.state_codec import checkpoint, decode
from streams.project.step import step
from streams.rates.totals import PartitionTotals
from tests.streams.driving import SHIPPED, Driven, at_ms, core_with

CORE = core_with(*SHIPPED)
LOOK_AGAIN_MS = at_ms(86_400)
CORE.hold_ms.update(dict.fromkeys(CORE.hold_ms, 0))  # the bytes were made when an alert ended at once


def test_a_minute_is_written_second_by_second_clean_ones_short_and_others_with_their_counts() -> None:
    project = Driven(CORE)
    project.created(0, 1, duration_seconds=0.25)  # one clean operation: its second and its duration
    project.created(1, 2, duration_seconds=0.1)  # two in one second: their counts and the bins of both
    project.created(1, 3, duration_seconds=0.2)
    project.failed(2)  # without a duration
    project.conflict(3, "open")
    project.created(59, 4, duration_seconds=6.0)  # slower than the limit
    now, minutes, hours = project.state.series.encode()
    assert (now, hours) == (at_ms(59) // 1000, [])
    assert minutes == [
        (at_ms(0) // 60_000, bytes.fromhex(GOLDEN_MINUTE)),
    ]


GOLDEN_MINUTE = "9290dc002000ce0003d0904123ce000493e002020202d08dd0b0420700010101004309000101007b63ce005b8d800101010100"


def chunk_in(kept: dict[tuple[int, int], bytes], chunk: int, version: int) -> bytes:
    """What was stored apart."""
    return kept[chunk, version]


def lived(
    seed: int, apart_seconds: float, count: int, *, stored_every: int
) -> tuple[ProjectState, PartitionTotals, str]:
    """A project after so many events of every kind, its partition's totals, and a hash over all that was written."""
    chance, project, totals = random.Random(seed), Driven(CORE), PartitionTotals(CORE.calendar, CORE.detail_seconds)
    at, number, opened = 0.0, 0, 0
    for _ in range(count):
        at += apart_seconds * chance.expovariate(1.0) + (5000 if chance.random() < 0.001 else 0)
        when = at - (chance.random() * 70 if chance.random() < 0.1 else 0)
        kind, number = chance.random(), number + 1
        duration = round(chance.lognormvariate(-2.0, 1.5), 6) if chance.random() < 0.9 else None
        if kind < 0.1:
            opened += 1
            project.conflict(when, f"op-{opened}")
            if chance.random() < 0.8:
                later = when + chance.random() * 3
                project.created(
                    later, number, operation_id=f"op-{opened}", had_conflict=chance.random() < 0.5,
                    duration_seconds=duration, retry_count=1, retry_reasons=(RetryReason.CONFLICT,),
                )  # fmt: skip
        elif kind < 0.15:
            project.failed(when, duration_seconds=duration)
        else:
            project.created(when, number, duration_seconds=duration)
    state, written, kept = ProjectState(CORE, "p"), blake2b(digest_size=16), dict[tuple[int, int], bytes]()
    for place, event in enumerate(project.events, 1):
        step(CORE, state, event, totals)
        state.applied = totals.applied = place
        if place % stored_every == 0 or place == len(project.events):
            look_again = state.deadline_ms, state.rate_check_ms
            state.deadline_ms, state.rate_check_ms = LOOK_AGAIN_MS, LOOK_AGAIN_MS - 1  # bounds, not facts: any may do
            stored = checkpoint(state)
            kept |= {(chunk, version): content for chunk, version, content in stored.chunks}
            written.update(stored.head + totals.encode())
            if chance.random() < 0.3:
                state = decode(CORE, "p", stored.head, partial(chunk_in, kept))
            state.deadline_ms, state.rate_check_ms = look_again
    return state, totals, written.hexdigest()


GOLDEN = {
    (1, 1.0, 1500, 40): "05f9a480f647abea62a3e6836c951a07",
    (2, 0.05, 1500, 70): "814dbe3f5c2f663d882fa35b324ccbe8",
    (3, 30.0, 800, 17): "4fed2ad8e9f2a30d51f0124cba9c6aed",
    (4, 0.3, 1500, 500): "2d3a2a855ad829df7dcc9b37cf81c57d",
    (5, 200.0, 800, 900): "fd36b065ff57de9a36a3df54e375493a",
}


@pytest.mark.parametrize(("seed", "apart_seconds", "count", "stored_every"), GOLDEN)
def test_what_is_written_is_the_same_byte_for_byte(
    seed: int, apart_seconds: float, count: int, stored_every: int
) -> None:
    _, _, written = lived(seed, apart_seconds, count, stored_every=stored_every)
    assert written == GOLDEN[seed, apart_seconds, count, stored_every]
