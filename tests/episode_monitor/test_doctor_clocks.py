"""A worker whose clock is ahead is named by `doctor`."""

from agents.fleet_topic.record import FORMAT, FleetRecord, PartitionStatus, encode_record
from episode_monitor.cli.diagnosis import Diagnosis, DiagnosisLevel
from episode_monitor.cli.doctor_clocks import judged

NOW_MS = 1_800_000_000_000


def published(partition: int, at_ms: int, url: str) -> bytes:
    return encode_record(
        FleetRecord(FORMAT, partition, 1, at_ms, "w", url, "token-of-a-worker", PartitionStatus.RECOVERING, None, b"")
    )


def test_the_worker_that_is_furthest_ahead_is_named_with_how_far() -> None:
    values = [
        published(0, NOW_MS - 60_000, "http://a:8002"),
        published(1, NOW_MS + 2_500, "http://b:8002"),
        published(2, NOW_MS + 35_040, "http://c:8002"),
        published(2, NOW_MS - 5_000, "http://c:8002"),
        b"of no worker",
        None,
    ]
    assert judged(values, NOW_MS) == Diagnosis(
        "worker clocks", DiagnosisLevel.WRONG,
        "The clock of the worker at http://c:8002 is 35.0 s ahead of this machine's; synchronise them.",
    )  # fmt: skip


def test_two_seconds_are_tolerated_and_one_that_is_behind_may_have_ended() -> None:
    found = judged([published(0, NOW_MS + 2_000, "http://a:8002"), published(1, 5, "http://b:8002")], NOW_MS)
    assert (found.verdict, found.sentence) == (
        DiagnosisLevel.OK, "No worker's clock is more than 2 s ahead of this machine's.",
    )  # fmt: skip


def test_without_workers_nothing_is_compared() -> None:
    assert judged([], NOW_MS).verdict is DiagnosisLevel.SKIPPED
