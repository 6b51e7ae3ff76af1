"""What of topics and brokers does not fit, setting by setting; then asked of a real broker."""

from typing import Any

import msgspec
import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from agents.kafka.topic_check import check_topics
from agents.kafka.topic_fit import BrokerFacts, TopicFacts, misfits
from agents.kafka.topics import TopicNames, ensure_audit_topic, ensure_topics

NAMES = TopicNames.of("m", "events", "alerts", "letters", "alert-letters")
STATE_BYTES = 16 * 1024 * 1024
DAY_MS = 86_400_000


def facts(cleanup: str, **changes: Any) -> TopicFacts:
    known: dict[str, Any] = {
        "partitions": 2, "replicas": 3, "cleanup": frozenset(cleanup.split(",")), "retention_ms": 7 * DAY_MS,
        "retention_bytes": -1, "max_record_bytes": STATE_BYTES, "min_in_sync": 2,
    }  # fmt: skip
    return TopicFacts(**known | changes)


GOOD = {
    "events": facts("delete"), "alerts": facts("delete"), "letters": facts("delete"), "alert-letters": facts("delete"),
    "m-state-changelog": facts("compact"), "m-fleet": facts("compact"),
}  # fmt: skip
THREE = BrokerFacts(brokers=3, min_session_ms=6_000, max_session_ms=1_800_000)


def said(session_ms: int = 10_000, **changed: TopicFacts) -> list[str]:
    return said_of(changed, session_ms)


def said_of(changed: dict[str, TopicFacts], session_ms: int = 10_000) -> list[str]:
    topics = GOOD | {name.replace("_", "-"): each for name, each in changed.items()}
    return misfits(NAMES, topics, THREE, STATE_BYTES, session_ms)


def test_topics_as_the_monitor_makes_them_fit() -> None:
    assert said() == []
    assert (
        said(events=facts("delete", retention_ms=-1), m_state_changelog=facts("compact,delete", retention_ms=-1)) == []
    )


def test_what_a_broker_does_not_tell_is_not_judged() -> None:
    bare = {name: TopicFacts(partitions=2) for name in GOOD}
    assert misfits(NAMES, bare, BrokerFacts(brokers=1), STATE_BYTES, 10_000) == []
    assert misfits(NAMES, {}, BrokerFacts(brokers=0), STATE_BYTES, 10_000) == []


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"events": facts("compact")}, "events is compacted, which keeps only the last event of each project"),
        ({"events": facts("compact,delete")}, "events is compacted"),
        ({"events": facts("delete", retention_ms=3_600_000)}, "events keeps events for 1 h only"),
        ({"alerts": facts("compact")}, "alerts is compacted, which keeps only the last transition of each alert"),
        ({"letters": facts("compact")}, "letters is compacted, which keeps only the last dead letter of each project"),
        (
            {"m_state_changelog": facts("delete", retention_ms=3_600_000)},
            "deletes the state of quiet projects after 1 h",
        ),
        ({"m_state_changelog": facts("compact,delete")}, "deletes the state of quiet projects after 168 h"),
        ({"m_fleet": facts("delete")}, "m-fleet deletes the summaries that workers publish"),
        ({"m_state_changelog": facts("compact", max_record_bytes=1_048_588)}, "accepts records of 1 MiB at most"),
        ({"events": facts("delete", replicas=1, min_in_sync=1)}, "events has one copy on 3 brokers"),
        ({"events": facts("delete", min_in_sync=4)}, "events needs 4 copies in sync and has 3"),
    ],
)
def test_each_setting_that_loses_or_stops_something_is_one_sentence_with_its_mend(
    changed: dict[str, TopicFacts], sentence: str
) -> None:
    (found,) = said_of(changed)
    assert sentence in found
    assert any(mend in found for mend in (" Set its ", " Raise its ", " Lower its ", " Add copies"))


@pytest.mark.parametrize("session_ms", [5_000, 2_000_000])
def test_a_session_that_the_brokers_refuse_is_said(session_ms: int) -> None:
    (found,) = said(session_ms=session_ms)
    assert "the brokers take 6 to 1800: no worker could join" in found


def test_one_broker_needs_no_copies() -> None:
    single = {name: facts("compact" if "m-" in name else "delete", replicas=1, min_in_sync=1) for name in GOOD}
    assert misfits(NAMES, single, BrokerFacts(brokers=1), STATE_BYTES, 10_000) == []


@pytest.mark.parametrize(
    ("topic", "fault"),
    [
        (facts("compact", retention_ms=-1), "audit is compacted"),
        (facts("delete", retention_ms=1, retention_bytes=-1), "audit deletes old audit checkpoints"),
        (facts("delete", retention_ms=-1, retention_bytes=1), "audit deletes old audit checkpoints"),
        (facts("delete", retention_ms=-1, retention_bytes=-1), ""),
        (facts("delete", retention_ms=-1), ""),
    ],
)
def test_audit_checkpoints_are_kept_for_ever(topic: TopicFacts, fault: str) -> None:
    found = misfits(msgspec.structs.replace(NAMES, audit="audit"), {"audit": topic}, BrokerFacts(brokers=1), 1, 10_000)
    assert [sentence.partition(",")[0] for sentence in found] == ([fault] if fault else [])


def test_the_dispatcher_has_one_order_of_everything() -> None:
    topics = {
        "m-acts": facts("delete"),
        "m-dispatch": facts("compact", partitions=1),
        "m-notifications": facts("delete"),
    }
    (found,) = misfits(NAMES, topics, BrokerFacts(brokers=1), 1, 10_000)
    assert found.startswith(
        "m-acts has 2 partitions, and the dispatcher has one order of everything: no worker starts."
    )
    assert misfits(NAMES, topics | {"m-acts": facts("delete", partitions=1)}, BrokerFacts(brokers=1), 1, 10_000) == []


@pytest.mark.apache
async def test_topics_made_by_hand_are_seen_as_they_are_set(broker: str, topic_prefix: str) -> None:
    names = TopicNames.of(f"{topic_prefix}m", *(f"{topic_prefix}{name}" for name in ("ev", "al", "dl", "adl")))
    client = AIOKafkaAdminClient(bootstrap_servers=broker)
    await client.start()
    try:
        await client.create_topics(
            [
                NewTopic(names.events, 2, 1, topic_configs={"cleanup.policy": "compact"}),
                NewTopic(names.changelog, 2, 1, topic_configs={"cleanup.policy": "delete", "retention.ms": "3600000"}),
            ]
        )
    finally:
        await client.close()
    await ensure_topics(broker, names, 2, None)
    topics, found = await check_topics(broker, names, 10_000)
    assert topics[names.events].cleanup == frozenset({"compact"})
    assert topics[names.fleet].cleanup == frozenset({"compact"})
    assert [sentence.partition(",")[0].partition(" of quiet")[0] for sentence in found] == [
        f"{names.events} is compacted",
        f"{names.changelog} deletes the state",
        f"{names.changelog} accepts records of 1 MiB at most",
    ]


@pytest.mark.broker
async def test_topics_that_the_monitor_made_fit_on_whatever_broker(broker: str, topic_prefix: str) -> None:
    names = TopicNames.of(f"{topic_prefix}m", *(f"{topic_prefix}{name}" for name in ("ev", "al", "dl", "adl")))
    names = msgspec.structs.replace(names, audit=f"{topic_prefix}audit")
    made = await ensure_topics(broker, names, 2, None) | await ensure_audit_topic(broker, names, 2, None)
    assert made[names.audit] == 2
    topics, found = await check_topics(broker, names, 10_000)
    assert found == []
    assert {name: each.partitions for name, each in topics.items()} == made
