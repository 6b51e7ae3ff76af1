"""Compares the rights that the broker returns for this user on topics and group with those that are needed.

A broker that returns none (an old one, or one without access control) counts as granting all.
"""

import asyncio
from collections.abc import Mapping, Sequence
from enum import IntEnum

import msgspec
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    IncompatibleBrokerVersion,
    KafkaError,
    TopicAuthorizationFailedError,
    for_code,
)
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, Boolean, Bytes, Int16, Int32, Schema, String

from agents.kafka.access import Kafka, KafkaAccess, access_of, client_options
from agents.kafka.refusals import user_of
from agents.kafka.topics import TopicNames

_NOT_RETURNED = (-(2**31), 0)  # a user without any right does not see the topic at all
_METADATA, _DESCRIBE_GROUPS = 3, 15
_COORDINATOR_TRIES = 10  # the first group of a cluster makes the coordinators' topic
_TRY_AGAIN_SECONDS = 0.3


class Right(IntEnum):
    """Kafka's numbers of operations."""

    READ = 3
    WRITE = 4
    CREATE = 5
    ALTER = 7
    DESCRIBE = 8


class Needs(msgspec.Struct, frozen=True):
    """The rights needed on each topic, and the consumer group, if any."""

    topics: Mapping[str, Sequence[Right]]
    group: str | None = None


class Missing(msgspec.Struct, frozen=True):
    """One missing right."""

    right: Right
    resource: str  # topic, consumer group
    name: str

    def __str__(self) -> str:
        return f"{self.right.name} on the {self.resource} {self.name}"


class MayNot(Exception):
    """Rights are missing; the message is a sentence that names each."""


class _TopicsResponse(Response):  # type: ignore[misc]
    API_KEY, API_VERSION = _METADATA, 8
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("brokers", Array(("node_id", Int32), ("host", String()), ("port", Int32), ("rack", String()))),
        ("cluster_id", String()),
        ("controller_id", Int32),
        (
            "topics",
            Array(
                ("error_code", Int16), ("topic", String()), ("is_internal", Boolean),
                (
                    "partitions",
                    Array(
                        ("error_code", Int16), ("partition", Int32), ("leader", Int32), ("leader_epoch", Int32),
                        ("replicas", Array(Int32)), ("isr", Array(Int32)), ("offline_replicas", Array(Int32)),
                    ),
                ),
                ("operations", Int32),
            ),
        ),
        ("cluster_operations", Int32),
    )  # fmt: skip


class _TopicsRequestV8(RequestStruct):  # type: ignore[misc]
    API_KEY, API_VERSION = _METADATA, 8
    RESPONSE_TYPE = _TopicsResponse
    SCHEMA = Schema(
        ("topics", Array(String())), ("create_them", Boolean), ("with_cluster", Boolean), ("with_topics", Boolean)
    )


class _TopicsRequest(Request[_TopicsRequestV8]):  # type: ignore[misc]
    API_KEY = _METADATA

    def __init__(self, topics: Sequence[str], *, with_cluster: bool = False) -> None:
        self._topics = list(topics)
        self._with_cluster = with_cluster

    def build(self, request_struct_class: type[_TopicsRequestV8]) -> _TopicsRequestV8:
        return request_struct_class(self._topics, False, self._with_cluster, True)


class _GroupsResponse(Response):  # type: ignore[misc]
    API_KEY, API_VERSION = _DESCRIBE_GROUPS, 3
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "groups",
            Array(
                ("error_code", Int16), ("group", String()), ("state", String()), ("protocol_type", String()),
                ("protocol", String()),
                (
                    "members",
                    Array(
                        ("member_id", String()), ("client_id", String()), ("client_host", String()),
                        ("metadata", Bytes), ("assignment", Bytes),
                    ),
                ),
                ("operations", Int32),
            ),
        ),
    )  # fmt: skip


class _GroupsRequestV3(RequestStruct):  # type: ignore[misc]
    API_KEY, API_VERSION = _DESCRIBE_GROUPS, 3
    RESPONSE_TYPE = _GroupsResponse
    SCHEMA = Schema(("groups", Array(String())), ("with_operations", Boolean))


class _GroupsRequest(Request[_GroupsRequestV3]):  # type: ignore[misc]
    API_KEY = _DESCRIBE_GROUPS

    def __init__(self, group: str) -> None:
        self._group = group

    def build(self, request_struct_class: type[_GroupsRequestV3]) -> _GroupsRequestV3:
        return request_struct_class([self._group], True)


