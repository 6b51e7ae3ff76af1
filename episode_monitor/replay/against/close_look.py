"""A second pass over one partition's records, for the few projects that differ: what the replay has of them at the
place of the live monitor, and what the topic itself says about them."""

from collections.abc import Mapping, Sequence
from contextlib import aclosing

from agents.engine.stored_values import StoredValues
from episode_monitor.replay.against.evidence import Evidence, field_of
from episode_monitor.replay.partition_replay import UNKNOWN_TIME_MS
from episode_monitor.replay.ranges import Bounds
from episode_monitor.replay.source import Replayed, Source
from models.codec import decode_event
from models.dead_letter import Malformed
from models.event import Event
from models.project_facts import ProjectFacts
from streams.alerting.core import Core
from streams.partition.partition import Partition
from streams.views.project_facts import facts_of


class CloseLook:
    """`places`: project -> the last offset that counts; None: all of them do. `letters`: offset -> reason."""

    def __init__(
        self, core: Core, bounds: Bounds, places: Mapping[str, int | None], letters: Mapping[int, str] | None = None
    ) -> None:
        self._partition = Partition(core, bounds.partition, StoredValues({}), apart=True)
        self._bounds = bounds
        self._places = places
        self._keys = {project.encode() for project in places}
        self._letters = letters or {}
        self.evidence = {
            project: Evidence(begins=bounds.first, refused={}, letters={}, mentions={}, named={}) for project in places
        }

    async def run(self, source: Source) -> None:
        """Read all of it. Raises what the source raises."""
        await run_together([self], source, self._bounds)

    def take(self, records: Sequence[Replayed]) -> None:
        """Records in order."""
        for record in records:
            if record.key is None or bytes(record.key) in self._keys:
                self._take(record)

    def facts(self, project_id: str) -> ProjectFacts | None:
        """What the replay has of a project at its place."""
        return facts_of(self._partition, project_id)

    def _take(self, record: Replayed) -> None:
        written_ms = UNKNOWN_TIME_MS if record.timestamp is None or record.timestamp < 0 else record.timestamp
        decoded = decode_event(record.key, record.value, record.headers, written_ms)
        if isinstance(decoded, Malformed):
            key = field_of(record.value, "project_id") if record.key is None else bytes(record.key)
            project_id = key.decode(errors="replace") if isinstance(key, bytes) else key
        else:
            project_id = decoded.project_id if isinstance(decoded, Event) else None
        if not isinstance(project_id, str) or project_id not in self._places:
            return
        place, evidence = self._places[project_id], self.evidence[project_id]
        if place is not None and record.offset > place:
            return
        if record.offset in self._letters:
            evidence.letters[record.offset] = self._letters[record.offset]
        if isinstance(decoded, Malformed):
            evidence.refuse(record.value, record.offset, decoded.reason.value)
        elif isinstance(decoded, Event):
            self._partition.take(decoded, record.offset, written_ms)
            self._partition.emits.clear()
            evidence.note(decoded, record.offset)


async def run_together(looks: Sequence[CloseLook], source: Source, bounds: Bounds) -> None:
    """Read it once for several looks."""
    async with aclosing(source.batches([bounds])) as batches:  # type: ignore[type-var]
        async for batch in batches:
            for look in looks:
                look.take(batch.records)
