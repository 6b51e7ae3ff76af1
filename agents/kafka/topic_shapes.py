"""What each topic of a monitor is like: partitions and settings; and the commands by which an administrator of the
cluster makes them and grants rights, where the monitor may not."""

import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from agents.engine.producer import MAX_RECORD_BYTES
from agents.kafka.access import Kafka, KafkaAccess, access_of

if TYPE_CHECKING:
    from agents.kafka.rights import Missing, Needs
    from agents.kafka.topics import TopicNames

_COMPACTED = {
    "cleanup.policy": "compact",
    "min.cleanable.dirty.ratio": "0.2",
    # What was overwritten must soon be out of the way of a recovery, and the segment at the end is never compacted.
    "segment.ms": "600000",
    "segment.bytes": str(64 * 1024 * 1024),
}
_LARGE = {"max.message.bytes": str(MAX_RECORD_BYTES)}
_KEPT_A_MONTH = {"retention.ms": "2592000000"}
_KEPT_A_WEEK = {"retention.ms": "604800000"}  # the longest window of a rule is a day
_KEPT_FOR_EVER = {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}


class TopicShape(msgspec.Struct, frozen=True):
    """A topic as it should be created."""

    name: str
    partitions: int
    config: Mapping[str, str] = {}


def topic_shapes(names: "TopicNames", events: int) -> dict[str, TopicShape]:
    """All topics of a monitor whose events have so many partitions, by name."""
    shapes = (
        TopicShape(names.events, events),
        TopicShape(names.alerts, events, _KEPT_A_MONTH),
        TopicShape(names.dead_letters, 1, _KEPT_A_MONTH),
        TopicShape(names.alert_dead_letters, 1, _KEPT_A_MONTH),
        TopicShape(names.changelog, events, _COMPACTED | _LARGE),
        TopicShape(names.fleet, 1, _COMPACTED),
        TopicShape(names.fleet_seconds, 1, _KEPT_A_WEEK),
        TopicShape(names.audit, events, _KEPT_FOR_EVER),
        TopicShape(names.acts, 1, _KEPT_A_MONTH),
        TopicShape(names.dispatch, 1, _COMPACTED | _LARGE),
        TopicShape(names.notifications, events, _KEPT_A_MONTH),
    )
    return {shape.name: shape for shape in shapes if shape.name}


def create_commands(kafka: Kafka, shapes: Iterable[TopicShape], replication_factor: int | None) -> list[str]:
    """One command of Apache Kafka for each topic."""
    return [_create_command(kafka, shape, replication_factor) for shape in shapes]


def _create_command(kafka: Kafka, shape: TopicShape, replication_factor: int | None) -> str:
    words = ["--create", "--topic", shape.name, "--partitions", str(shape.partitions)]
    words += ["--replication-factor", str(replication_factor)] if replication_factor is not None else []
    for name, value in shape.config.items():
        words += ["--config", f"{name}={value}"]
    return _command("kafka-topics.sh", kafka, words)


def grant_commands(kafka: Kafka, missing: Sequence["Missing"], needs: "Needs") -> list[str]:
    """One command for each topic or group with a missing right; of a topic that is hidden, all that is needed."""
    by_place: dict[tuple[str, str], list[str]] = {}
    for each in missing:
        words = ["--group", each.name] if each.resource == "consumer group" else ["--topic", each.name]
        is_hidden = each.right.name == "DESCRIBE"
        rights = list(needs.topics.get(each.name, ())) if is_hidden else [each.right]
        by_place.setdefault((words[0], words[1]), []).extend(right.name.capitalize() for right in rights)
    user = _principal(access_of(kafka))
    return [
        _command(
            "kafka-acls.sh", kafka,
            ["--add", "--allow-principal", f"User:{user}", *_operations(rights), kind, name],
        )
        for (kind, name), rights in by_place.items()
    ]  # fmt: skip


def _principal(access: KafkaAccess) -> str:
    """The name that the broker has for this client; in capitals what only an administrator knows."""
    if access.has_token:
        return "SUBJECT-OF-THE-TOKEN"
    if access.has_user:
        return access.sasl_username
    return "ANONYMOUS" if access.ssl_certfile is None else "SUBJECT-OF-THE-CERTIFICATE"


def _operations(rights: Iterable[str]) -> list[str]:
    return [word for right in dict.fromkeys(rights) for word in ("--operation", right)]


def _command(program: str, kafka: Kafka, words: Sequence[str]) -> str:
    return shlex.join([program, "--bootstrap-server", access_of(kafka).bootstrap_servers, *words])
