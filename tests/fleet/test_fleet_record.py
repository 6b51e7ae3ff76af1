"""Records of the fleet topic: what is written is read, and what cannot be used is refused with a reason."""

import zlib
from typing import Any

import msgspec
import pytest

from agents.fleet_topic.record import (
    FORMAT,
    Body,
    FleetRecord,
    PartitionStatus,
    Unreadable,
    decode_record,
    encode_record,
    pack_body,
    record_key,
    unpack_body,
)
from streams.base.steps import finish
from streams.partition.summary import PartitionCounts, PartitionLists, lists_of
from streams.rates.totals import PartitionTotals
from tests.streams_views.making import START_MS, make_core, new_log, seed_project

COUNTS = PartitionCounts(3, START_MS, START_MS, 99, 10, 1, 3, 1, 100)


def record(**changes: Any) -> FleetRecord:
    fields: dict[str, Any] = {
        "format": FORMAT,
        "partition": 3,
        "generation": 7,
        "published_at_ms": START_MS,
        "worker_id": "w1",
        "url": "http://10.0.0.1:8002",
        "token": "word",
        "status": PartitionStatus.LIVE,
        "counts": COUNTS,
        "body": b"",
    }
    return FleetRecord(**{**fields, **changes})


def test_a_record_is_read_as_it_was_written() -> None:
    assert decode_record(encode_record(record())) == record()
    recovering = record(status=PartitionStatus.RECOVERING, counts=None)
    assert decode_record(encode_record(recovering)) == recovering
    assert record_key(3) == b"3"


def test_the_bulk_survives_packing_with_its_alerts_and_totals() -> None:
    core = make_core()
    log = new_log(0, core)
    seed_project(log)
    log.failed("p", at=1, took=2.0)
    log.settle(60)
    lists = finish(lists_of(log.partition, 100))
    body = unpack_body(pack_body(Body(lists, log.partition.totals.encode())))
    assert body.lists == lists
    assert {alert.alert_key for alert in body.lists.alerts} == {"integrity:proj_123", "failures:p"}
    assert PartitionTotals.decode(core.calendar, core.detail_seconds, body.totals).duration_us == [2_000_000, 0]


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"\x00",
        b"not msgpack",
        msgspec.msgpack.encode([]),
        msgspec.msgpack.encode({"format": 1}),
        msgspec.msgpack.encode([FORMAT + 1, "of a later version"]),
        msgspec.msgpack.encode([FORMAT, 3]),
        b"\x91" * 100_000,
        encode_record(record(url="file:///etc/passwd")),
        encode_record(record(worker_id="worker")).replace(b"worker", b"\xff\xff\xff\xff\xff\xff"),
        encode_record(record(partition=-1)),
        encode_record(record(counts=None)),
        encode_record(record(status=PartitionStatus.RECOVERING)),
    ],
)
def test_what_is_no_record_is_refused(value: bytes) -> None:
    with pytest.raises(Unreadable):
        decode_record(value)


@pytest.mark.parametrize(
    "packed",
    [
        b"",
        b"not zlib",
        zlib.compress(b"not msgpack"),
        pack_body(Body(PartitionLists([], [], []), b""))[:-2],
        zlib.compress(b"\x00" * (65 * 1024 * 1024), 9),
    ],
    ids=["empty", "not packed", "not a body", "cut off", "a bomb"],
)
def test_a_bulk_that_cannot_be_unpacked_is_refused(packed: bytes) -> None:
    with pytest.raises(Unreadable):
        unpack_body(packed)
