"""Records that an attacker or a broken program might send, and the outcome that each must have."""

import json
import random
from collections.abc import Iterator
from typing import Any, NamedTuple

from faults.feed import Record

APPLIED = "applied"
FAR = 2_000_000  # random numbers up to here: two set aside are soon near each other, then all are plausible


class Poison(NamedTuple):
    """One record and its outcome: the reason of its dead letter, or `APPLIED`."""

    name: str
    record: Record
    becomes: str


def created(project: str, number: int, at_ms: object, **fields: Any) -> bytes:
    """An event of the project service."""
    wire = {
        "event_id": f"ev-{project}-{number}", "type": "episode.created", "project_id": project, "occurred_at": at_ms,
        "episode_id": f"ep-{project}-{number}", "episode_number": number, "duration_seconds": 0.5,
    }  # fmt: skip
    return json.dumps(wire | fields).encode()


def with_raw(value: bytes, name: str, raw: bytes) -> bytes:
    """The event with a field whose JSON is written by hand."""
    wire = {**json.loads(value), name: "@"}
    return json.dumps(wire).encode().replace(b'"@"', raw)


def poisons(project: str, at_ms: int) -> list[Poison]:
    """All kinds, of one project. Those that are events have numbers from 1 on."""
    return [*_unreadable(project, at_ms), *_long_fields(project, at_ms), *_odd_values(project, at_ms)]


def _unreadable(project: str, at_ms: int) -> list[Poison]:
    key, good = project.encode(), created(project, 1, at_ms)
    return [
        Poison("half an object", Record(key, b'{"event_id": '), "malformed_json"),
        Poison("another project's key", Record(b"another", good), "key_mismatch"),
        Poison("a key that is no text", Record(b"\xff\xfe", good), "key_mismatch"),
        Poison("100 000 brackets", Record(key, b"[" * 100_000), "too_large"),
        Poison("30 000 brackets, closed", Record(key, b"[" * 30_000 + b"]" * 30_000), "malformed_json"),
        Poison("900 kB of nothing", Record(key, b"x" * 900_000), "too_large"),
        Poison("900 kB of bytes that are no text", Record(key, b"\xff" * 900_000), "too_large"),
        Poison("bytes that are no UTF-8", Record(key, good.replace(b"ev-", b"ev-\xff")), "malformed_json"),
        Poison("half a surrogate pair", Record(key, good.replace(b"ev-", b"\\ud800")), "invalid_field"),
        Poison("keys twice, the last of them good", Record(key, good.replace(b"{", b'{"type": 5, ', 1)), APPLIED),
        Poison("keys twice, the last of them bad", Record(key, good.replace(b"}", b', "type": 5}')), "invalid_field"),
        Poison("a list", Record(key, b"[1, 2]"), "invalid_field"),
        Poison("nothing at all", Record(key, b""), "malformed_json"),
    ]


def _long_fields(project: str, at_ms: int) -> list[Poison]:
    def raw(field: str, text: bytes) -> Record:
        value = created(project, 1, at_ms, event_id=f"{field} {text[:9]!r}")
        return Record(project.encode(), with_raw(value, field, text))

    digits = b"9" * 5000
    return [
        Poison("30 000 brackets in a field", raw("unread", b"[" * 30_000 + b"]" * 30_000), "malformed_json"),
        Poison("a number of 5 000 digits", raw("episode_number", digits), "invalid_field"),
        Poison("a time of 5 000 digits", raw("occurred_at", digits), "invalid_field"),
        Poison("a sequence of 5 000 digits", raw("sequence", digits), "invalid_field"),
        Poison("a version of 5 000 digits", raw("schema_version", b"-" + digits), "invalid_field"),
        Poison("5 000 digits in an unknown field", raw("unread", digits), APPLIED),
        Poison("NaN", raw("duration_seconds", b"NaN"), "malformed_json"),
        Poison("infinity", raw("duration_seconds", b"-Infinity"), "malformed_json"),
        Poison("more than a float holds", raw("duration_seconds", b"1e999"), "invalid_field"),
    ]


def _odd_values(project: str, at_ms: int) -> list[Poison]:
    incomplete = json.loads(created(project, 1, at_ms))
    del incomplete["episode_id"]

    def event(number: int, time: object = at_ms, **fields: Any) -> Record:
        return Record(project.encode(), created(project, number, time, **fields))

    return [
        Poison("a field of another type", event(1, episode_number="1"), "invalid_field"),
        Poison("a field that is missing", Record(project.encode(), json.dumps(incomplete).encode()), "missing_field"),
        Poison("an unknown type", event(1, type="episode.eaten"), "unknown_type"),
        Poison("an unknown version", event(1, schema_version=99), "unsupported_version"),
        Poison("900 kB that would be an event", event(1, error="x" * 900_000), "too_large"),
        Poison("number 2^31", event(2**31), "invalid_field"),
        Poison("number 2^31 - 1", event(2**31 - 1), APPLIED),
        Poison("number 2^63", event(2**63), "invalid_field"),
        Poison("sequence 2^63", event(1, source="s", sequence=2**63), "invalid_field"),
        Poison("old number 2^63", event(1, old_number=2**63), "invalid_field"),
        Poison("the last millisecond of 64 bits", event(1, 2**63 - 1), "future_timestamp"),
        Poison("the year 2099", event(1, "2099-01-01T00:00:00Z"), "future_timestamp"),
        Poison("before 1970", event(1, "1969-12-31T23:59:59Z"), "invalid_field"),
        Poison("the beginning of 1970", event(2, 0), APPLIED),
        Poison("seconds instead of milliseconds", event(3, at_ms // 1000), APPLIED),
        Poison("microseconds instead of milliseconds", event(1, at_ms * 1000), "future_timestamp"),
    ]


def greedy(project: str, count: int, at_ms: int, span_ms: int, seed: int = 1) -> Iterator[Record]:
    """A project with `count` random numbers, over a span of event time."""
    chance = random.Random(seed)
    for i in range(count):
        number, time = chance.randrange(1, FAR), at_ms + span_ms * i // count
        fields = {"event_id": f"ev-{i}", "episode_id": f"ep-{i}"}
        yield Record(project.encode(), created(project, number, time, **fields))


def once_each(count: int, at_ms: int, span_ms: int) -> Iterator[Record]:
    """`count` projects with one episode each."""
    for i in range(count):
        project = f"once_{i:07}"
        yield Record(project.encode(), created(project, 1, at_ms + span_ms * i // count))
