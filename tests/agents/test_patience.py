"""A fetch that brings nothing of what is there is given more time."""

from types import SimpleNamespace

from aiokafka import TopicPartition

from agents.fetching.patience import MAX_WAIT_MS, next_wait_ms

ASKED = {TopicPartition("events", 0): 5, TopicPartition("events", 1): 5}


def response(*partitions: tuple[object, ...]) -> SimpleNamespace:
    """Of a broker: number, error code, end, last stable offset, aborted transactions, bytes."""
    return SimpleNamespace(API_VERSION=4, topics=[("events", list(partitions))])


NOTHING: tuple[object, ...] = (0, 0, 9, 9, [], b"")  # offsets 5 to 8 were asked for and are there
RECORDS: tuple[object, ...] = (1, 0, 9, 9, [], b"batch")
END: tuple[object, ...] = (1, 0, 5, 5, [], b"")
UNSTABLE: tuple[object, ...] = (1, 0, 9, 5, [], b"")  # a transaction is open
REFUSED: tuple[object, ...] = (0, 2, 9, 9, [], b"")


def wait_after(wait_ms: int, *partitions: tuple[object, ...]) -> int:
    return next_wait_ms(response(*partitions), ASKED, wait_ms, usual_ms=100)


def test_the_wait_doubles_up_to_a_limit_as_long_as_nothing_comes_of_what_is_there() -> None:
    assert wait_after(100, NOTHING) == 200
    assert wait_after(200, NOTHING, RECORDS) == 400
    assert wait_after(6_000, NOTHING) == MAX_WAIT_MS == 10_000


def test_the_wait_stays_long_while_records_come_and_is_as_usual_at_the_end() -> None:
    assert wait_after(800, RECORDS) == 800
    assert wait_after(800, RECORDS, END) == 800
    assert wait_after(800, END) == 100
    assert wait_after(800, UNSTABLE) == 100
    assert wait_after(800) == 100


def test_an_error_of_the_broker_is_no_reason_to_wait_longer() -> None:
    assert wait_after(100, REFUSED) == 100
