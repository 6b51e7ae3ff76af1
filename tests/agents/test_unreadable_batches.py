"""Batches of every kind in the topics of a running worker: what can be read counts, and the rest is said and passed."""

import asyncio
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiokafka import TopicPartition
from aiokafka.consumer import fetcher

from agents.engine.last_record import origin_of
from agents.engine.ownership import PartitionPhase
from agents.fetching.record_parsing import PlainRecord
from agents.fetching.taken_records import FetchedBytes
from faults.evidence import Kept, read_log
from models.dead_letter import DeadLetter, DeadLetterReason, Malformed, dead_batch, dead_letter
from testbed.batches import CODECS, Sent, batch, produce
from tests.agents.support import Rig, config_for, created, headers_of, make_topics, producing, running, send, until

pytestmark = pytest.mark.broker


FORMAT_AT, LENGTH_AT = 16, 8
MALFORMED = Malformed(DeadLetterReason.MALFORMED_JSON, "It is none.")


@contextmanager
def damaged_disk(words: bytes) -> Iterator[None]:
    """Whatever batch these words lie in is read with one bit of them changed."""

    def damaged(data: bytes) -> FetchedBytes:
        return FetchedBytes(data.replace(words, bytes([words[0] ^ 1]) + words[1:]) if data else data)

    fetcher.MemoryRecords = damaged
    try:
        yield
    finally:
        fetcher.MemoryRecords = FetchedBytes


async def letters_of(broker: str, rig: Rig) -> list[Kept]:
    """The dead letters, in order."""
    return list(await read_log(broker, rig.topics.dead_letters, 0))


