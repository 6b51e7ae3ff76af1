"""Answers about the monitor itself and its alerts. Times are RFC 3339 in UTC."""

from typing import Any

import msgspec


class PartitionReadiness(msgspec.Struct, frozen=True, kw_only=True):
    """How far one partition of this worker is. Offsets are exclusive: the next one."""

    partition: int
    applied: int
    audited_to: int | None  # what the audit's topic covers; None where no audit checkpoints are written
    state_digest: str | None  # of the partition's projects at `state_digest_at`, as in audit checkpoints
    state_digest_at: int | None
    late_events: int = 0  # since the topic's beginning


class DispatcherReadiness(msgspec.Struct, frozen=True, kw_only=True):
    """The dispatcher as this worker knows it. `owner` is the address of the worker that decides; `waits_for` and
    `deadline` (when it decides next without an event) are known to the owner alone."""

    owner: str | None
    is_this_worker: bool
    live: bool  # of this worker: it is the owner, and decides
    waits_for: str | None
    deadline: str | None
    copy_lag: int  # records of the dispatcher's state that this worker does not have yet


class Readiness(msgspec.Struct, frozen=True, kw_only=True):
    """Whether this worker can serve. `parts` maps the name of a part to "ok" or to a sentence about the problem."""

    ready: bool
    parts: dict[str, str]
    lag: int | None  # events of this worker's partitions not yet applied; None where Kafka does not say
    recovery: dict[str, float | int | bool]
    partitions: list[PartitionReadiness] = []  # the live ones of this worker
    dispatcher: DispatcherReadiness | None = None  # null where there is none
    late_events: int = 0  # of this worker's live partitions: they came later than the grace


class AlertTransition(msgspec.Struct, frozen=True, kw_only=True):
    """One transition of an alert. `alert` is the alert after the transition, written by `Alert.to_dict`."""

    transition_id: str
    at: str
    reason: str  # why it happened: a `streams.alerting.verdict.Reason`
    by: str | None  # the person, where a person did it
    comment: str | None
    alert: dict[str, Any]


class AlertHistoryPage(msgspec.Struct, frozen=True, kw_only=True):
    """A page of transitions, newest first. `next_cursor` is null on the last page."""

    transitions: list[AlertTransition]
    next_cursor: str | None
