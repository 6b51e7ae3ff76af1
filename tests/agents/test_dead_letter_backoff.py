"""When a partition waits because of its dead letters, and for how long."""

from agents.engine.dead_letter_backoff import DeadLetterBackoff


def test_a_few_dead_letters_never_make_a_partition_wait() -> None:
    backoff = DeadLetterBackoff(limit=1000)
    assert [backoff.after(in_a_row) for in_a_row in (0, 1, 200, 999)] == [0.0, 0.0, 0.0, 0.0]


def test_the_pause_doubles_up_to_the_longest_while_nothing_good_comes() -> None:
    backoff = DeadLetterBackoff(limit=1000, first_seconds=30.0, longest_seconds=600.0)
    assert [backoff.after(1000 + 20 * times) for times in range(7)] == [30.0, 60.0, 120.0, 240.0, 480.0, 600.0, 600.0]


def test_one_good_record_lets_it_go_and_the_next_pause_is_short_again() -> None:
    backoff = DeadLetterBackoff(limit=1000, first_seconds=30.0)
    backoff.after(1000)
    backoff.after(1020)
    assert backoff.after(3) == 0.0
    assert backoff.after(1000) == 30.0


def test_after_a_pause_only_a_few_records_are_tried() -> None:
    backoff = DeadLetterBackoff(limit=1000)
    assert backoff.slice_records(0) == 200
    backoff.after(1000)
    assert backoff.slice_records(1000) == 20
    backoff.after(0)
    assert backoff.slice_records(0) == 200


def test_before_the_first_pause_no_more_letters_than_the_limit_are_written() -> None:
    backoff = DeadLetterBackoff(limit=1000)
    assert [backoff.slice_records(in_a_row) for in_a_row in (800, 801, 995, 999, 1000)] == [200, 199, 5, 1, 1]
