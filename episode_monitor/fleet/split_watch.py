"""Finds projects that are in several partitions. The owner of a new project asks all other partitions for it, so that
of two owners the later one finds the earlier; only what is found is kept, however many projects there are.

After a recovery all projects are asked for again, a few at a time: what a crash lost is found again.
"""

import asyncio
import time
from collections.abc import Iterable, Sequence
from weakref import WeakKeyDictionary

from agents.engine.ownership import Owned, PartitionPhase
from episode_monitor.fleet.ask import Fleet
from episode_monitor.fleet.question import PartialAnswer
from episode_monitor.fleet.questions.split_parts import SeenPart, SplitPartsQuestion
from episode_monitor.fleet.split_log import SplitLog
from streams.base import changelog_keys

LOOK_SECONDS = 0.1
BATCH_PROJECTS = 500  # of a partition at a look
STEP_PROJECTS = 64  # between two turns of the loop
PATIENCE_SECONDS = 10.0  # an alert about numbers waits so long for partitions that are behind or moving
SHORT_PATIENCE_SECONDS = 1.0  # after it was in vain, until it was not
POLL_SECONDS = 0.02
RETRY_SECONDS = 1.0  # where another worker could not be asked


class _Progress:
    """Which projects of a partition were asked for: new ones first, then those that were recovered."""

    def __init__(self, recovered: int) -> None:
        self.next_new = recovered
        self.next_recovered = 0
        self.recovered = recovered
        self.not_before = 0.0


class SplitWatch:
    """`engine.compare` is to be set to `compare` where alerts are to wait for it."""

    def __init__(self, fleet: Fleet, log: SplitLog | None = None) -> None:
        fleet.here.find_parts = self.parts
        self._fleet = fleet
        self._view = fleet.here.view
        self._engine = self._view.engine
        self._log = log or SplitLog()
        self._was_complete = True
        self._progress: WeakKeyDictionary[Owned, _Progress] = WeakKeyDictionary()

    async def run(self) -> None:
        """Watch for ever."""
        while True:
            await self.look(time.monotonic())
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self, now: float) -> None:
        """Ask for what is new in each partition of this worker, and for some of what was recovered."""
        if self._view.partition_count() < 2:
            return
        for owned in [each for each in self._engine.owned.values() if each.is_live]:
            progress = self._progress.get(owned)
            if progress is None:
                progress = self._progress[owned] = _Progress(owned.recovered.projects)
                self._log.recovered(owned.number, owned.partition.index.splits, self._view.partition_count())
            if now >= progress.not_before and not await self._go_on(owned, progress):
                progress.not_before = now + RETRY_SECONDS

    async def _go_on(self, owned: Owned, progress: _Progress) -> bool:
        head_keys = owned.partition.index.head_keys
        while progress.next_new < len(head_keys):
            end = min(progress.next_new + BATCH_PROJECTS, len(head_keys))
            if not await self._ask_all(owned, _names(head_keys[progress.next_new : end]), 0.0):
                return False
            progress.next_new = end
        begin = progress.next_recovered
        if begin < progress.recovered:
            end = min(begin + BATCH_PROJECTS, progress.recovered)
            if not await self._ask_all(owned, _names(head_keys[begin:end]), 0.0):
                return False
            progress.next_recovered = end
        return True

    # --- for alerts that are held

    async def compare(self, owned: Owned, projects: list[str], is_patient: bool) -> None:
        """See `agents.engine.engine.Compare`."""
        patience = PATIENCE_SECONDS if self._was_complete else SHORT_PATIENCE_SECONDS
        until = time.monotonic() + (patience if is_patient else 0.0)
        while True:
            left = until - time.monotonic()
            is_complete = await self._ask_all(owned, projects, max(0.0, left))
            if is_patient:
                self._was_complete = is_complete
            if is_complete:
                return
            if left <= 0 or self._engine.flusher.is_awaited or not owned.is_live:
                return
            await asyncio.sleep(LOOK_SECONDS)

    # --- asking

    async def _ask_all(self, owned: Owned, projects: list[str], wait_seconds: float) -> bool:
        """Ask, and note what is found. Answers whether every partition was asked and, with `wait_seconds`, had taken
        what its log held."""
        keyless = [place for place, project in enumerate(projects) if project in owned.keyless]
        answers = await self._fleet.survey(
            SplitPartsQuestion(partition=owned.number, projects=projects, keyless=keyless, wait_seconds=wait_seconds)
        )
        found: dict[int, list[SeenPart]] = {}
        for answer in answers:
            for part in answer.found or ():
                found.setdefault(part.place, []).append(part)
        for place, parts in found.items():
            await self._note(owned, projects[place], parts)
        asked = {partition for answer in answers for partition in answer.partitions}
        return asked.issuperset(set(range(self._view.partition_count())) - {owned.number})

    async def parts(self, question: SplitPartsQuestion) -> PartialAnswer[list[SeenPart]]:
        """Which of the projects have a part in a partition of this worker, other than the one that asks. It is noted
        here as well: the one that asks has a part of each."""
        others = [owned for owned in self._engine.owned.values() if owned.number != question.partition]
        if question.wait_seconds:
            until = time.monotonic() + question.wait_seconds
            is_there = await asyncio.gather(*(self._has_caught_up(owned, until) for owned in others))
        else:
            is_there = [owned.is_live for owned in others]
        partitions = [owned.number for owned, is_well in zip(others, is_there, strict=True) if is_well]
        live = [owned for owned in others if owned.is_live]
        found: list[SeenPart] = []
        for place, project in enumerate(question.projects):
            seen = [owned for owned in live if owned.partition.head(project)]
            if seen:
                asking = SeenPart(place, question.partition, place in question.keyless)
                parts = [SeenPart(place, owned.number, project in owned.keyless) for owned in seen]
                for owned in seen:
                    await self._note(owned, project, [asking, *parts])
                found.extend(parts)
            if place % STEP_PROJECTS == STEP_PROJECTS - 1:
                await asyncio.sleep(0)
        return PartialAnswer(partitions=partitions, found=found)

    async def _has_caught_up(self, owned: Owned, until: float) -> bool:
        """Wait until it has taken all that its log held when this began."""
        began, target = time.time(), None
        while owned.phase is not PartitionPhase.GONE:
            if owned.is_live:
                answered_at = self._engine.progress.answered_at(owned)
                if target is None and answered_at is not None and answered_at > began:
                    target = owned.position + self._engine.progress.lag(owned)
                if target is not None and owned.position >= target:
                    return True
            if time.monotonic() >= until or self._engine.flusher.is_awaited:
                return False
            await asyncio.sleep(POLL_SECONDS)
        return False

    async def _note(self, owned: Owned, project: str, parts: Iterable[SeenPart]) -> None:
        parts = list(parts)
        partitions = [part.partition for part in parts]
        keyless = [part.partition for part in parts if part.has_no_key]
        if project in owned.keyless:
            keyless.append(owned.number)
        async with owned.locked() as change:
            if change is None or not owned.partition.note_split(project, partitions, keyless):
                return
            await self._engine.emitter.emit(change)
            split = owned.partition.index.splits[project]
        self._log.found(project, split, self._view.partition_count())


def _names(head_keys: Sequence[bytes]) -> list[str]:
    return [changelog_keys.project_of(key) for key in head_keys]
