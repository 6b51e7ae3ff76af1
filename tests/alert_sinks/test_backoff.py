"""The waits between tries, by hand and for any number of tries."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alert_sinks.backoff import backoff_seconds, delay_seconds

fractions = st.floats(0.0, 1.0)


def test_the_longest_waits_double_from_half_a_second_to_a_minute() -> None:
    waits = [backoff_seconds(attempt, lambda: 1.0) for attempt in range(1, 10)]

    assert waits == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]


def test_jitter_takes_its_share_of_the_wait() -> None:
    assert backoff_seconds(4, lambda: 0.25) == 1.0


@given(st.integers(-5, 10**9), fractions)
def test_a_wait_is_never_negative_and_never_over_a_minute(attempt: int, fraction: float) -> None:
    assert 0.0 <= backoff_seconds(attempt, lambda: fraction) <= 60.0


@given(st.integers(1, 10**6), st.floats(0.0, 3600.0), fractions)
def test_a_wait_is_never_shorter_than_what_was_asked_for(attempt: int, asked: float, fraction: float) -> None:
    assert delay_seconds(attempt, asked, lambda: fraction) >= asked


@pytest.mark.parametrize(
    ("attempt", "asked", "wait"), [(1, None, 0.5), (1, 3.0, 3.0), (1, 0.0, 0.5), (9, 3.0, 60.0), (9, 90.0, 90.0)]
)
def test_the_longer_of_what_was_asked_for_and_the_backoff_counts(
    attempt: int, asked: float | None, wait: float
) -> None:
    assert delay_seconds(attempt, asked, lambda: 1.0) == wait
