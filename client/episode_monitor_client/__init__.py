"""Sends the events of a project service to the episode monitor. It never raises into the service or blocks it."""

import json
from importlib import resources
from typing import Any

from .alerts import Alert, AlertHandler, SlackAlertHandler, WebhookAlertHandler
from .client import ClientStats, EpisodeMonitorClient, EventSink, current_client, use_client
from .events import (
    EpisodeEvent,
    InvalidEvent,
    created,
    creation_conflict,
    creation_failed,
    creation_succeeded,
    deleted,
    renumbered,
)
from .fixer import CannotFix, IntegrityAutoFixer
from .integrity import EpisodeIntegrityChecker, ProjectIntegrity, UnknownProject
from .job import EpisodeIntegrityJob, JobConfig
from .metric_labels import METRIC_LABELS
from .operation import Operation, current_operation
from .outbox import Outbox, OutboxStats
from .relay import OutboxRelay
from .security import SettingsError, security_options
from .settings import ClientSettings
from .startup import lifespan, monitoring_shutdown_event, monitoring_startup_event
from .statements import EpisodesTable
from .tracing import use_traceparent
from .tracker import EpisodePerformanceTracker

__all__ = [
    "METRIC_LABELS",
    "Alert",
    "AlertHandler",
    "CannotFix",
    "ClientSettings",
    "ClientStats",
    "EpisodeEvent",
    "EpisodeIntegrityChecker",
    "EpisodeIntegrityJob",
    "EpisodeMonitorClient",
    "EpisodePerformanceTracker",
    "EpisodesTable",
    "EventSink",
    "IntegrityAutoFixer",
    "InvalidEvent",
    "JobConfig",
    "Operation",
    "Outbox",
    "OutboxRelay",
    "OutboxStats",
    "ProjectIntegrity",
    "SettingsError",
    "SlackAlertHandler",
    "UnknownProject",
    "WebhookAlertHandler",
    "created",
    "creation_conflict",
    "creation_failed",
    "creation_succeeded",
    "current_client",
    "current_operation",
    "deleted",
    "event_schema",
    "lifespan",
    "monitoring_shutdown_event",
    "monitoring_startup_event",
    "renumbered",
    "security_options",
    "use_client",
    "use_traceparent",
]


def event_schema() -> dict[str, Any]:
    """The JSON Schema of an event's value, as the monitor reads it."""
    text = (resources.files(__name__) / "episode-event.schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema
