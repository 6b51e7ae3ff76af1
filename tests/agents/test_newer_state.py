"""A version that is rolled back over state of a newer one: it reads it or says in one sentence why not, and overwrites
nothing."""

from pathlib import Path

import pytest

from faults.evidence import read_log
from streams.base import changelog_keys
from streams.project.state_codec import FORMAT, HEADER_BYTES
from tests.agents.support import Rig, config_for, created, make_topics, producing, running, send, until

pytestmark = pytest.mark.broker

NEWER = bytes([FORMAT + 1]).ljust(HEADER_BYTES, b"\0") + b"as a later version may store it"


async def test_state_of_a_newer_version_is_left_alone_and_named_in_one_sentence(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    config = config_for(broker, topic_prefix, tmp_path)
    await make_topics(broker, config)
    changelog = config.topics.changelog
    async with producing(broker) as producer:
        at = await send(producer, changelog, 0, changelog_keys.head("p"), NEWER)
        rig = Rig(config)
        async with running(rig, partitions=None):
            await until(lambda: 0 in rig.owned and bool(rig.owned[0].problem), "the sentence")
            assert rig.owned[0].problem == (
                f"Partition 0 of {changelog} has a record that this version cannot read (ValueError: state format "
                f"{FORMAT + 1} is not {FORMAT}; replay the topic into a new MONITOR_ID). Use the version that wrote "
                f"it; or start with a new MONITOR_ID, or delete {changelog}, to process all events again."
            )
            await send(producer, config.topics.events, 0, b"p", created("p", 1))
            await send(producer, config.topics.events, 1, b"q", created("q", 1))
            await until(lambda: rig.owned[1].is_live and rig.owned[1].position == 1, "the other partition, live")
        assert rig.stops == []
    kept = await read_log(broker, changelog, 0)
    written = [(record.key, record.value) for record in kept if (record.key or b"")[:1] == changelog_keys.HEAD]
    assert (kept[at].value, written) == (NEWER, [(changelog_keys.head("p"), NEWER)])
