"""`replay --against live`: each partition of the topic beside what its owner holds, project by project.

The live monitor is asked first, so that all it has applied is in the range that is read after that.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import Final

import msgspec

from episode_monitor.exits import ExitCode, Failure
from episode_monitor.replay.against import difference as kinds
from episode_monitor.replay.against.close_look import CloseLook, run_together
from episode_monitor.replay.against.compare_facts import compare_facts
from episode_monitor.replay.against.difference import ComparedPartition, Comparison, Difference, comparison
from episode_monitor.replay.against.letters import Letters
from episode_monitor.replay.against.live import LiveMonitor, LivePartition
from episode_monitor.replay.against.matching import Matched, Matching
from episode_monitor.replay.against.summing_up import moved_together, retained, rules_differ, split_notes
from episode_monitor.replay.ranges import Bounds
from episode_monitor.replay.run import Progress, ShowProgress
from episode_monitor.replay.source import Source
from models.project_facts import ProjectFacts
from streams.alerting.core import Core
from streams.project.state_digest import rules_digest

MAX_CLOSE: Final = 200  # projects of a partition that are looked at number by number


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where the events are, and whose states they are compared with. `source`: of one partition, None: of all.
    `letters`: the dead letters of the live monitor, given its topic of events."""

    source: Callable[[int | None], Source]
    letters: Callable[[str], Awaitable[Letters]]
    monitor_id: str
    partition: int | None = None  # None: all


class AgainstLive:
    """One comparison."""

    def __init__(
        self, core: Core, place: Place, live: LiveMonitor, progress: ShowProgress = lambda progress: None
    ) -> None:
        self._core = core
        self._place = place
        self._live = live
        self._progress = progress
        self._letters: Letters | None = None
        self._found: list[Difference] = []
        self._compared: list[ComparedPartition] = []
        self._notes: list[str] = []
        self._common = self._unlisted = self._events = 0
        self._topics: Counter[str] = Counter()
        self._rules: dict[str, str] = {}  # digest of the live rules -> a partition with them

    async def run(self) -> Comparison:
        """Raises Failure, KafkaError, NoSuchPartition, BadRange."""
        source = self._place.source(self._place.partition)
        for bounds in await source.resolve():
            await self._partition(bounds.partition)
        self._check_topic(source.name)
        ours = rules_digest(self._core)
        rules = [rules_differ(ours, theirs) for theirs in self._rules if theirs != ours]
        return comparison([*rules, *self._found], self._compared, self._notes, self._unlisted)

    async def _partition(self, number: int) -> None:
        live = await self._live.partition(number)
        self._check_monitor(live)
        self._topics[live.topic] += 1
        self._rules[live.rules_digest] = live.rules_digest
        splits = [name for name, row in live.rows.items() if row is not None and row.is_split]
        source = self._place.source(number)
        (bounds,) = await source.resolve()
        matched, read_to = await self._match(source, bounds, live)
        self._common += matched.common
        found = await self._closely(matched, live, bounds)
        self._found.extend(moved_together(number, matched.moved))
        kept, note = retained(number, bounds.first, found)
        self._found.extend(kept)
        self._notes.extend([*split_notes(number, splits), *([note] if note else [])])
        differing = {one.project_id for one in found}
        self._compared.append(
            ComparedPartition(
                partition=number, begin=bounds.first, end=read_to, projects=matched.projects,
                differing=len(differing) + len(matched.moved) + self._left(matched),
            )
        )  # fmt: skip

    def _check_monitor(self, live: LivePartition) -> None:
        if live.monitor_id and live.monitor_id != self._place.monitor_id:
            raise Failure(
                f"The worker at {self._live.address} belongs to the monitor {live.monitor_id}, and MONITOR_ID is "
                f"{self._place.monitor_id}: set MONITOR_ID, or name another worker with --monitor-url.",
                ExitCode.USAGE,
            )

    def _check_topic(self, ours: str) -> None:
        """A copy of the topic may be compared; a topic of other projects is a mistake."""
        for theirs in self._topics:
            if theirs == ours:
                continue
            if not self._common:
                raise Failure(
                    f"The monitor at {self._live.address} reads the topic {theirs}, which has no project in common "
                    f"with {ours}: check EVENTS_TOPIC and --monitor-url.",
                    ExitCode.USAGE,
                )
            self._notes.append(
                f"The live monitor reads the topic {theirs}, and {ours} is replayed: offsets may differ between them."
            )

    async def _match(self, source: Source, bounds: Bounds, live: LivePartition) -> tuple[Matched, int]:
        """And the offset before which it was read."""
        matching, read_to = Matching(self._core, bounds.first, live), bounds.first
        async with aclosing(source.batches([bounds])) as batches:  # type: ignore[type-var]
            async for batch in batches:
                read_to = batch.records[-1].offset + 1 if batch.after is None else batch.after
                matching.take(batch.records, read_to)
                self._events += len(batch.records)
                self._progress(Progress(self._events, source.done, source.total))
                if matching.is_done:
                    break
        return matching.finish(), read_to

    def _left(self, matched: Matched) -> int:
        """Projects that differ and are too many to be looked at."""
        return max(len(matched.unequal) + len(matched.only_live) + len(matched.only_replayed) - MAX_CLOSE, 0)

    async def _closely(self, matched: Matched, live: LivePartition, before: Bounds) -> list[Difference]:
        """The differences of the first projects that differ. What is equal by now is no difference."""
        names = [*sorted(matched.unequal), *sorted(matched.only_replayed), *sorted(matched.only_live)][:MAX_CLOSE]
        self._unlisted += self._left(matched)
        if not names:
            return []
        facts = {name: await self._live.facts(live.number, name) for name in names}
        if self._letters is None:
            self._letters = await self._place.letters(live.topic)
        source = self._place.source(live.number)
        (bounds,) = await source.resolve()  # the live monitor may have gone on
        bounds = msgspec.structs.replace(bounds, first=before.first)
        letters = self._letters.get(live.number, {})
        places = {name: _place_of(facts[name], matched.shift, live) for name in names}
        looks = [CloseLook(self._core, bounds, each, letters) for each in (places, dict.fromkeys(names))]
        await run_together(looks, source, bounds)
        found = [one for name in names for one in _least([_compared(look, name, facts[name]) for look in looks])]
        return _without(kinds.RULES_VERSION, found) if self._has_other_rules(live) else found

    def _has_other_rules(self, live: LivePartition) -> bool:
        return live.rules_digest != rules_digest(self._core)


def _compared(look: CloseLook, project_id: str, theirs: ProjectFacts | None) -> list[Difference]:
    ours = look.facts(project_id)
    return [] if ours is None and theirs is None else compare_facts(ours, theirs, look.evidence[project_id])


def _least(found: Sequence[list[Difference]]) -> list[Difference]:
    """At the place that fits best. In a copy records may lie at other offsets: then it is the copy's end."""
    return min(found, key=len)


def _place_of(facts: ProjectFacts | None, shift: int, live: LivePartition) -> int:
    """The last offset of the replay that counts: the live monitor has applied a project's last record, and has passed
    all that lay before `next_offset`."""
    return max(live.next_offset - 1, -1 if facts is None else facts.applied) + shift


def _without(what: str, found: Sequence[Difference]) -> list[Difference]:
    return [one for one in found if one.what != what]
