"""A project service of each test's own: an empty database and a topic of its own."""

from collections.abc import AsyncIterator

import pytest

from examples.project_service.settings import Settings
from tests.examples.support import PARTITIONS, Service, project_service


@pytest.fixture
def service_settings(broker: str, database_url: str, topic_prefix: str) -> Settings:
    """Settings with a time limit that no honest creation meets, however slow the machine."""
    return Settings(
        database_url=database_url,
        kafka_bootstrap_servers=broker,
        events_topic=f"{topic_prefix}episode-events",
        events_partitions=PARTITIONS,
        instance_name="service-under-test",
        time_limit_seconds=60.0,
        attempt_timeout_seconds=30.0,
        trouble_seed=1,
    )


@pytest.fixture
async def service(service_settings: Settings) -> AsyncIterator[Service]:
    """A healthy service."""
    async with project_service(service_settings) as running:
        yield running
