"""Logs which projects are in several partitions: each once, and beyond a limit only their number."""

import time
from collections.abc import Callable, Mapping

import structlog

from agents.kafka.placement import cause_of, parts_of, sentence
from streams.partition.splits import Split

log = structlog.get_logger(__name__)

MAX_NAMED = 20  # of a worker; a topic without keys has all its projects in all partitions
SUM_SECONDS = 60.0


class SplitLog:
    """One of a worker. `clock` is monotonic."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._named: dict[str, Split] = {}
        self._not_named = 0
        self._summed_at = float("-inf")

    def found(self, project_id: str, split: Split, partitions: int) -> None:
        """A project was seen in one more partition; `partitions` is how many there are."""
        if self._named.get(project_id) == split:
            return  # logged for the other part
        if project_id not in self._named and len(self._named) >= MAX_NAMED:
            self._not_named += 1
            if self._clock() - self._summed_at >= SUM_SECONDS:
                self._summed_at = self._clock()
                log.warning(
                    "more projects have records in several partitions; see /readyz for the number",
                    found=self._not_named,
                )
                self._not_named = 0
            return
        self._named[project_id] = split
        parts = parts_of(project_id, split.partitions, split.keyless, partitions)
        log.warning(
            "a project has records in several partitions; its numbers are not evaluated", project_id=project_id,
            partitions=list(split.partitions), cause=cause_of(parts).value, detail=sentence(parts),
        )  # fmt: skip

    def recovered(self, partition: int, splits: Mapping[str, Split], partitions: int) -> None:
        """The split projects that a partition had stored before this worker owned it."""
        for project_id, split in splits.items():
            self.found(project_id, split, partitions)
            if len(self._named) >= MAX_NAMED:
                break
