"""Puts the new monitor in the place of the old one, and back. The old state is kept.

First every partition of the old changelog says that it was replaced, then those of the new one are released: at no
point of an interruption can workers of both go live, and the command run again completes it.
"""

import msgspec

from agents.engine.changelog import Changelog
from agents.engine.producer import Producer
from agents.engine.standby import KEY as STANDBY
from agents.engine.standby import Standby, encode_standby
from agents.kafka.topics import ensure_topics
from episode_monitor.rebuild.alerts_left import Left, firing, send_as, undelivered, unread
from episode_monitor.rebuild.building import NewMonitor, new_monitor, recovered, store
from episode_monitor.rebuild.carrying import Carried, carry_over, sections_of
from episode_monitor.rebuild.comparing import Compared, compare_monitors
from episode_monitor.rebuild.dispatcher_carrying import CarriedDispatcher, carry_dispatcher, dispatcher_left
from episode_monitor.rebuild.monitors import Pair, Refused, now_ms, refuse_workers_of, topics_there
from episode_monitor.rebuild.planning import Outline, not_carried, outline, refuse_another
from episode_monitor.rebuild.starting import build
from episode_monitor.rebuild.stored import bounds_of


class Switched(msgspec.Struct, frozen=True):
    """What a switch has done, or would do where `executed` is false."""

    executed: bool
    monitor_id: str
    to: str
    equal: bool
    differing: int
    behind: int
    carried_over: Carried | None  # null: nothing was yet
    dispatcher: CarriedDispatcher | None  # what is carried over of its state; null: there is none
    not_carried_over: list[str]
    alerts_to_deliver: int


async def switch(pair: Pair, *, execute: bool, accept_differences: bool, within: int) -> Switched:
    """`within`: records that the new monitor may be behind; they are processed here. Raises KafkaError, Refused."""
    await refuse_workers_of(pair.kafka, pair.old_id, pair.old.fleet)
    await refuse_workers_of(pair.kafka, pair.new_id, pair.new.fleet)
    found = await outline(pair)
    refuse_another(pair, found)
    compared = await compare_monitors(pair, found)
    differing = sum(each.differing for each in compared.comparison.partitions)
    if not found.is_replaced:  # an interrupted switch is completed
        _check(pair, found, compared, differing, accept_differences, within)
    dispatcher, carried = await dispatcher_left(pair), None
    left = await undelivered(pair) if dispatcher is None else await unread(pair, dispatcher.positions)
    if execute:
        async with new_monitor(pair, [each.partition for each in found.partitions]) as monitor:
            await build(monitor, found, lambda offsets: None)
            carried, more = await _carry(monitor, found)
            left += more
            if not found.is_replaced:
                if dispatcher is not None:
                    await carry_dispatcher(pair, monitor.producer, dispatcher)
                await send_as(monitor.producer, pair, left)
                await _mark(monitor.producer, pair, pair.old.changelog, Standby(True, pair.new_id, now_ms()))
            await monitor.end_life()
            for owned in monitor.owned.values():
                if owned.log is not None:
                    await owned.log.write([(STANDBY, None)])
    return Switched(
        execute, pair.old_id, pair.new_id, compared.comparison.equal, differing, compared.behind, carried,
        None if dispatcher is None else dispatcher.counted(), not_carried(found), len(left),
    )  # fmt: skip


def _check(
    pair: Pair, found: Outline, compared: Compared, differing: int, accept_differences: bool, within: int
) -> None:
    if any(each.begin > each.end for each in found.partitions) and pair.has_same_events:
        raise Refused(
            f"{pair.new_id} is further than {pair.old_id}: it was in force and took events since. Delete it and begin "
            f"again, or let {pair.old_id} catch up first."
        )
    behind = max(compared.behind, found.records)
    if behind > within:
        raise Refused(
            f"{pair.new_id} is {behind} records behind, and --within is {within}. Run `episode-monitor rebuild start "
            f"--to {pair.new_id}` again."
        )
    if not compared.comparison.equal and not accept_differences:
        raise Refused(
            f"{differing} of {compared.comparison.projects} projects differ. `episode-monitor rebuild compare --to "
            f"{pair.new_id}` names them; if that is intended, give --accept-differences."
        )


async def _carry(monitor: NewMonitor, found: Outline) -> tuple[Carried, list[Left]]:
    """Into every claimed partition, stored; and what nobody was notified of where the old state is lost."""
    pair, total, more = monitor.pair, Carried(), list[Left]()
    usable = {number: stored for number, stored in found.old.items() if not stored.lost}
    states = {number: (await recovered(pair, number, each.values)).partition for number, each in usable.items()}
    for number, owned in monitor.owned.items():
        if pair.has_same_events and number not in usable:
            more += firing(pair.core, owned.partition)
        elif pair.has_same_events:
            total.add(carry_over(pair.core, [states[number]], owned.partition))
        else:
            total.add(carry_over(pair.core, list(states.values()), owned.partition))
        sections = sections_of(usable[number].values) if number in usable else {}
        if sections and owned.log is not None:
            await owned.log.write(sections.items())
        await store(owned)
    return total, more


async def _mark(producer: Producer, pair: Pair, topic: str, standby: Standby | None) -> None:
    """Write the note into every partition of a changelog, or remove it. The claim fences a worker that still runs."""
    if await topics_there(pair.kafka, pair.old.events):  # also partitions that are lost must say it
        await ensure_topics(pair.kafka, pair.old, 1, pair.replication_factor)
    changelog = Changelog(topic, producer)
    for number in await bounds_of(pair.kafka, topic):
        log = await changelog.claim(number)
        await log.write([(STANDBY, None) if standby is None else encode_standby(standby)])
        await log.close()


async def undo(pair: Pair) -> None:
    """Put the old monitor back in force; the new one is on standby again. Raises KafkaError, Refused."""
    await refuse_workers_of(pair.kafka, pair.old_id, pair.old.fleet)
    await refuse_workers_of(pair.kafka, pair.new_id, pair.new.fleet)
    if len(await topics_there(pair.kafka, pair.old.changelog, pair.new.changelog)) != 2:
        raise Refused(f"Both {pair.old_id} and {pair.new_id} must be there to go back.")
    producer = Producer(pair.kafka)
    await producer.start()
    try:
        await _mark(producer, pair, pair.new.changelog, Standby(False, pair.old_id, 0))
        await _mark(producer, pair, pair.old.changelog, None)
    finally:
        await producer.stop()
