"""Carries over the dispatcher's state: alerts as receivers know them, what people did to them, silences, overrides, and
what is decided and not delivered yet. Both monitors share the alerts topic, so positions in it stay true.
"""

from collections.abc import Mapping
from contextlib import aclosing

import msgspec

from agents.dispatch.committed_notes import read_note
from agents.dispatch.decision_log import BESIDES, CHANGE, OUTBOX, DecisionLog, WholeDecisions
from agents.engine.producer import Producer
from agents.kafka.topics import ensure_dispatch_topics
from episode_monitor.rebuild.monitors import Pair, group_offsets
from episode_monitor.rebuild.stored import batches_of, bounds_of
from streams.dispatch.state import META, State
from streams.dispatch.storage import everything, restored

_CARRIED = (OUTBOX, CHANGE)  # beside the state


class CarriedDispatcher(msgspec.Struct, frozen=True):
    """How many of each. `notifications`: decided and not delivered."""

    alerts: int = 0
    acknowledgements: int = 0
    resolved_by_hand: int = 0
    silences: int = 0
    overrides: int = 0
    notifications: int = 0


class DispatcherLeft(msgspec.Struct, frozen=True):
    """What the old monitor's dispatcher has stored, and notifications that its group has not delivered, in order."""

    values: Mapping[bytes, bytes]
    state: State
    notifications: list[tuple[bytes, bytes]]

    @property
    def positions(self) -> dict[str, int]:
        """The newest applied offset by source, such as `episode-alerts/3`."""
        return self.state.meta.positions

    def counted(self) -> CarriedDispatcher:
        """For people."""
        records = [live.record for live in self.state.alerts.values()]
        outbox = sum(key[:1] == OUTBOX for key in self.values)
        return CarriedDispatcher(
            alerts=len(records),
            acknowledgements=sum(record.acknowledgement is not None for record in records),
            resolved_by_hand=sum(bool(record.hushed_by) for record in records),
            silences=len(self.state.silences),
            overrides=len(self.state.overrides),
            notifications=len(self.notifications) + outbox,
        )


async def dispatcher_left(pair: Pair) -> DispatcherLeft | None:
    """None where the dispatcher of the old monitor has stored nothing. Raises KafkaError, NewerFormatError."""
    found = WholeDecisions()
    bounds = await bounds_of(pair.kafka, pair.old.dispatch)
    async with aclosing(batches_of(pair.kafka, pair.old.dispatch, *bounds.values())) as batches:
        async for batch in batches:
            for record in batch.records:
                if record.key is not None:
                    found.take(record.key, record.value)
    if not found.values:
        return None
    state = restored((key, value) for key, value in found.values.items() if key[:1] not in BESIDES)
    return DispatcherLeft(found.values, state, await _undelivered(pair))


async def _undelivered(pair: Pair) -> list[tuple[bytes, bytes]]:
    topic = pair.old.notifications
    bounds = await bounds_of(pair.kafka, topic)
    committed = await group_offsets(pair.kafka, pair.old_id, topic, list(bounds))
    left = []
    for number, rest in bounds.items():
        position, text = committed.get(number, (rest.first, ""))
        note = read_note(position, text)
        async with aclosing(batches_of(pair.kafka, topic, msgspec.structs.replace(rest, first=position))) as batches:
            async for batch in batches:
                undone = (one for one in batch.records if not note.is_done(one.offset))
                left += [(one.key or b"", one.value) for one in undone if one.value is not None]
    return left


async def carry_dispatcher(pair: Pair, producer: Producer, left: DispatcherLeft) -> None:
    """Write it as the new monitor's. Again after an interruption, it writes the same. Raises KafkaError,
    TopicMismatch."""
    alerts = await bounds_of(pair.kafka, pair.old.alerts)
    await ensure_dispatch_topics(pair.kafka, pair.new, len(alerts), pair.replication_factor)
    sources = {f"{pair.old.alerts}/{number}" for number in alerts}
    meta = left.state.meta
    left.state.meta = msgspec.structs.replace(
        meta, positions={source: offset for source, offset in meta.positions.items() if source in sources}
    )
    records = dict(everything(left.state))
    end = records.pop(META.encode())
    beside = {key: value for key, value in left.values.items() if key[:1] in _CARRIED}
    sent = [await producer.send(pair.new.notifications, value, key) for key, value in left.notifications]
    for each in sent:
        await each
    log = DecisionLog(pair.new.dispatch, producer)
    await log.claim()
    try:
        await log.write([*records.items(), *beside.items()], end)
    finally:
        await log.close()
