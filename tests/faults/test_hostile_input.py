"""A running worker and input made to harm it: what can be used counts, what cannot is buried with its reason, the
others notice nothing, and memory stays within what `docs/reliability.md` says."""

import random
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from itertools import chain, zip_longest
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from agents.kafka.topics import TopicNames, ensure_topics
from faults import hostile, replay
from faults.evidence import Evidence, collect
from faults.feed import BEHIND_MS, Feed, Record
from faults.journal import Journal
from faults.oracle import Oracle
from faults.reference import Numbers, Reference
from faults.replay import stored_outcome
from streams.numbering import numbering as bounds
from streams.numbering.chunks import CHUNK_SHIFT
from streams.project.project_state import ProjectState
from streams.project.state_codec import head_of
from testbed.worker_handle import WorkerHandle
from testbed.worker_process import Orders, make_core, names
from tests.agents.support import producing, until

pytestmark = pytest.mark.broker

PARTITIONS = 2
MEGABYTE = 1_000_000


class Trial:
    """One worker, one journal, one verdict. Event times lie behind the wall clock, as the oracle wants it."""

    def __init__(self, broker: str, prefix: str, folder: Path) -> None:
        self.broker = broker
        self.topics: TopicNames = names(prefix)
        self.evidence = Evidence(wall_ms=time.time_ns() // 1_000_000)
        self.at_ms = self.evidence.wall_ms - BEHIND_MS
        self.journal = Journal(self.evidence, self.topics.events, PARTITIONS)
        orders = Orders(
            bootstrap_servers=broker, prefix=prefix, status_file="", partitions=PARTITIONS, idle_follows_wall=False
        )
        self.worker = WorkerHandle(folder, "worker", orders)
        self._producer: AIOKafkaProducer | None = None

    async def send(self, records: Iterable[Record], partition: int | None = None) -> None:
        """Send in order and wait for the broker."""
        assert self._producer is not None
        await self.journal.send(self._producer, records, partition)

    def is_live(self) -> bool:
        """Whether the worker has all partitions ready."""
        status = self.worker.status()
        return status is not None and [each.phase for each in status.partitions.values()] == ["live"] * PARTITIONS

    def is_settled(self) -> bool:
        """Whether the worker has stored all that was sent."""
        assert self.worker.returncode is None, self.worker.log_text()
        status = self.worker.status()
        return status is not None and self.is_live() and all(
            status.partitions[number].committed >= end for number, end in self.journal.ends.items()
        )  # fmt: skip

    def peak_bytes(self) -> int:
        """The most resident memory the worker has had."""
        status = Path(f"/proc/{self.worker.process.pid}/status").read_text()
        return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))

    async def judged(self) -> list[str]:
        """The oracle's sentences, after all was stored."""
        await until(self.is_settled, "everything stored")
        await self.worker.stop()
        await collect(self.evidence, self.broker, self.topics)
        oracle = Oracle(make_core(), self.topics, self.evidence, letters_once=False)
        return oracle.verdict()

    def stored(self) -> dict[str, ProjectState]:
        """Every project's state as the changelog has it."""
        found: dict[str, ProjectState] = {}
        for number, log in self.evidence.changelog.items():
            found |= stored_outcome(make_core(), number, log).states
        return found

    def reasons(self) -> dict[int, str]:
        """Offset -> reason of the dead letters of partition 0."""
        letters = [dict(letter.headers) for letter in self.evidence.dead_letters]
        return {int(one["dl_offset"]): one["dl_reason"].decode() for one in letters if one["dl_partition"] == b"0"}

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Trial"]:
        """The worker, live."""
        await ensure_topics(self.broker, self.topics, PARTITIONS, None)
        async with producing(self.broker) as self._producer:
            with self.worker:
                self.worker.start()
                await until(self.is_live, "the worker live")
                yield self


@pytest.fixture
async def trial(broker: str, topic_prefix: str, tmp_path: Path) -> AsyncIterator[Trial]:
    async with Trial(broker, topic_prefix, tmp_path).running() as running:
        yield running


class Modest(Reference):
    """The plain model goes through all missing numbers at every event; of the greedy project those are two million."""

    def numbers(self) -> Numbers:
        if self.news[0].project_id == "greedy":
            return Reference(self.meaning).numbers()
        return super().numbers()


def neighbours(at_ms: int, count: int) -> Iterator[Record]:
    """What ordinary projects send meanwhile."""
    return Feed(5, count, at_ms + BEHIND_MS, projects=20).records()


async def test_every_kind_of_poison_is_buried_or_taken_and_the_records_around_it_count(trial: Trial) -> None:
    poisons = hostile.poisons("poisoned", trial.at_ms)
    good = [Record(b"good", hostile.created("good", number, trial.at_ms)) for number in range(1, 2 * len(poisons) + 1)]
    for number, poison in enumerate(poisons):
        await trial.send([good[2 * number], poison.record, good[2 * number + 1]], partition=0)
    assert await trial.judged() == []
    reasons = trial.reasons()
    assert {poison.name: reasons.get(3 * number + 1, hostile.APPLIED) for number, poison in enumerate(poisons)} == {
        poison.name: poison.becomes for poison in poisons
    }
    assert len(reasons) == sum(poison.becomes != hostile.APPLIED for poison in poisons)
    states = trial.stored()
    assert sorted(states) == ["good", "poisoned"]
    assert head_of(states["good"]).episodes == 2 * len(poisons)
    numbering = states["poisoned"].numbering
    assert sorted(number for _, number in numbering.episodes.items()) == [1, 2, 3]
    assert [number for number, _ in numbering.anomalies.aside.values()] == [2**31 - 1]
    assert states["poisoned"].late == 2, "the beginning of 1970, and seconds instead of milliseconds"
    assert (states["poisoned"].newest_ms, states["good"].newest_ms) == (trial.at_ms, trial.at_ms)


async def test_a_stream_that_comes_three_times_and_out_of_order_counts_once(trial: Trial) -> None:
    chance = random.Random(3)
    events = [
        (number * 100 + chance.randrange(30_000),
         Record(b"again", hostile.created("again", number, trial.at_ms + number * 100)))
        for number in range(1, 201) if number != 77
    ]  # fmt: skip
    for _ in range(3):
        await trial.send(record for _, record in sorted(events, key=lambda one: one[0]))
    assert await trial.judged() == []
    state = trial.stored()["again"]
    assert head_of(state).episodes == 199
    assert (state.resends, state.late) == (398, 0)
    assert [(hole.start, hole.end) for hole in state.numbering.anomalies.suspects.holes] == [(77, 77)]


async def test_a_greedy_project_is_marked_and_bounded_and_its_neighbours_are_exact(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = trial.peak_bytes()
    greedy = hostile.greedy("greedy", 20_000, trial.at_ms, 200_000)
    both = zip_longest(greedy, neighbours(trial.at_ms, 6_000))
    await trial.send(record for record in chain.from_iterable(both) if record is not None)
    monkeypatch.setattr(replay, "Reference", Modest)
    wrong = await trial.judged()
    assert [sentence for sentence in wrong if "greedy" not in sentence] == []
    assert wrong, "the model follows every number, so it must differ about the greedy project"
    states = trial.stored()
    assert head_of(states["greedy"]).capped
    assert len(states["greedy"].numbering.episodes.chunks) <= bounds.MAX_SPARSE_CHUNKS + (100_000 >> CHUNK_SHIFT)
    assert not any(head_of(state).capped for project, state in states.items() if project != "greedy")
    assert len(states) == 21
    assert before > 20 * MEGABYTE
