"""What equal work adds to a contender: what it does is named in its row, and all that it keeps is checked."""

import asyncio
from abc import abstractmethod
from collections.abc import Mapping

from benchmarks.peers import kafka_side
from benchmarks.peers.contender import Contender, Ending, Job
from benchmarks.peers.equal.reference import Project
from benchmarks.peers.equal.stored_form import Found, differences

PRECISIONS = {
    "seconds": "windows of 15 and 10 min by the second",
    "minutes": "windows of 15 and 10 min by the minute",
    "hopping": "windows of 15 and 10 min hopping by a minute",
}


def alerts_topic(job: Job) -> str:
    """Where a contender sends its alerts."""
    return f"{job.name}-alerts"


class EqualContender(Contender):
    """`precision` is a key of PRECISIONS; `guarantee` is `exactly-once` or `at-least-once`."""

    ending = Ending.COMMITTED

    def __init__(self, name: str, title: str, precision: str, guarantee: str) -> None:
        self.name, self.title = name, title
        self.precision, self.guarantee = precision, guarantee

    def note(self, workers: int) -> str:
        """What stands in its row beside its name."""
        return f"{PRECISIONS[self.precision]}; {self.guarantee}; {self.share_out(workers)}"

    @abstractmethod
    def share_out(self, workers: int) -> str:
        """How it uses so many workers."""

    def environment(self, job: Job) -> dict[str, str]:
        """What its program is told beside the job."""
        return {
            "WINDOWS": self.precision,
            "GUARANTEE": self.guarantee,
            "THREADS": str(job.workers),
            "ALERTS": alerts_topic(job),
        }

    def make_alerts_topic(self, job: Job) -> None:
        """Its records may bear the time of events that are months old, so it keeps them for ever."""
        asyncio.run(kafka_side.create_topic(job.servers, alerts_topic(job), job.partitions, keeps_for_ever=True))

    def wrong(self, job: Job, found: Mapping[str, Found], projects: Mapping[str, Project]) -> str:
        """Everything that was kept of every project, and the number of alerts where it is known."""
        if words := differences(found, projects, self.precision):
            return words
        if self.precision == "hopping":
            return ""  # its windows are judged when the framework tells of them, which may leave out a short crossing
        each = [
            project.by_second if self.precision == "seconds" else project.by_minute for project in projects.values()
        ]
        due = sum(precision.alerts for precision in each)
        sent = asyncio.run(kafka_side.count_records(job.servers, alerts_topic(job)))
        return "" if sent == due else f"{sent} alerts were sent and should be {due}"


def plural(count: int, word: str) -> str:
    """`1 thread`, `2 threads`, `2 processes`."""
    return f"{count} {word}" + ("" if count == 1 else "es" if word.endswith("s") else "s")
