"""What the agents need to know, handed down from the settings."""

from pathlib import Path

import msgspec

from agents.kafka.access import KafkaAccess
from agents.kafka.topics import TopicNames


class AgentsConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Names, addresses and times of one worker's agents."""

    monitor_id: str
    kafka: KafkaAccess
    topics: TopicNames
    state_dir: Path
    session_timeout_seconds: float
    rebalance_timeout_seconds: float
    flush_interval_seconds: float
    events_partitions: int = 8  # where the topic has to be created
    topic_replication_factor: int | None = None  # of topics that have to be created; None: as the broker decides
    cached_projects: int = 20_000
    stalled_seconds: float = 30.0  # a backlog that does not move for so long ends the process
    group_instance_id: str | None = None  # a name that outlives the process: after a restart its partitions come back
    # at once, and stay nobody's while it is away, until its session ends
