"""The queues of each receiver's sinks. A reload exchanges all receivers at once, and loses nothing that waits.

A sink whose config was edited takes over what waits for it. What waits for one that was removed still goes there.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import NamedTuple

from alert_sinks.key_queues import KeyQueues
from alert_sinks.sink import Attempt, Destinations, Outcome, ReceiverSink, Rejected, Sink
from models.alert import Alert
from streams.routing.alerting import ON_CALL

NO_ON_CALL_MARK = "[ON-CALL]"  # opens the title of what others get for want of an on-call sink


class Way(NamedTuple):
    """A sink of a receiver, with its queues."""

    queues: KeyQueues
    of: ReceiverSink


class Ways(NamedTuple):
    """Where a notification goes. `stand_in`: the receiver that has it instead, with the mark that says so."""

    ways: tuple[Way, ...]
    mark: str = ""
    stand_in: str = ""


class NoSink:
    """Stands where no receiver can be notified: everything becomes a dead letter."""

    def __init__(self, receiver: str) -> None:
        self.name = f"{receiver}/none"
        self._reason = f"there is no receiver {receiver}, and none that could stand in for it"

    async def deliver(self, alert: Alert, attempt: Attempt) -> Outcome:
        """Refuses the alert."""
        return Rejected(self._reason)

    async def aclose(self) -> None:
        """Nothing to close."""


class ReceiverQueues:
    """The receivers in force. `queues_of` makes the queues of a sink."""

    def __init__(self, destinations: Destinations, queues_of: Callable[[Sink], KeyQueues]) -> None:
        self._queues_of = queues_of
        self._ways: dict[str, list[Way]] = {}
        self._former: list[KeyQueues] = []  # of sinks that were removed, and still have something to deliver
        self._nowhere: dict[str, KeyQueues] = {}
        self._stand_ins: tuple[str, ...] = ()
        self.put_in_force(destinations)

    def put_in_force(self, destinations: Destinations) -> None:
        """From now on these receivers are notified. Raises ValueError where two sinks have the same name."""
        receivers = destinations.by_receiver
        new = [each for sinks in receivers.values() for each in sinks]
        if len({each.sink.name for each in new}) != len(new):
            raise ValueError("Two sinks have the same name; the ledger could not distinguish them.")
        before = {way.queues.sink.name: way for ways in self._ways.values() for way in ways}
        queues = {each.sink.name: self._taken_over(each, before, new) for each in new}
        kept = set(queues.values())
        self._former += [way.queues for way in before.values() if way.queues not in kept]
        self._ways = {name: [Way(queues[each.sink.name], each) for each in sinks] for name, sinks in receivers.items()}
        self._stand_ins = destinations.stand_ins

    def _taken_over(self, new: ReceiverSink, before: Mapping[str, Way], all_new: list[ReceiverSink]) -> KeyQueues:
        """The queues that there are for this sink, or new ones."""
        way = before.get(new.sink.name)
        if way is None:
            return self._queues_of(new.sink)
        if new.sink is way.of.sink or (new.config is not None and new.config == way.of.config):
            return way.queues
        old_configs, new_configs = [each.of.config for each in before.values()], [each.config for each in all_new]
        if way.of.config in new_configs or new.config in old_configs:  # the places of several have changed
            return self._queues_of(new.sink)
        way.queues.exchange(new.sink)
        return way.queues

    def in_force(self) -> dict[str, list[Sink]]:
        """The sinks of each receiver."""
        return {name: [way.queues.sink for way in ways] for name, ways in self._ways.items()}

    def has(self, receiver: str) -> bool:
        """Whether the alerting file of this worker has it."""
        return receiver in self._ways

    def of(self, receiver: str) -> Ways:
        """Its sinks, or those of the first stand-in whose destinations are there; else, if the receiver is unknown,
        its dead letters."""
        own = self._ways.get(receiver, [])
        if any(way.queues.is_on for way in own):
            return Ways(tuple(own))
        for name in self._stand_ins:
            on = tuple(way for way in self._ways.get(name, ()) if way.queues.is_on)
            if on and name != receiver:
                return Ways(on, NO_ON_CALL_MARK if receiver == ON_CALL else f"[{receiver}]", name)
        if self.has(receiver):  # of a sink that has switched off the dead letters say so
            return Ways(tuple(own))
        nowhere = self._nowhere.get(receiver)
        if nowhere is None:
            nowhere = self._nowhere[receiver] = self._queues_of(NoSink(receiver))
        return Ways((Way(nowhere, ReceiverSink(nowhere.sink)),))

    def receiver_of(self, sink: str) -> str | None:
        """Whose sink this is; None: of none that is in force."""
        return next((name for name, ways in self._ways.items() if any(w.queues.sink.name == sink for w in ways)), None)

    def is_reached(self, receiver: str, except_sink: str) -> bool:
        """Whether another sink of it takes what it gets."""
        others = [way.queues for way in self._ways.get(receiver, ()) if way.queues.sink.name != except_sink]
        return any(queues.is_on and not queues.trouble for queues in others)

    def next_of(self, failed: Collection[str]) -> tuple[str, list[KeyQueues]]:
        """The first stand-in that has not failed, with its sinks; "" for none."""
        for name in self._stand_ins:
            on = [way.queues for way in self._ways.get(name, ()) if way.queues.is_on]
            if on and name not in failed:
                return name, on
        return "", []

    def by_name(self) -> dict[str, KeyQueues]:
        """Those of the sinks in force, and of others while they have something to deliver."""
        self._former = [queues for queues in self._former if queues.pending]
        found = {f"{queues.sink.name} (removed)": queues for queues in self._former}
        found |= {queues.sink.name: queues for queues in self._nowhere.values()}
        return found | {way.queues.sink.name: way.queues for ways in self._ways.values() for way in ways}

    def all(self) -> Iterator[KeyQueues]:
        """All, to be closed."""
        yield from (way.queues for ways in self._ways.values() for way in ways)
        yield from self._former
        yield from self._nowhere.values()
