"""Every stored decision is made again from what was stored before it and from the records between its positions.

Two owners at once, an input that was lost or taken twice, and a state that does not say what was sent show up as a
decision that its inputs do not lead to.
"""

from collections.abc import Iterator, Sequence

import msgspec

from agents.alerts.alert_headers import read_mark
from agents.dispatch.codecs import decode_act, encode_notification
from agents.dispatch.decision_log import BESIDES, END
from agents.dispatch.timed import Timed, in_order, of_act, of_alert, origin_of, passed_over
from agents.kafka.topics import TopicNames
from faults.decisions import Sentences, StoredDecision
from faults.evidence import Evidence, Kept
from models.alert_codec import decode_alert
from streams.dispatch.config import DispatchConfig
from streams.dispatch.decide import decide
from streams.dispatch.inputs import CaughtUp, Position, Tick
from streams.dispatch.outputs import Explanation
from streams.dispatch.records import AlertRecord
from streams.dispatch.state import ALERT, State
from streams.dispatch.storage import restored, take_changes
from streams.routing.route import every

Values = dict[bytes, bytes]


class DecidedAgain:
    """`waits_for_past`: alerts that were written while their events were behind wait (the workers are told likewise).
    `explanations` are what the decisions said of receivers that were not notified, each with the id of the firing; of
    one that differs, what it should have said."""

    def __init__(
        self, config: DispatchConfig, topics: TopicNames, evidence: Evidence, *, waits_for_past: bool = False
    ) -> None:
        self.explanations: list[tuple[str, Explanation]] = []
        self._config = config
        self._topics = topics
        self._waits_for_past = waits_for_past
        self._logs = {f"{topics.alerts}/{number}": log for number, log in evidence.alerts.items()}
        self._logs[f"{topics.acts}/0"] = evidence.acts
        self._values: Values = {}  # the records of the state, without outbox and outcomes
        self._clock_ms = 0
        routes = list(every(config.alerting.root))
        self._waits_ms = {0} | {each.group_wait_ms for each in routes} | {each.group_interval_ms for each in routes}

    def check(self, decisions: Sequence[StoredDecision]) -> Sentences:
        """One sentence for each decision that is not what its inputs lead to."""
        positions: dict[str, int] = {}
        for decision in decisions:
            inputs = self._inputs(positions, decision.meta.positions)
            positions = decision.meta.positions
            after = _applied(self._values, decision.changes)
            said = self._difference(decision, inputs, after)
            self._values, self._clock_ms = after, decision.meta.clock_ms
            if said:
                yield f"The decision at offset {decision.offset} of {self._topics.dispatch} {said}."

    # --- inputs

    def _inputs(self, before: dict[str, int], upto: dict[str, int]) -> list[Timed]:
        """The records behind the positions before, in the order of their timestamps."""
        by_source = {}
        for source, last in upto.items():
            first, (topic, _, number) = before.get(source, -1), source.rpartition("/")
            taken = [record for record in self._logs.get(source, []) if first < record.offset <= last]
            by_source[topic, int(number)] = list(self._timed(source, taken))
        return in_order(by_source, self._topics.acts)

    def _timed(self, source: str, records: Sequence[Kept]) -> Iterator[tuple[int, Timed]]:
        latest_ms = 0
        for record in records:
            latest_ms = max(latest_ms, record.timestamp)
            position = Position(source, record.offset)
            for timed in self._read(source, record, position, latest_ms):
                yield latest_ms, timed

    def _read(self, source: str, record: Kept, position: Position, at_ms: int) -> list[Timed]:
        if source == f"{self._topics.acts}/0":
            stamped = decode_act(record.value)
            if stamped is None:
                return [passed_over(position, at_ms)]
            return [of_act(stamped, msgspec.structs.replace(stamped.act, position=position), at_ms)]
        alert, mark = decode_alert(record.value or b""), read_mark(record.headers)
        if alert is None:
            return [passed_over(position, at_ms)]
        behind = origin_of(self._topics.events, mark) if mark.is_behind and self._waits_for_past else ""
        return of_alert(alert, position, at_ms, behind=behind, is_known=False)

    # --- decisions

    def _difference(self, decision: StoredDecision, inputs: list[Timed], after: Values) -> str:
        """How it differs from what its inputs lead to; "" where it does not.

        The time of an input is not stored. A tick that changed nothing may have set the clock, and `CaughtUp` has no
        record: both are tried where the plain reading does not fit.
        """
        caught_up, moments = self._caught_up(decision, inputs), sorted(self._moments(decision))
        late = [[timed._replace(at_ms=max(timed.at_ms, at_ms)) for timed in inputs] for at_ms in moments]
        tries = [inputs, *late] if not caught_up else []
        for at_ms in moments if caught_up else ():
            found = Timed(CaughtUp(origins=caught_up), at_ms)
            tries += [[*tried, found] for tried in (inputs, *late)]
        first = ("", self.explanations[:0])
        for tried in tries:
            wrong, said = self._tried(decision, tried, after)
            if not wrong:
                self.explanations += said
                return ""
            first = first if first[0] else (wrong, said)
        self.explanations += first[1]
        return first[0]

    def _caught_up(self, decision: StoredDecision, inputs: list[Timed]) -> tuple[str, ...]:
        """The partitions of events for which alerts waited before, or were taken, and wait no more."""
        if not self._waits_for_past:
            return ()
        waited = {each.behind for each in _alerts(self._values)}
        waited |= {timed.given.behind for timed in inputs if hasattr(timed.given, "behind")}
        waiting = {each.behind for each in _alerts(_applied(self._values, decision.changes))}
        return tuple(sorted(origin for origin in waited - waiting if origin))

    def _moments(self, decision: StoredDecision) -> set[int]:
        """When its first input may have been taken: times that the changed records bear, and those from which a group
        waits until such a time."""
        values = [msgspec.msgpack.decode(value[1:]) for value in _applied({}, decision.changes).values()]
        found = {at_ms - wait_ms for at_ms in _numbers(values) for wait_ms in self._waits_ms}
        return {decision.meta.clock_ms} | {at_ms for at_ms in found if self._clock_ms < at_ms <= decision.meta.clock_ms}

    def _tried(
        self, decision: StoredDecision, inputs: list[Timed], after: Values
    ) -> tuple[str, list[tuple[str, Explanation]]]:
        state, said, sent, outcomes = restored(self._values.items()), self.explanations[:0], list[bytes](), set[str]()
        for timed in [*inputs, Timed(Tick(), decision.meta.clock_ms)]:
            found = decide(self._config, state, timed.given, timed.at_ms)
            said += [(_firing(state, each.alert_key), each) for each in found.explanations]
            sent += [encode_notification(each) for each in found.notifications]
            outcomes |= {timed.act_id} if timed.act_id else set()
        wrong = self._compared(_applied(self._values, dict(take_changes(state))), after)
        if not wrong and sorted(sent) != sorted(value for _, value in decision.added):
            wrong = f"stored {len(decision.added)} notifications where its inputs lead to {len(sent)}, or others"
        if not wrong and outcomes != set(decision.outcomes):
            wrong = f"says what became of the acts {sorted(decision.outcomes)} and took {sorted(outcomes)}"
        return wrong, said

    def _compared(self, mine: Values, stored: Values) -> str:
        keys = sorted(key for key in mine.keys() | stored.keys() if mine.get(key) != stored.get(key) and key != END)
        if not keys:
            return ""
        names = ", ".join(key.decode(errors="replace") for key in keys[:3])
        return f"is not what its inputs lead to: {len(keys)} records differ ({names})"


def _firing(state: State, alert_key: str) -> str:
    live = state.alerts.get(alert_key)
    return "" if live is None else live.record.alert.alert_id


def _alerts(values: Values) -> list[AlertRecord]:
    kind = ALERT.encode()
    return [msgspec.msgpack.decode(value[1:], type=AlertRecord) for key, value in values.items() if key[:1] == kind]


def _numbers(value: object) -> Iterator[int]:
    """All whole numbers within a decoded record."""
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _numbers(each)
    elif isinstance(value, int):
        yield value


def _applied(values: Values, changes: dict[bytes, bytes | None]) -> Values:
    """The state's records after these changes."""
    kept = {key: value for key, value in changes.items() if key[:1] not in BESIDES}
    merged: dict[bytes, bytes | None] = {**values, **kept}
    return {key: value for key, value in merged.items() if value is not None}
