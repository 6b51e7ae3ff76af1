"""The stored form of what a partition adds up to."""

import msgspec

from streams.rates.operation_series import Encoded


class StoredTotals(msgspec.Struct, array_like=True, frozen=True):
    """`fleet` is left out where no rule is on all projects."""

    applied: int
    series: Encoded
    operations: list[int]
    counters: list[int]
    days: list[tuple[int, list[int]]]
    buckets: list[list[int]]
    duration_us: list[int]
    fleet: bytes | None = None


decode_totals = msgspec.msgpack.Decoder(StoredTotals).decode
