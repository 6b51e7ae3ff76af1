"""Keeps a copy of the state up to date by the records that its owner stores: what follows is derived for these records
alone. The copy is then as `restored` and `wire` make it from everything that is stored.

The records of whole decisions are expected, and the configuration that the state was wired with.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from streams.dispatch import alerts, groups, silences
from streams.dispatch.active import ActiveList
from streams.dispatch.config import DispatchConfig
from streams.dispatch.decide import schedule_override, wiring
from streams.dispatch.records import AlertRecord, GroupRecord, OverrideRecord, ReceiverRecord, SilenceRecord
from streams.dispatch.state import (
    ALERT,
    GROUP,
    META,
    OVERRIDE,
    RECEIVER,
    SILENCE,
    LiveAlert,
    LiveGroup,
    LiveSilence,
    State,
)
from streams.dispatch.storage import decoded
from streams.dispatch.timers import Timer
from streams.dispatch.turn import Turn
from streams.routing.route import every

_Changes = dict[str, Any]  # the name of a record -> the record, None where it was removed


class StateCopy:
    """A state that is read and never decided with, and its active alerts in order."""

    def __init__(self, config: DispatchConfig, state: State) -> None:
        """`wiring` must be run to its end before anything is asked."""
        self.state = state
        self.config = config
        self.active = ActiveList()

    def wiring(self) -> Iterator[None]:
        """Derive everything, in steps."""
        yield from wiring(self.config, self.state)
        self.active.fill(list(self.state.alerts.values()))

    def apply(self, changes: Mapping[bytes, bytes | None]) -> Iterator[None]:
        """The records of a decision, in steps; between two of them everything may be asked. Raises NewerFormatError,
        before anything was changed."""
        kinds: dict[str, _Changes] = {kind: {} for kind in (ALERT, GROUP, SILENCE, OVERRIDE, RECEIVER, META)}
        for stored_key, value in changes.items():
            key = stored_key.decode()
            kinds[key[0]][key[1:]] = None if value is None else decoded(key, value)
        state = self.state
        state.meta = kinds[META].get("") or state.meta
        turn = Turn(self.config, state, state.meta.clock_ms)
        yield from self._groups(kinds[GROUP])
        self._silences(kinds[SILENCE])
        yield from self._alerts(turn, kinds[ALERT])
        for key in [key for key, record in kinds[GROUP].items() if record is None and key in state.groups]:
            del state.groups[key]
            state.timers.set(Timer.GROUP, key, 0)
        self._others(turn, kinds[OVERRIDE], kinds[RECEIVER])
        self._refresh_silences(turn, kinds[SILENCE])
        state.changed.clear()

    def _groups(self, changes: _Changes) -> Iterator[None]:
        """New ones, before any alert belongs to them."""
        state, routes = self.state, None
        for key, record in changes.items():
            if not isinstance(record, GroupRecord):
                continue
            group = state.groups.get(key)
            if group is None:
                if routes is None:
                    routes = {(route.receiver, route.key): route for route in every(self.config.alerting.root)}
                route = routes.get((record.receiver, record.route_key))
                state.groups[key] = LiveGroup(record, route)
            else:
                group.record = record
            state.timers.set(Timer.GROUP, key, record.due_ms)
            yield

    def _alerts(self, turn: Turn, changes: _Changes) -> Iterator[None]:
        for key, record in changes.items():
            self._take_out(key)
            if isinstance(record, AlertRecord):
                live = self.state.alerts[key] = LiveAlert(record)
                alerts.wire(turn, live)
                silences.match(self.state, live)
                alerts.follow(turn, live)
                self.active.put(live)
            elif key in self.state.alerts:
                self._forget(key)
            yield

    def _take_out(self, key: str) -> None:
        """Of its groups."""
        live, state = self.state.alerts.get(key), self.state
        if live is not None:
            for group in groups.known(state, live):
                group.members.discard(key)
                group.knows.discard(key)

    def _forget(self, key: str) -> None:
        state = self.state
        del state.alerts[key]
        state.held.discard(key)
        state.by_label.remove(key)
        state.inhibition.remove(key)
        self.active.remove(key)
        for kind in (Timer.DROP, Timer.ESCALATION, Timer.ACKNOWLEDGEMENT):
            state.timers.set(kind, key, 0)

    def _silences(self, changes: _Changes) -> None:
        """What was there before silences nothing any more; what is there now follows after the alerts."""
        state = self.state
        for silence_id, record in changes.items():
            before = state.silences.pop(silence_id, None)
            if before is not None:
                silences.deactivate(state, before)
                state.silence_index.remove(silence_id)
                state.timers.set(Timer.SILENCE, silence_id, 0)
            if isinstance(record, SilenceRecord):
                state.silences[silence_id] = LiveSilence(record)
                state.silence_index.put(silence_id, record.matchers)

    def _refresh_silences(self, turn: Turn, changes: _Changes) -> None:
        """Those that have changed, and those that begin or end by the clock."""
        state = self.state
        for silence_id in sorted(changes):
            if silence_id in state.silences:
                silences.refresh(turn, state.silences[silence_id])
        while due := state.timers.pop(turn.now_ms):
            for _, kind, key in due:
                if kind is Timer.SILENCE:
                    silences.refresh(turn, state.silences[key])

    def _others(self, turn: Turn, overrides: _Changes, receivers: _Changes) -> None:
        state = self.state
        for key, record in overrides.items():
            if isinstance(record, OverrideRecord):
                state.overrides[key] = record
                schedule_override(turn, record)
            else:
                state.overrides.pop(key, None)
                state.timers.set(Timer.OVERRIDE, key, 0)
        for key, record in receivers.items():
            if isinstance(record, ReceiverRecord):
                state.receivers[key] = record
            else:
                state.receivers.pop(key, None)
