"""What a contender is to the benchmark: it is prepared, run on a topic that is full already, and checked.

A new contender is one file beside this one and one line in `contenders.py`.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import NamedTuple, Protocol

from benchmarks.peers.equal.reference import Project

ROOT = Path(__file__).resolve().parents[2]


class CannotRun(Exception):
    """A contender is left out; the text says why and what would help."""


class Ending(Enum):
    """When a contender is done, as the value says."""

    READ = "when the last event was decoded; it keeps nothing"
    COMMITTED = "when its group's committed offsets reach the end"
    STOPPED = "asked to stop at the last event; when its group's committed offsets reach the end"
    EXITED = "when its process, which ends with the topic, has stored everything"


class Counts(NamedTuple):
    """What every contender counts for each project, at the least."""

    events: int
    failed: int
    conflicted: int
    highest: int


@dataclass(frozen=True)
class Expected:
    """What a run must come to: the counts of each project and, for equal work, everything of it."""

    counts: Mapping[str, Counts]
    projects: Mapping[str, Project]


@dataclass(frozen=True)
class Job:
    """One run. `name` is used nowhere else: group, application id and the beginning of its topics' names."""

    name: str
    servers: str
    topic: str
    partitions: int
    last_offsets: Mapping[int, int]  # of every partition that is not empty
    workers: int
    folder: Path  # for state and logs; empty

    @property
    def events(self) -> int:
        """How many there are to take."""
        return sum(last + 1 for last in self.last_offsets.values())

    def environment(self, worker: int) -> dict[str, str]:
        """The input of a program."""
        folder = self.folder / f"worker-{worker}"
        folder.mkdir(exist_ok=True)
        return {
            "NAME": self.name,
            "SERVERS": self.servers,
            "TOPIC": self.topic,
            "PARTITIONS": str(self.partitions),
            "WORKER": str(worker),
            "WORKERS": str(self.workers),
            "FOLDER": str(folder),
            "BENCH_LAST_OFFSETS": ",".join(f"{number}:{last}" for number, last in self.last_offsets.items()),
        }


class Runs(Protocol):
    """The processes of one contender in one run. Times are seconds since the epoch."""

    def pids(self) -> Iterator[int]:
        """The processes whose CPU and memory are its own; their children are counted too."""

    def look(self) -> None:
        """Find out what is new. Raises CannotRun where a process ended that should not."""

    @property
    def first_at(self) -> float | None:
        """When the first event was about to be taken; None: not yet."""

    @property
    def last_at(self) -> float | None:
        """When the last event of the last partition was taken; None: not yet."""

    def taken_at(self, events: int) -> float | None:
        """When so many had been taken; None: not yet, or it does not tell."""

    def ask_to_stop(self) -> None:
        """SIGTERM."""

    def have_ended(self) -> bool:
        """Whether all of them are gone."""


class Contender(ABC):
    """`name` is a word for the command line, `title` is what people read."""

    name: str
    title: str
    ending: Ending
    takes_a_share: bool = False  # so slow that it gets the beginning of the events only

    def note(self, workers: int) -> str:
        """What its row says beside its title."""
        return ""

    def prepare(self) -> None:  # noqa: B027 - some need nothing
        """Everything that is done once: packages, jars, compilation. Raises CannotRun."""

    @abstractmethod
    def open(self, job: Job) -> AbstractContextManager[Runs]:
        """Start it on the job; on leaving, nothing of it is left."""

    @abstractmethod
    def check(self, job: Job, expected: Expected) -> str:
        """What is wrong with what it has stored, "" if nothing; asked while it may be running still."""


def differences(counts: Mapping[str, Counts], expected: Mapping[str, Counts]) -> str:
    """ "" where both are the same, else a sentence with an example."""
    wrong = [project for project in expected.keys() | counts.keys() if counts.get(project) != expected.get(project)]
    if not wrong:
        return ""
    first = min(wrong)
    return f"{len(wrong)} projects are wrong; {first} is {counts.get(first)} and should be {expected.get(first)}"
