"""A process that reads what decompresses to very much, and prints by how many MiB its memory had grown at the worst."""

import zlib
from pathlib import Path

import cramjam

from testbed.batches import Sent, batch, reading, varint

MIB = 1 << 20


def peak_mib() -> int:
    """Of resident memory, since the process began."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) // 1024


def one_record(mib: int) -> tuple[bytes, bytes]:
    """What stands before and behind a value of zeros."""
    head, tail = b"\0" + varint(0) + varint(0) + varint(1) + b"p" + varint(mib * MIB), varint(0)
    return varint(len(head) + mib * MIB + len(tail)) + head, tail


def zstd_of(mib: int) -> bytes:
    """Made without holding what it stands for."""
    head, tail = one_record(mib)
    compressor = cramjam.zstd.Compressor()
    for piece in (head, *(bytes(MIB) for _ in range(mib)), tail):
        compressor.compress(piece)
    return bytes(compressor.finish())


def gzip_of(mib: int) -> bytes:
    """The same."""
    head, tail = one_record(mib)
    compressor = zlib.compressobj(9, wbits=31)
    return b"".join([*map(compressor.compress, (head, *(bytes(MIB) for _ in range(mib)), tail)), compressor.flush()])


def main() -> None:
    """Several partitions, read in turn as a poll does."""
    good, many = batch(0, [Sent(0, b"a")]), batch(3, [Sent(at, bytes(900_000)) for at in range(60)], "lz4")
    compressed = [(4, zstd_of(300)), (1, gzip_of(100)), (4, zstd_of(60))]
    logs = [good + batch(1, [Sent(0)], codec=codec, compressed=data) + many for codec, data in compressed] * 2
    before = peak_mib()
    partitions = [reading(log) for log in logs]
    records = 0
    while not all(each.is_over for each in partitions):
        for each in partitions:
            records += len(each.take(2_000))
    print(records, peak_mib() - before)


if __name__ == "__main__":
    main()
