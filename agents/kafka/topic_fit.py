"""Checks the settings of topics and brokers: a sentence for each that would lose data or stop the monitor.

Pure: `TopicFacts` and `BrokerFacts` are what a broker returns; what it does not return is None and is not judged.
"""

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from agents.kafka.topics import TopicNames

SHORT_RETENTION_MS = 24 * 3_600_000  # a weekend's outage is longer; below a day a night is
HOUR_MS = 3_600_000


class TopicFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One topic as its broker describes it. Sizes in bytes; -1 of `retention_ms` is for ever."""

    partitions: int
    replicas: int | None = None  # the fewest of any partition
    cleanup: frozenset[str] | None = None  # of `delete` and `compact`
    retention_ms: int | None = None
    retention_bytes: int | None = None
    max_record_bytes: int | None = None
    min_in_sync: int | None = None


class BrokerFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The brokers as one of them describes them."""

    brokers: int
    min_session_ms: int | None = None
    max_session_ms: int | None = None


def misfits(
    names: TopicNames,
    topics: Mapping[str, TopicFacts],
    brokers: BrokerFacts,
    changelog_record_bytes: int,
    session_ms: int,
) -> list[str]:
    """Settings that do not fit, each with the change to make. `changelog_record_bytes`: of the largest state record."""
    found = [*_events(names, topics), *_logs(names, topics), *_audit(names, topics)]
    found += _state(names, topics, changelog_record_bytes)
    found += _dispatch(names, topics)
    found += _copies(topics, brokers)
    found += _session(brokers, session_ms)
    return found


def _events(names: TopicNames, topics: Mapping[str, TopicFacts]) -> Iterator[str]:
    facts = topics.get(names.events)
    if facts is None:
        return
    if facts.cleanup and "compact" in facts.cleanup:
        yield (
            f"{names.events} is compacted, which keeps only the last event of each project: numbers in events that are "
            f"removed before they are read look missing. Set its cleanup.policy to delete."
        )
    elif facts.retention_ms is not None and 0 <= facts.retention_ms < SHORT_RETENTION_MS:
        yield (
            f"{names.events} keeps events for {_hours(facts.retention_ms)} only: what a worker has not read by then is "
            f"lost. Raise its retention.ms to a day or more."
        )


def _logs(names: TopicNames, topics: Mapping[str, TopicFacts]) -> Iterator[str]:
    for name, what in (
        (names.alerts, "the last transition of each alert, so the history loses the others"),
        (names.dead_letters, "the last dead letter of each project"),
        (names.alert_dead_letters, "the last dead letter of each alert"),
        (names.fleet_seconds, "the last seconds of each partition"),
        (names.acts, "the last act"),
        (names.notifications, "the last notification of each receiver"),
    ):
        facts = topics.get(name)
        if facts is not None and facts.cleanup and "compact" in facts.cleanup:
            yield f"{name} is compacted, which keeps only {what}. Set its cleanup.policy to delete."


def _audit(names: TopicNames, topics: Mapping[str, TopicFacts]) -> Iterator[str]:
    facts = topics.get(names.audit)
    if facts is None or not facts.cleanup:
        return
    if "compact" in facts.cleanup:
        yield f"{names.audit} is compacted, which keeps only the last checkpoint. Set its cleanup.policy to delete."
    elif facts.retention_ms not in (-1, None) or facts.retention_bytes not in (-1, None):
        yield (
            f"{names.audit} deletes old audit checkpoints, and nothing proves what they covered then. Set its "
            f"retention.ms and retention.bytes to -1."
        )


def _state(names: TopicNames, topics: Mapping[str, TopicFacts], record_bytes: int) -> Iterator[str]:
    for name, what in (
        (names.changelog, "the state of quiet projects"),
        (names.fleet, "the summaries that workers publish"),
        (names.dispatch, "the dispatcher's state of quiet alerts"),
    ):
        facts = topics.get(name)
        if facts is None or not facts.cleanup:
            continue
        if "delete" in facts.cleanup:
            age = facts.retention_ms
            kept = f" after {_hours(age)}" if age is not None and age >= 0 else ""
            if age == -1 and facts.retention_bytes in (-1, None):
                continue  # nothing is deleted for its age or size
            yield f"{name} deletes {what}{kept}. Set its cleanup.policy to compact."
        elif "compact" not in facts.cleanup:
            yield f"{name} is not compacted, so it grows without bound. Set its cleanup.policy to compact."
    facts = topics.get(names.changelog)
    if facts is not None and facts.max_record_bytes is not None and facts.max_record_bytes < record_bytes:
        yield (
            f"{names.changelog} accepts records of {_mebibytes(facts.max_record_bytes)} at most, and the state of a "
            f"large project may need {_mebibytes(record_bytes)}: storing it would stop the worker. Set its "
            f"max.message.bytes to {record_bytes}."
        )


def _dispatch(names: TopicNames, topics: Mapping[str, TopicFacts]) -> Iterator[str]:
    for name in (names.acts, names.dispatch):
        facts = topics.get(name)
        if facts is not None and facts.partitions != 1:
            yield (
                f"{name} has {facts.partitions} partitions, and the dispatcher has one order of everything: no worker "
                f"starts. Delete it, and a worker or `topics ensure` creates it with one."
            )


def _copies(topics: Mapping[str, TopicFacts], brokers: BrokerFacts) -> Iterator[str]:
    single = [name for name, facts in topics.items() if facts.replicas == 1]
    if brokers.brokers > 1 and single:
        yield (
            f"{_listed(single)} {'has' if len(single) == 1 else 'have'} one copy on {brokers.brokers} brokers: with "
            f"that broker the data is gone. Add copies, and set TOPIC_REPLICATION_FACTOR for topics to come."
        )
    for name, facts in topics.items():
        if facts.replicas is not None and facts.min_in_sync is not None and facts.min_in_sync > facts.replicas:
            yield (
                f"{name} needs {facts.min_in_sync} copies in sync and has {facts.replicas}, so no write is taken. "
                f"Lower its min.insync.replicas, or add copies."
            )


def _session(brokers: BrokerFacts, session_ms: int) -> Iterator[str]:
    low, high = brokers.min_session_ms, brokers.max_session_ms
    if (low is not None and session_ms < low) or (high is not None and session_ms > high):
        yield (
            f"KAFKA_SESSION_TIMEOUT_SECONDS is {session_ms / 1000:g}, and the brokers take {(low or 0) / 1000:g} to "
            f"{(high or 0) / 1000:g}: no worker could join. Set it within that."
        )


def _hours(ms: int) -> str:
    return f"{ms / HOUR_MS:.3g} h"


def _mebibytes(size: int) -> str:
    return f"{size / 1_048_576:.3g} MiB"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
