"""Records that cannot be used, on a running worker: they go to the dead letters, and nothing around them waits."""

import asyncio
import hashlib
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from agents.engine import dead_letter_backoff
from agents.engine.dead_letter_backoff import DeadLetterBackoff
from agents.engine.ownership import PartitionPhase
from faults.evidence import read_log
from tests.agents.support import (
    Rig,
    config_for,
    created,
    headers_of,
    make_topics,
    now_ms,
    producing,
    running,
    send,
    until,
)

pytestmark = pytest.mark.broker


def without(field: str) -> bytes:
    wire: dict[str, Any] = json.loads(created("p", 2))
    del wire[field]
    return json.dumps(wire).encode()


BAD = {
    "malformed_json": (b"p", b'{"event_id": '),
    "invalid_field": (b"p", created("p", 2, episode_number="2")),
    "missing_field": (b"p", without("episode_id")),
    "unknown_type": (b"p", created("p", 2, type="episode.eaten")),
    "unsupported_version": (b"p", created("p", 2, schema_version=99)),
    "key_mismatch": (b"q", created("p", 2)),
    "too_large": (b"p", created("p", 2, error="x" * 65_536)),
    "future_timestamp": (b"p", created("p", 2, occurred_at=now_ms() + 3_600_000)),
}


ORIGINAL = [("who", b"someone"), ("who", b"somebody else")]


