"""Operations that ended, in their columns, against a plain dictionary; and written down and read back."""

from hypothesis import given
from hypothesis import strategies as st

from streams.project.project_state import ProjectState
from streams.project.state_codec import checkpoint, decode
from streams.rates.operations import Ended, Operation
from tests.streams.driving import PROJECT, SHIPPED, START_MS, core_with, examples

CORE = core_with(*SHIPPED)
GRACE_MS = CORE.grace_ms

seconds = st.integers(0, 70)
endings = st.tuples(
    st.integers(-3, 20),  # key
    seconds,  # ended
    st.integers(0, 255),  # flags
    st.sampled_from([0, 1, 255, 256, 10**13]),  # duration
    st.none() | st.tuples(seconds, st.integers(0, 9)),  # first conflict, and how long after it the last
)
Known = tuple[int, int, int, int, int]


def operation_of(ended: int, flags: int, duration_us: int, conflict: tuple[int, int] | None) -> Operation:
    """One operation; seconds after the start."""
    operation = Operation(START_MS + ended * 1000, flags, duration_us)
    if conflict is not None:
        operation.first_conflict_ms = START_MS + conflict[0] * 1000
        operation.last_conflict_ms = operation.first_conflict_ms + conflict[1] * 1000
    return operation


def known(operation: Operation | None) -> Known | None:
    """All that is known of it."""
    if operation is None:
        return None
    return (
        operation.ended_ms, operation.flags, operation.duration_us, operation.first_conflict_ms,
        operation.last_conflict_ms,
    )  # fmt: skip


def newest(plain: dict[int, Operation], limit: int) -> dict[int, Operation]:
    """What a memory of this size holds at most."""
    order = sorted(plain.items(), key=lambda entry: (entry[1].at_ms, entry[0] % 2**64))
    return dict(order[-limit:])


@examples(300)
@given(st.lists(endings, max_size=60), st.integers(1, 12), seconds)
def test_what_ended_is_found_unless_it_is_over_or_too_much(
    puts: list[tuple[int, int, int, int, tuple[int, int] | None]], limit: int, horizon: int
) -> None:
    ended, plain, horizon_ms = Ended(limit), dict[int, Operation](), START_MS + horizon * 1000
    for key, *rest in puts:
        operation = operation_of(*rest)  # type: ignore[arg-type]
        if key in plain and operation.at_ms < plain[key].at_ms:
            continue  # the time of an operation's latest event never goes back
        plain[key] = operation
        plain = newest(plain, limit)
        ended.put(key, operation, 0)
    for key in range(-3, 21):
        expected = plain.get(key)
        assert known(ended.find(key, 0)) == known(expected)
        is_over = expected is None or expected.at_ms < horizon_ms
        assert known(ended.find(key, horizon_ms)) == (None if is_over else known(expected))
    ended.forget_before(horizon_ms)
    left = newest({key: one for key, one in plain.items() if one.at_ms >= horizon_ms}, limit)
    assert [(key, known(ended.at(place))) for place, key in enumerate(ended.recent.keys)] == [
        (key, known(one)) for key, one in left.items()
    ]
    assert ended.conflicts.keys() == {key for key, one in left.items() if one.last_conflict_ms}


@examples(200)
@given(st.lists(endings, max_size=30))
def test_what_ended_within_two_graces_is_read_as_it_was_written(
    puts: list[tuple[int, int, int, int, tuple[int, int] | None]],
) -> None:
    state = ProjectState(CORE, PROJECT)
    state.newest_ms = state.now_ms = START_MS + 80_000
    for key, *rest in puts:
        state.operations.ended.put(key, operation_of(*rest), 0)  # type: ignore[arg-type]
    again = decode(CORE, PROJECT, checkpoint(state).head, lambda chunk, version: b"").operations.ended
    before = state.operations.ended  # what is over was forgotten when it was written
    assert list(again.recent.keys) == list(before.recent.keys)
    assert list(again.recent.times) == list(before.recent.times)
    assert all(at_ms >= state.newest_ms - 2 * GRACE_MS for at_ms in again.recent.times)
    assert [known(again.at(place)) for place in range(len(again.recent))] == [
        known(before.at(place)) for place in range(len(before.recent))
    ]
