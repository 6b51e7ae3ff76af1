"""Reads the settings of topics and brokers. A setting that the broker does not return to this user is None."""

from collections.abc import Iterable, Mapping
from typing import Any

import structlog
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError

from agents.kafka.topic_fit import BrokerFacts, TopicFacts

log = structlog.get_logger(__name__)


async def topic_facts(admin: AIOKafkaAdminClient, topics: Iterable[str]) -> dict[str, TopicFacts]:
    """The settings of the topics that exist. Raises KafkaError."""
    there = set(await admin.list_topics())
    wanted = [topic for topic in topics if topic in there]
    if not wanted:
        return {}
    described = {str(topic["topic"]): topic for topic in await admin.describe_topics(wanted) if not topic["error_code"]}
    settings = await _settings(admin, ConfigResourceType.TOPIC, wanted)
    return {name: _facts(described[name], settings.get(name, {})) for name in wanted if name in described}


def _facts(described: Mapping[str, Any], settings: Mapping[str, str]) -> TopicFacts:
    partitions = described["partitions"]
    cleanup = settings.get("cleanup.policy")
    return TopicFacts(
        partitions=len(partitions),
        replicas=min((len(partition["replicas"]) for partition in partitions), default=None),
        cleanup=None if cleanup is None else frozenset(word.strip() for word in cleanup.split(",") if word.strip()),
        retention_ms=_integer(settings.get("retention.ms")),
        retention_bytes=_integer(settings.get("retention.bytes")),
        max_record_bytes=_integer(settings.get("max.message.bytes")),
        min_in_sync=_integer(settings.get("min.insync.replicas")),
    )


async def broker_facts(admin: AIOKafkaAdminClient) -> BrokerFacts:
    """The settings of the first broker, which stand for all. Raises KafkaError."""
    brokers = [broker["node_id"] for broker in (await admin.describe_cluster())["brokers"]]
    settings: dict[str, str] = {}
    if brokers:
        settings = (await _settings(admin, ConfigResourceType.BROKER, [str(brokers[0])])).get(str(brokers[0]), {})
    return BrokerFacts(
        brokers=len(brokers),
        min_session_ms=_integer(settings.get("group.min.session.timeout.ms")),
        max_session_ms=_integer(settings.get("group.max.session.timeout.ms")),
    )


async def _settings(
    admin: AIOKafkaAdminClient, kind: ConfigResourceType, names: list[str]
) -> dict[str, dict[str, str]]:
    """Of each resource that the broker returns."""
    try:
        answers = await admin.describe_configs([ConfigResource(kind, name) for name in names])
    except (KafkaError, AttributeError, ValueError, TypeError) as error:  # not every broker knows the request
        log.debug("the broker does not return its settings", reason=str(error))
        return {}
    found: dict[str, dict[str, str]] = {}
    for answer in answers:
        for code, _message, _kind, name, entries in answer.resources:
            if not code:
                found[name] = {entry[0]: entry[1] for entry in entries if entry[1] is not None}
    return found


def _integer(text: str | None) -> int | None:
    return int(text) if text is not None and text.lstrip("-").isdigit() else None
