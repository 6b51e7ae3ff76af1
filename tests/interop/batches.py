"""What a client's program reads from standard input, one batch a line of JSON."""

import msgspec


class Record(msgspec.Struct, frozen=True):
    """One record to send; bytes are base64."""

    key: str | None
    value: str | None
    headers: list[tuple[str, str | None]]


class Batch(msgspec.Struct, frozen=True):
    """Records for one producer. In mode `transactional`, `aborted` are sent first and taken back."""

    name: str
    topic: str
    codec: str
    partitioner: str
    mode: str  # default, idempotent, transactional
    records: list[Record]
    aborted: list[Record] = []