async def test_a_damaged_batch_is_passed_over_with_one_dead_letter_however_often_the_worker_starts(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    config = config_for(broker, topic_prefix, tmp_path)
    await make_topics(broker, config)
    with damaged_disk(b"words on a bad sector"):
        rig = Rig(config)
        async with running(rig), producing(broker) as producer:
            await send(producer, rig.topics.events, 1, b"p", created("p", 1))
            bad = await send(producer, rig.topics.events, 1, b"p", created("p", 2, error="words on a bad sector"))
            await send(producer, rig.topics.events, 1, b"p", created("p", 3))
            await send(producer, rig.topics.events, 0, b"q", created("q", 1))
            await until(lambda: rig.outcome("applied") == 3 and rig.outcome("dead_letter") == 1 and rig.is_stored())
        again = Rig(config)
        async with running(again), producing(broker) as producer:
            await send(producer, again.topics.events, 1, b"p", created("p", 4))
            await until(lambda: again.outcome("applied") == 1 and again.is_stored())
            assert again.episodes("p") == 3
    assert rig.stops == again.stops == []
    (letter,) = await letters_of(broker, rig)
    headers = headers_of(letter)
    assert letter.key is None
    assert b"words on" not in (letter.value or b"")
    assert headers["dl_reason"] == b"malformed_json"
    assert (headers["dl_partition"], headers["dl_offset"], headers["dl_last_offset"]) == (
        b"1",
        b"%d" % bad,
        b"%d" % bad,
    )
    assert headers["dl_detail"] == b"Offset %d cannot be read: its checksum is wrong." % bad


async def test_a_partition_whose_state_is_damaged_says_so_and_the_others_go_on(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    config = config_for(broker, topic_prefix, tmp_path)
    await make_topics(broker, config)
    rig = Rig(config)
    async with running(rig), producing(broker) as producer:
        await send(producer, rig.topics.events, 0, b"fine", created("fine", 1))
        await send(producer, rig.topics.events, 1, b"on-a-bad-sector", created("on-a-bad-sector", 1))
        await until(lambda: rig.outcome("applied") == 2 and rig.is_stored())
    with damaged_disk(b"on-a-bad-sector"):
        again = Rig(config)
        async with running(again, None), producing(broker) as producer:
            await until(lambda: bool(again.owned.get(1) and again.owned[1].problem))
            await until(lambda: again.owned[0].is_live)
            await send(producer, again.topics.events, 0, b"fine", created("fine", 2))
            await until(lambda: again.outcome("applied") == 1)
            assert again.owned[1].phase is PartitionPhase.RECOVERING
            problem = again.owned[1].problem
            assert problem in again.runtime.problems
    assert again.stops == []
    assert problem.startswith(f"Partition 1 of {config.topics.changelog} is damaged: Offset")
    assert "its checksum is wrong. Restore that partition from another replica" in problem


async def test_batches_of_every_codec_and_an_odd_header_are_events(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    rig = Rig(config_for(broker, topic_prefix, tmp_path))
    async with running(rig):
        for number, codec in enumerate(CODECS, 1):
            async with producing(broker, compression_type=codec, linger_ms=20) as producer:
                project = codec.encode()
                sending = [send(producer, rig.topics.events, 1, project, created(codec, at)) for at in range(1, 41)]
                await asyncio.gather(*sending)
                await until(lambda number=number: rig.outcome("applied") == 40 * number)  # type: ignore[misc]
        odd = [(b"\xff\xfe", b"\xff"), (b"", None), (b"ce_id", b"\xff"), (b"ce_id", None)]
        events = [
            Sent(0, created("odd", 1), b"odd", odd),
            Sent(1, created("odd", 2), b"odd", timestamp_delta=-(10**15)),
        ]
        await produce(broker, rig.topics.events, 1, batch(0, events, "zstd"))
        await until(lambda: rig.outcome("applied") == 162 and rig.is_stored())
        assert [rig.episodes(project) for project in [*CODECS, "odd"]] == [40, 40, 40, 40, 2]
        await produce(broker, rig.topics.events, 1, batch(0, [Sent(0, b"no event", b"odd", odd)], timestamp=-1))
        await until(lambda: rig.outcome("dead_letter") == 1 and rig.is_stored())
    assert rig.stops == []
    (letter,) = await letters_of(broker, rig)
    assert [name for name, _ in letter.headers][:4] == ["\\xff\\xfe", "", "ce_id", "ce_id"]


async def test_a_batch_that_decompresses_to_too_much_is_too_large_and_its_neighbours_count(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    rig = Rig(config_for(broker, topic_prefix, tmp_path))
    async with running(rig), producing(broker) as producer:
        await send(producer, rig.topics.events, 0, b"p", created("p", 1))
        await produce(broker, rig.topics.events, 0, batch(0, [Sent(0, b"x" * 70_000_000)], "zstd"))
        large = [Sent(0, created("p", 2)), Sent(1, b"x" * 9_000_000), Sent(2, created("p", 3))]
        await produce(broker, rig.topics.events, 0, batch(0, large, "zstd"))
        await send(producer, rig.topics.events, 0, b"p", created("p", 4))
        await until(lambda: rig.outcome("applied") == 4 and rig.outcome("dead_letter") == 2 and rig.is_stored())
    assert rig.stops == []
    letters = [headers_of(letter) for letter in await letters_of(broker, rig)]
    assert [(headers["dl_offset"], headers["dl_reason"]) for headers in letters] == [
        (b"1", b"too_large"), (b"3", b"too_large"),
    ]  # fmt: skip
    assert letters[0]["dl_detail"].startswith(b"Offset 1 cannot be read: its ")
    assert letters[1]["dl_size"] == b"9000000"


@pytest.mark.apache
async def test_damage_on_the_disk_of_a_broker_costs_the_damaged_batches_alone(
    private_broker: Callable[[], Any], topic_prefix: str, tmp_path: Path
) -> None:
    kafka = private_broker()
    config = config_for(kafka.bootstrap_servers, topic_prefix, tmp_path)
    await make_topics(kafka.bootstrap_servers, config)
    async with producing(kafka.bootstrap_servers) as producer:
        for number in range(1, 10):
            value = created("p", number, error=f"words {number}")
            await send(producer, config.topics.events, 1, b"p", value)
    segment = kafka.data_folder / f"{config.topics.events}-1" / "00000000000000000000.log"
    whole = segment.read_bytes()
    _, _, _, fourth, _, sixth, _, _, _ = _begins(whole)
    damage = {whole.index(b"words 2"): b"W", fourth + FORMAT_AT: b"\x09", sixth: b"\x01"}
    with segment.open("r+b") as disk:
        for at, byte in damage.items():
            disk.seek(at)
            disk.write(byte)
    rig = Rig(config)
    async with running(rig):
        await until(lambda: rig.outcome("applied") == 6 and rig.outcome("dead_letter") == 3 and rig.is_stored())
        assert {owned.position for owned in rig.owned.values()} == {0, 9}
    assert rig.stops == []
    told = [headers_of(letter) for letter in await letters_of(kafka.bootstrap_servers, rig)]
    places = [(each["dl_offset"], each["dl_last_offset"]) for each in told]
    assert places == [(b"1", b"1"), (b"3", b"3"), (b"5", b"5")]


@pytest.mark.apache
async def test_a_log_that_the_broker_itself_cannot_follow_is_said_and_ends_no_worker(
    private_broker: Callable[[], Any], topic_prefix: str, tmp_path: Path
) -> None:
    kafka = private_broker()
    config = config_for(kafka.bootstrap_servers, topic_prefix, tmp_path)
    await make_topics(kafka.bootstrap_servers, config)
    async with producing(kafka.bootstrap_servers) as producer:
        for number in range(1, 10):
            await send(producer, config.topics.events, 1, b"p", created("p", number))
    segment = kafka.data_folder / f"{config.topics.events}-1" / "00000000000000000000.log"
    _, _, _, _, _, sixth, _, _, _ = _begins(segment.read_bytes())
    with segment.open("r+b") as disk:
        disk.seek(sixth + LENGTH_AT)
        disk.write(b"\x00\x07")  # further than the log goes
    rig = Rig(config)
    async with running(rig), producing(kafka.bootstrap_servers) as producer:
        await until(lambda: bool(rig.owned[1].problem), "it is said")
        await send(producer, config.topics.events, 0, b"q", created("q", 1))
        await until(lambda: rig.outcome("applied") == 6)
        assert rig.runtime.problems == [rig.owned[1].problem]
        assert f"partition 1 of {config.topics.events} from offset 5 on: it answers" in rig.owned[1].problem
    assert rig.stops == []


def _begins(log: bytes) -> Iterator[int]:
    """Where each batch of a segment begins."""
    at = 0
    while at < len(log):
        yield at
        at += 12 + struct.unpack(">i", log[at + 8 : at + 12])[0]


def test_a_dead_letter_that_was_sent_in_again_tells_of_its_latest_origin() -> None:
    batch_letter = dead_batch("events", 1, 3, 9, b"", MALFORMED)
    assert origin(batch_letter) == 9
    assert origin(dead_letter("events", 1, 20, None, b"", batch_letter.headers, MALFORMED)) == 20


def test_a_letter_whose_offset_is_no_offset_tells_of_none() -> None:
    letter = dead_letter("events", 1, 20, None, b"", [], MALFORMED)
    for claimed in (b"1" * 5000, b"-1", b"x", b""):
        headers = [(name, claimed if name == "dl_offset" else value) for name, value in letter.headers]
        assert origin(msgspec.structs.replace(letter, headers=headers)) is None


def origin(letter: DeadLetter) -> int | None:
    read: Any = PlainRecord(0, -1, letter.key, letter.value, letter.headers)
    return origin_of(read, TopicPartition("events", 1), "monitor")