def needs_of_worker(names: TopicNames, group: str) -> Needs:
    """The rights that a worker needs."""
    both = (Right.READ, Right.WRITE)
    return Needs(
        {
            names.events: (Right.READ,),
            names.alerts: both,
            names.dead_letters: both,  # those of the last seconds are looked up at a recovery
            names.alert_dead_letters: (Right.WRITE,),
            names.changelog: both,
            names.fleet: both,
            **({names.fleet_seconds: both} if names.fleet_seconds else {}),
            **dict.fromkeys(names.of_dispatch, both),  # it may become the owner of the dispatcher at any time
        },
        group,
    )


def needs_of_audit(names: TopicNames) -> Needs:
    """What a worker does with the topic of audit checkpoints, which it can do without."""
    return Needs({names.audit: (Right.WRITE,)} if names.audit else {})


def needs_of_dead_letters(names: TopicNames) -> Needs:
    """What listing dead letters of alerts, and sending those of events again, takes; a worker can do without."""
    return Needs({names.alert_dead_letters: (Right.READ,), names.events: (Right.WRITE,)})


async def missing_rights(kafka: Kafka, needs: Needs) -> list[Missing]:
    """The missing rights; a topic that does not exist lacks nothing. Raises KafkaError, OSError."""
    if not needs.topics:
        return []
    admin = AIOKafkaAdminClient(**client_options(kafka), request_timeout_ms=10_000)
    try:
        await admin.start()
        missing = await _of_topics(admin, needs.topics)
        if needs.group is not None:
            missing += await _of_group(admin, needs.group)
        return missing
    except (IncompatibleBrokerVersion, NotImplementedError):
        return []
    finally:
        await admin.close()


async def may_create_topics(kafka: Kafka) -> bool:
    """Whether the broker grants CREATE on the cluster, or returns no rights. Without it this user may still have the
    right for names that begin in a certain way. Raises KafkaError, OSError."""
    admin = AIOKafkaAdminClient(**client_options(kafka), request_timeout_ms=10_000)
    try:
        await admin.start()
        answer = await admin._send_request(_TopicsRequest([], with_cluster=True))
        operations: int = answer.cluster_operations  # 0 for a user who may not even see them
        return operations == _NOT_RETURNED[0] or bool(operations & (1 << Right.CREATE))
    except (IncompatibleBrokerVersion, NotImplementedError):
        return True
    finally:
        await admin.close()


async def _of_topics(admin: AIOKafkaAdminClient, topics: Mapping[str, Sequence[Right]]) -> list[Missing]:
    answer = await admin._send_request(_TopicsRequest(list(topics)))
    missing: list[Missing] = []
    for code, name, _, _, operations in answer.topics:
        if for_code(code) is TopicAuthorizationFailedError:  # it may be there, and hidden
            missing.append(Missing(Right.DESCRIBE, "topic", name))
        elif not code:
            missing += [Missing(right, "topic", name) for right in topics[name] if not _has(operations, right)]
    return missing


async def _of_group(admin: AIOKafkaAdminClient, group: str) -> list[Missing]:
    lacking = [Missing(Right.READ, "consumer group", group)]
    try:
        answer = await admin._send_request(_GroupsRequest(group), await _coordinator(admin, group))
    except GroupAuthorizationFailedError:
        return lacking
    for code, _, _, _, _, _, operations in answer.groups:
        if for_code(code) is GroupAuthorizationFailedError or (not code and not _has(operations, Right.READ)):
            return lacking
    return []


async def _coordinator(admin: AIOKafkaAdminClient, group: str) -> int:
    for _ in range(_COORDINATOR_TRIES):
        try:
            node: int = await admin.find_coordinator(group)
            return node
        except KafkaError as error:
            if not error.retriable:
                raise
        await asyncio.sleep(_TRY_AGAIN_SECONDS)
    raise IncompatibleBrokerVersion(f"the group {group} has no coordinator")


def _has(operations: int, right: Right) -> bool:
    return operations in _NOT_RETURNED or bool(operations & (1 << right))


def sentence(missing: Sequence[Missing], kafka: Kafka) -> str:
    """One sentence that names the user and the missing rights."""
    access: KafkaAccess = access_of(kafka)
    named = [str(each) for each in missing]
    listed = named[0] if len(named) == 1 else f"{', '.join(named[:-1])} and {named[-1]}"
    them = "it" if len(named) == 1 else "them"
    return f"Kafka at {access} gives {user_of(access)} no right to {listed}; grant {them}."


async def check_rights(kafka: Kafka, needs: Needs) -> None:
    """Raises MayNot where a right is missing; KafkaError, OSError."""
    missing = await missing_rights(kafka, needs)
    if missing:
        raise MayNot(sentence(missing, kafka))
