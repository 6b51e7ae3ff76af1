"""Readiness of several processes as that of one worker."""

from episode_monitor.observe.one_readiness import together
from models.process_views import DispatcherReadiness, PartitionReadiness, Readiness


def process(*partitions: int, ready: bool = True, lag: int | None = 0, owner: bool = False, **parts: str) -> Readiness:
    return Readiness(
        ready=ready,
        parts={"broker": "ok", "tables": "ok", **parts},
        lag=lag,
        recovery={
            "complete": bool(partitions), "partitions": len(partitions), "partitions_live": len(partitions),
            "records_read": 10 * len(partitions), "seconds": 0.5 * len(partitions),
        },
        partitions=[
            PartitionReadiness(partition=each, applied=7, audited_to=None, state_digest=None, state_digest_at=None)
            for each in partitions
        ],
        dispatcher=DispatcherReadiness(
            owner="http://a", is_this_worker=owner, live=owner, waits_for=None, deadline=None,
            copy_lag=0 if owner else 2,
        ),
        late_events=len(partitions),
    )  # fmt: skip


def test_what_is_well_in_all_is_well_and_numbers_add_up() -> None:
    one = together({1: process(3, lag=5), 2: process(0, 2, lag=1, owner=True), 3: process()})
    assert (one.ready, one.parts) == (True, {"broker": "ok", "tables": "ok", "processes": "ok"})
    assert (one.lag, one.late_events) == (6, 3)
    assert [each.partition for each in one.partitions] == [0, 2, 3]
    assert one.recovery == {
        "complete": True, "partitions": 3, "partitions_live": 3, "records_read": 30, "seconds": 1.0,
    }  # fmt: skip
    assert one.dispatcher is not None
    assert (one.dispatcher.is_this_worker, one.dispatcher.live) == (True, True)


def test_one_that_is_not_ready_makes_the_whole_not_ready_and_is_named() -> None:
    one = together({1: process(0), 2: process(ready=False, lag=None, tables="1 of 2 partitions are recovering.")})
    assert (one.ready, one.lag) == (False, None)
    assert one.parts["tables"] == "Process 2: 1 of 2 partitions are recovering."


def test_what_all_say_is_said_once() -> None:
    word = "It waits for Kafka."
    one = together({1: process(ready=False, broker=word), 2: process(ready=False, broker=word)})
    assert one.parts["broker"] == word


def test_what_several_say_names_them() -> None:
    one = together({1: process(0, files="No."), 2: process(1), 3: process(2, files="No.")})
    assert (one.ready, one.parts["files"]) == (True, "Process 1, 3: No.")


def test_one_that_does_not_answer_makes_the_whole_not_ready() -> None:
    one = together({1: process(0), 2: None, 3: process(1)})
    assert (one.ready, one.lag) == (False, None)
    assert one.parts["processes"] == ("1 of 3 processes do not answer (number 2); those that end are started again.")
