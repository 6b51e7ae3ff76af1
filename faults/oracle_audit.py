"""The oracle's part on the audit: the chain of audit checkpoints against the topic of events, by code of its own. Only
the fingerprint of a project is the product's."""

import hashlib
import json
from collections import Counter
from collections.abc import Generator, Sequence
from itertools import pairwise
from typing import Any

from faults.evidence import Kept
from faults.oracle_state import Sentences
from faults.replay import Stored
from models.codec import decode_event
from models.event import Event
from streams.alerting.core import Core
from streams.partition.partition import Partition
from streams.project.fingerprint import fingerprint


class AuditChain:
    """The chain of one partition. `audit`: all records of the audit's topic, `events`: those of the partition, both in
    order. `begun_anew`: how many times its changelog was lost, so a new chain may stand behind the one before."""

    def __init__(
        self, core: Core, name: str, events: Sequence[Kept], audit: Sequence[Kept], wall_ms: int, *, begun_anew: int = 0
    ) -> None:
        self._core = core
        self._name = name  # the key of its records: monitor/topic/partition
        self._events = events
        self._wall_ms = wall_ms
        self._begun_anew = begun_anew
        values = [record.value or b"" for record in audit if record.key == name.encode()]
        self.checkpoints = list(dict.fromkeys(values))  # a checkpoint may be sent again, byte for byte
        self.counts = Counter[str](
            {"audit checkpoints": len(self.checkpoints), "audit sent again": len(values) - len(self.checkpoints)}
        )

    def check(self) -> Sentences:
        """All violations."""
        begins = [at for at, value in enumerate(self.checkpoints) if at and json.loads(value)["sequence"] == 0]
        bounds, end = [0, *begins[: self._begun_anew], len(self.checkpoints)], 0
        for first, last in pairwise(bounds):
            end = yield from self._linked(self.checkpoints[first:last])
        events_end = self._events[-1].offset + 1 if self._events else 0
        if end < events_end:
            yield f"The audit checkpoints of {self._name} end at {end}, and the events at {events_end}."

    def _linked(self, checkpoints: Sequence[bytes]) -> Generator[str, None, int]:
        """The violations within one chain; returns where it ends."""
        states, previous, end = self._states(), "", 0
        next(states)
        for sequence, value in enumerate(checkpoints):
            found = json.loads(value)
            who = f"Audit checkpoint {found['sequence']} of {self._name}"
            if found["sequence"] != sequence:
                yield f"{who} stands where {sequence} should."
            if found["previous"] != previous:
                yield f"{who} is not linked to the one before it."
            if found["offset_from"] != end:
                yield f"{who} begins at {found['offset_from']} instead of {end}."
            yield from self._ranges(who, found)
            end = found["offset_to"]
            expected = states.send(end)
            if found["state_digest"] is not None:
                self.counts["audit state digests"] += 1
                if found["state_digest"] != expected:
                    yield f"{who} has state digest {found['state_digest']} at {end} instead of {expected}."
            previous = hashlib.sha256(value[: value.rindex(b',"key_id":')]).hexdigest()
        return end

    def _ranges(self, who: str, found: dict[str, Any]) -> Sentences:
        begin, records, digests = found["offset_from"], 0, b""
        for end, count, digest in found["ranges"]:
            ours = [record for record in self._events if begin <= record.offset < end]
            if count != len(ours):
                yield f"{who} counts {count} records from {begin} to {end}; the topic has {len(ours)}."
            elif digest != _digest(ours):
                yield f"{who} has another digest of the records from {begin} to {end} than the topic."
            begin, records, digests = end, records + count, digests + bytes.fromhex(digest)
        if (begin, records) != (found["offset_to"], found["records"]):
            yield f"{who} does not add up."
        if hashlib.sha256(digests).hexdigest() != found["digest"]:
            yield f"{who} has a digest that is not that of its ranges."

    def _states(self) -> Generator[str, int, None]:
        """Sent the next offset, gives the state digest there."""
        partition, events, projects = Partition(self._core, 0, Stored(), cached_projects=2_000_000), 0, set[str]()
        end = yield ""
        while True:
            while events < len(self._events) and self._events[events].offset < end:
                record = self._events[events]
                decoded = decode_event(record.key, record.value, record.headers, self._wall_ms)
                if isinstance(decoded, Event):
                    partition.take(decoded, record.offset, record.timestamp)
                    projects.add(decoded.project_id)
                events += 1
            end = yield f"{sum(_share(partition, each) for each in projects) % 2**128:032x}"


def _share(partition: Partition, project_id: str) -> int:
    state = partition.state(project_id)
    assert state is not None
    text = (project_id + fingerprint(state)).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=16).digest(), "big")


def _digest(records: Sequence[Kept]) -> str:
    digest = hashlib.sha256()
    for record in records:
        digest.update(_sized(record.key) + _sized(record.value))
        ours = sorted((each for each in record.headers if each[0].startswith("ce_")), key=lambda each: each[0])
        if ours:
            digest.update(bytes.fromhex("fffffffe") + len(ours).to_bytes(4, "big"))
            for name, value in ours:
                digest.update(_sized(name.encode()) + _sized(value))
    return digest.hexdigest()


def _sized(part: bytes | None) -> bytes:
    return b"\xff\xff\xff\xff" if part is None else len(part).to_bytes(4, "big") + part
