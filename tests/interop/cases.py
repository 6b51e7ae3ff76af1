"""One table of cases for every client: codec × partitioner × mode, each with a few projects of its own, whose records
have headers of every kind. What must become of them is said here, too."""

import json
from base64 import b64encode
from typing import Any

import msgspec

from tests.interop.batches import Batch, Record
from tests.interop.clients import Client

CREATED = 4  # episodes of a project, one for each kind of headers
NAMES = ("a", "b-and-longer", "프로젝트", "d.4")  # ends of project ids: keys of several lengths and alphabets

Headers = list[tuple[str, bytes | None]]


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """A batch, and what it asks for. `keyed`: its projects; `keyless`: one whose record has no key."""

    batch: Batch
    client: Client
    keyed: tuple[str, ...]
    keyless: str
    trace_id: str
    applied: int
    aborted: tuple[str, ...] = ()  # projects of which nothing may be known


class Odd(msgspec.Struct, frozen=True, kw_only=True):
    """One batch that holds no event: a tombstone, and a record that is none, with headers of every kind."""

    batch: Batch
    value: bytes
    headers: Headers


def headers_of(client: Client, trace_id: str) -> tuple[Headers, ...]:
    """None, traceparent, binary, empty."""
    empty: Headers = [("empty", b""), ("null", None)] if client.null_headers else [("empty", b"")]
    return (
        [],
        [("traceparent", f"00-{trace_id}-00f067aa0ba902b7-01".encode())],
        [("blob", bytes(range(256))), ("머리글", b"\xff\xfe\x00")],
        empty,
    )


def cases_of(client: Client, topic: str, now_ms: int) -> list[Case]:
    """Everything that one client sends to one topic, but what is no event."""
    codecs, partitioners = client.codecs, client.partitioners
    wanted = [
        *((codec, partitioner, "default") for codec in ("default", *codecs) for partitioner in partitioners),
        ("default", "default", "idempotent"),
        *((codec, "default", "transactional") for codec in codecs),
    ]
    return [_case(client, topic, now_ms, *each) for each in wanted]


def _case(client: Client, topic: str, now_ms: int, codec: str, partitioner: str, mode: str) -> Case:
    name = f"{topic}.{client.name.replace(' ', '-')}.{codec}.{partitioner}.{mode}"
    trace_id = f"{hash_of(name):032x}"
    keyed = tuple(f"{name}.{end}" for end in NAMES)
    keyless, taken_back = f"{name}.keyless", f"{name}.aborted"
    kinds = headers_of(client, trace_id)
    records = [_created(project, number + 1, now_ms, kinds[number]) for number in range(CREATED) for project in keyed]
    records.append(_record(keyed[0], _event(keyed[0], "failed", "episode.creation_failed", now_ms), kinds[1]))
    records.append(_record(None, _event(keyless, "1", "episode.created", now_ms, episode_number=1, episode_id="1"), []))
    aborted = []
    if mode == "transactional":
        aborted = [_created(project, CREATED + 2, now_ms, kinds[1]) for project in (*keyed, taken_back)]
    return Case(
        batch=Batch(name, topic, codec, partitioner, mode, records, aborted), client=client, keyed=keyed,
        keyless=keyless, trace_id=trace_id, applied=len(records), aborted=(taken_back,) if aborted else (),
    )  # fmt: skip


def odd_of(client: Client, topic: str) -> Odd:
    """What one client sends to one topic that is no event."""
    name = f"{topic}.{client.name.replace(' ', '-')}.odd"
    headers = [pair for kind in headers_of(client, "0" * 31 + "1") for pair in kind]
    value = b"{no json of " + name.encode()
    records = [_record(name, value, headers), _record(name, None, [])]
    return Odd(batch=Batch(name, topic, "default", "default", "default", records), value=value, headers=headers)


def _created(project: str, number: int, now_ms: int, headers: Headers) -> Record:
    fields = {"episode_number": number, "episode_id": f"ep-{number}", "duration_seconds": 0.5}
    return _record(project, _event(project, str(number), "episode.created", now_ms, **fields), headers)


def _event(project: str, event_id: str, kind: str, now_ms: int, **fields: Any) -> bytes:
    wire = {"event_id": event_id, "type": kind, "project_id": project, "occurred_at": now_ms, **fields}
    return json.dumps(wire, ensure_ascii=False).encode()


def _record(key: str | None, value: bytes | None, headers: Headers) -> Record:
    return Record(
        None if key is None else b64encode(key.encode()).decode(),
        None if value is None else b64encode(value).decode(),
        [(name, None if content is None else b64encode(content).decode()) for name, content in headers],
    )


def hash_of(text: str) -> int:
    """The same in every run: FNV-1a with 64 bits."""
    found = 0xCBF29CE484222325
    for byte in text.encode():
        found = (found ^ byte) * 0x100000001B3 % 2**64
    return found
