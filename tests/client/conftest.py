"""A topic of each test's own, and tables of the outbox."""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from agents.kafka.topics import TopicNames, ensure_topics
from episode_monitor_client import ClientSettings, Outbox
from episode_monitor_client.pytest_plugin import episode_events as episode_events

PARTITIONS = 3


async def make_topic(bootstrap_servers: str, prefix: str) -> str:
    """The name of a topic that is there."""
    names = TopicNames.of(f"{prefix}m", *(f"{prefix}{name}" for name in ("events", "alerts", "dead", "alert-dead")))
    await ensure_topics(bootstrap_servers, names, PARTITIONS, 1)
    return names.events


@pytest.fixture
async def settings(broker: str, topic_prefix: str) -> ClientSettings:
    """A client's settings for a topic that is there."""
    return ClientSettings(bootstrap_servers=broker, topic=await make_topic(broker, topic_prefix), source="svc")


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[Any]:
    """A connection to a database that has the tables."""
    connection = await asyncpg.connect(database_url)
    outbox = Outbox()
    await outbox.create_tables(connection)
    await outbox.create_tables(connection)  # a second time is nothing
    yield connection
    await connection.close()
