"""Configuration of the agents, made from the settings."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from agents.alerts.history_follower import HistoryStore
from agents.engine.dead_letter_backoff import DeadLetterBackoff
from agents.engine.emitter import Failpoint
from agents.engine.idle import steady_ms
from agents.engine.stall_guard import running_seconds
from agents.kafka.access import KafkaAccess
from agents.kafka.topics import TopicNames
from agents.tracing import TracePoints
from alert_sinks.ledger import Ledger
from alert_sinks.limits import Limits
from alert_sinks.sink import Destinations
from alert_sinks.texts.catalogue import Texts
from alert_sinks.texts.english import ENGLISH
from models.audit_checkpoint import AuditCheckpoint
from streams.dispatch.config import DispatchConfig


@dataclass(frozen=True, kw_only=True)
class AuditConfig:
    """How often a partition's audit checkpoint is written, the version that it names, and what signs it."""

    every_seconds: float
    software: str
    sign: Callable[[AuditCheckpoint], AuditCheckpoint] = lambda checkpoint: checkpoint


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
    state_memory_bytes: int = 2**32  # of stored values; the rest is in files of `state_dir`
    stalled_seconds: float = 30.0  # a backlog that does not move for so long ends the process
    audit: AuditConfig | None = None  # None: no audit checkpoints
    rules: Callable[[], frozenset[str]] | None = None  # ids of those in force; alerts of others end. None: of none
    dispatch: Callable[[], DispatchConfig]  # what the dispatcher decides by now
    worker_url: str = ""  # how the dispatcher's owner is named to the others
    group_instance_id: str | None = None  # a name that outlives the process: after a restart its partitions come back
    # at once, and have no owner while it is away, until its session ends


@dataclass(frozen=True)
class Outlets:
    """The destinations of alerts, and the stores of their outcomes."""

    destinations: Destinations
    ledger: Ledger
    history: HistoryStore
    limits: Limits = field(default_factory=Limits)
    audit: Callable[[AuditCheckpoint], None] = lambda checkpoint: None  # of each that the topic has; must not wait
    texts: Texts = ENGLISH  # of messages
    traces: TracePoints = field(default_factory=TracePoints)


@dataclass(frozen=True)
class Hooks:
    """What tests replace: the clocks, pauses, failpoints. `running_seconds` tells how long the process stood still."""

    steady_ms: Callable[[], int] = steady_ms
    running_seconds: Callable[[], float] = running_seconds
    backoff: Callable[[], DeadLetterBackoff] = DeadLetterBackoff
    failpoint: Failpoint = lambda name: None
    idle_follows_wall: bool = True