async def test_every_kind_of_bad_record_is_buried_and_the_good_ones_around_it_count(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    rig = Rig(config_for(broker, topic_prefix, tmp_path))
    offsets: dict[str, int] = {}
    async with running(rig), producing(broker) as producer:
        for number, (reason, (key, value)) in enumerate(BAD.items(), 2):
            await send(producer, rig.topics.events, 1, b"p", created("p", 10 * number))
            offsets[reason] = await send(producer, rig.topics.events, 1, key, value, ORIGINAL)
            await send(producer, rig.topics.events, 1, b"p", created("p", 10 * number + 1))
        await until(lambda: rig.outcome("applied") == 2 * len(BAD) and rig.is_stored())

        assert rig.episodes("p") == 2 * len(BAD)
        assert rig.owned[1].counts.dead_letters_by_reason == dict.fromkeys(BAD, 1)
    letters = await read_log(broker, rig.topics.dead_letters, 0)
    assert [headers_of(letter)["dl_reason"].decode() for letter in letters] == list(BAD)
    for letter, (reason, (key, value)) in zip(letters, BAD.items(), strict=True):
        headers = headers_of(letter)
        assert letter.key == key
        assert list(letter.headers[:2]) == ORIGINAL
        assert headers["dl_topic"] == rig.topics.events.encode()
        assert (headers["dl_partition"], headers["dl_offset"]) == (b"1", b"%d" % offsets[reason])
        assert headers["dl_detail"]
        if reason == "too_large":
            assert letter.value == value[:1024]
            assert headers["dl_sha256"] == hashlib.sha256(value).hexdigest().encode()
        else:
            assert letter.value == value
    assert rig.stops == []


async def test_a_record_without_a_value_is_counted_and_is_no_dead_letter(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    rig = Rig(config_for(broker, topic_prefix, tmp_path))
    async with running(rig), producing(broker) as producer:
        await send(producer, rig.topics.events, 0, b"p", None)
        await send(producer, rig.topics.events, 0, b"p", created("p", 1))
        await until(lambda: rig.outcome("applied") == 1)
        assert rig.outcome("tombstone") == 1
    assert await read_log(broker, rig.topics.dead_letters, 0) == []


async def test_a_dead_letter_of_before_the_restart_is_not_written_again(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    config = config_for(broker, topic_prefix, tmp_path, flush_interval_seconds=3600.0)
    await make_topics(broker, config)
    dying = Rig(config)
    async with producing(broker) as producer:
        async with running(dying):
            await send(producer, config.topics.events, 0, b"p", created("p", 1))
            await send(producer, config.topics.events, 0, b"p", b"useless")
            soon = created("p", 2, occurred_at=now_ms() + 302_000)  # refused now, accepted a few seconds later
            await send(producer, config.topics.events, 0, b"p", soon)
            await until(lambda: dying.outcome("dead_letter") == 2)
            async with dying.owned[0].locked():  # emitted under the lock under which they were taken
                await dying.runtime.writer.settled()
            for owned in dying.owned.values():
                owned.phase = PartitionPhase.GONE  # as a crash would: nothing of it is stored
        heir = Rig(config_for(broker, topic_prefix, tmp_path))
        async with running(heir):
            await send(producer, config.topics.events, 0, b"p", created("p", 3))
            await until(lambda: heir.episodes("p") == 2 and heir.is_stored())
            assert heir.outcome("dead_letter") == 0
    letters = await read_log(broker, config.topics.dead_letters, 0)
    assert [headers_of(letter)["dl_offset"] for letter in letters] == [b"1", b"2"]


async def test_the_dead_letter_of_another_monitor_hides_no_record_of_this_one(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    """It may have lain in the future when the other one read it."""
    config = config_for(broker, topic_prefix, tmp_path)
    await make_topics(broker, config)
    origin = [("dl_topic", config.topics.events.encode()), ("dl_partition", b"0"), ("dl_reason", b"future_timestamp")]
    async with producing(broker) as producer:
        for offset, monitor_id in ((0, b"other"), (1, config.monitor_id.encode())):
            headers = [*origin, ("dl_offset", b"%d" % offset), ("dl_monitor_id", monitor_id)]
            await send(producer, config.topics.dead_letters, 0, b"p", created("p", 1 + offset), headers)
            await send(producer, config.topics.events, 0, b"p", created("p", 1 + offset))
        rig = Rig(config)
        async with running(rig):
            await send(producer, config.topics.events, 0, b"p", created("p", 3))
            await until(lambda: rig.outcome("applied") == 2)
            assert rig.episodes("p") == 2, "the first and the third; of the second this very monitor has a letter"
            await send(producer, config.topics.events, 0, b"p", b"useless")
            await until(lambda: rig.outcome("dead_letter") == 1)
            await until(rig.is_stored)
    letters = await read_log(broker, config.topics.dead_letters, 0)
    assert headers_of(letters[-1])["dl_monitor_id"] == config.monitor_id.encode()


async def test_after_many_dead_letters_in_a_row_a_partition_waits_and_the_others_go_on(
    broker: str, topic_prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = Rig(config_for(broker, topic_prefix, tmp_path), backoff=lambda: DeadLetterBackoff(limit=5))
    is_over, paused = asyncio.Event(), list[float]()

    async def sleep(seconds: float) -> None:
        paused.append(seconds)
        await is_over.wait()

    monkeypatch.setattr(dead_letter_backoff, "asyncio", SimpleNamespace(sleep=sleep))
    async with running(rig), producing(broker) as producer:
        events = rig.topics.events
        for _ in range(8):
            await send(producer, events, 0, b"p", b"useless")
        await until(lambda: bool(rig.runtime.problems))
        assert rig.outcome("dead_letter") == 5
        assert "5 dead letters in a row" in rig.runtime.problems[0]
        assert "Partition 0" in rig.runtime.problems[0]

        await send(producer, events, 1, b"q", created("q", 1))
        await until(lambda: rig.episodes("q") == 1)
        assert rig.outcome("dead_letter") == 5, "the pause is not over, and the other partition did not wait for it"

        assert paused == [30.0]

        await send(producer, events, 0, b"p", created("p", 1))
        is_over.set()
        await until(lambda: rig.episodes("p") == 1, "good again after the pause")
        assert rig.outcome("dead_letter") == 8
        await until(lambda: rig.runtime.problems == [])
    assert rig.stops == []


@pytest.mark.apache
async def test_a_dead_letter_too_large_for_its_topic_goes_without_its_original_headers(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    rig = Rig(config_for(broker, topic_prefix, tmp_path))
    async with running(rig), producing(broker, max_request_size=2_000_000) as producer:
        huge = [("luggage", b"x" * 1_048_470)]  # as much as the topic of the events takes, but not a header more
        offset = await send(producer, rig.topics.events, 0, b"p", b"useless", huge)
        await send(producer, rig.topics.events, 0, b"p", created("p", 1))
        await until(lambda: rig.episodes("p") == 1 and rig.is_stored())
    letters = await read_log(broker, rig.topics.dead_letters, 0)
    assert [headers_of(letter)["dl_offset"] for letter in letters] == [b"%d" % offset]
    assert "luggage" not in headers_of(letters[0])
    assert rig.stops == []
