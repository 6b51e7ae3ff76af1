"""The loop around the core for what nearly all records are, in compiled code."""

from collections.abc import Sequence
from typing import Any

from models.quick_events import quick_event
from streams.partition.partition import Partition
from streams.project.step import NO_CLOCK


def take_quick(partition: Partition, records: Sequence[Any], first: int, clock_ms: int) -> tuple[int, int]:
    """Decode and apply records from the place `first` on, in offset order, up to the first that `models.codec` has to
    look at or that has no key. Returns its place, and how many were not applied before."""
    applied = 0
    for place in range(first, len(records)):
        record = records[place]
        key, value = record.key, record.value
        if key is None or value is None or record.headers:
            return place, applied
        event = quick_event(key, value, clock_ms)
        if event is None:
            return place, applied
        written_ms = record.timestamp
        if partition.take(event, record.offset, NO_CLOCK if written_ms is None else written_ms, clock_ms):
            applied += 1
    return len(records), applied
