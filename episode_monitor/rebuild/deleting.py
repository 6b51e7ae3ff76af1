"""Deletes what carries a monitor's name: its topics and its consumer group. Nothing that others share."""

import msgspec
from aiokafka.errors import KafkaError, for_code
from aiokafka.protocol.admin import DeleteGroupsRequest

from agents.kafka.topics import connected_admin
from episode_monitor.access import kafka_access, topic_names
from episode_monitor.exits import ExitCode, Failure
from episode_monitor.rebuild.monitors import Refused, refuse_workers_of, topics_there
from episode_monitor.rebuild.stored import read_stored
from episode_monitor.settings.settings import Settings
from episode_monitor.settings.validators import monitor_id as checked_id

_ABSENT = ("GroupIdNotFound", "InvalidGroupIdError")


class Deleted(msgspec.Struct, frozen=True):
    """What was deleted, or would be where `executed` is false. `standing`: whether another is in its place."""

    executed: bool
    monitor_id: str
    standing: str
    topics: list[str]
    group: str
    kept: list[str]


KEPT = ["Its alerts, dead letters and audit checkpoints in topics that monitors share, and all rows in PostgreSQL."]


async def delete(settings: Settings, monitor_id: str, *, execute: bool) -> Deleted:
    """Raises KafkaError, Refused, Failure."""
    try:
        checked_id(monitor_id)
    except ValueError as error:
        raise Failure(f"{monitor_id} is no monitor's name: it {error}.", ExitCode.USAGE) from None
    if monitor_id == settings.monitor_id:
        raise Refused(f"{monitor_id} is the monitor in force (MONITOR_ID), which is never deleted.")
    kafka, names = kafka_access(settings), topic_names(settings.model_copy(update={"monitor_id": monitor_id}))
    own = [names.changelog, names.fleet, names.fleet_seconds, *names.of_dispatch]
    shared = sorted(set(own) & set(msgspec.structs.astuple(topic_names(settings))))
    if shared:
        raise Refused(f"{', '.join(shared)} belongs to the monitor in force; nothing was deleted.")
    there = await topics_there(kafka, *own)
    if not there:
        raise Refused(
            f"There is no monitor {monitor_id} at {kafka}: neither {names.changelog} nor {names.fleet} exists."
        )
    await refuse_workers_of(kafka, monitor_id, names.fleet)
    notes = [each.standby for each in (await read_stored(kafka, names.changelog)).values()]
    standing = "in force: no other monitor has replaced it"
    if notes and None not in notes:
        standing = " ".join({note.standing for note in notes if note is not None})
    if execute:
        async with connected_admin(kafka) as admin:
            answer = await admin.delete_topics(there)
            for topic, code in answer.topic_error_codes:
                _raise(code, f"topic {topic}")
            answer = await admin._send_request(
                DeleteGroupsRequest([monitor_id]), await admin.find_coordinator(monitor_id)
            )
            for group, code in answer.results:
                if for_code(code).__name__ not in _ABSENT:
                    _raise(code, f"group {group}")
    return Deleted(execute, monitor_id, standing, there, monitor_id, KEPT)


def _raise(code: int, what: str) -> None:
    if not code:
        return
    error: type[KafkaError] = for_code(code)
    if error.retriable:
        raise error(f"{what} could not be deleted")
    raise Refused(f"The broker refused to delete {what}: {error.__name__}. Delete it by hand, or let this user do so.")
