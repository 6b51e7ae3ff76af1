"""The oracle on the dispatcher: what it stored, what it sent, what receivers got, and what people were answered.

Nothing is sent that is not stored, nothing stored is not sent, a repetition is the same to the last byte, each message
is at its receiver, acts have one outcome, positions never go back, and one owner writes at a time.
"""

from collections import Counter
from collections.abc import Iterator, Sequence

import msgspec

from agents.dispatch.codecs import decode_act
from agents.dispatch.decision_log import OUTBOX
from agents.kafka.topics import TopicNames
from alert_sinks.kinds.webhook import webhook_id
from faults.decided_again import DecidedAgain
from faults.decisions import (
    Sentences,
    StoredDecision,
    decisions_of,
    decoded,
    notifications_of,
    stored_at_the_end,
)
from faults.evidence import Evidence, Received
from faults.oracle_notified import Notified
from models.alert_codec import decode_alert
from streams.dispatch.config import DispatchConfig
from streams.dispatch.outputs import Notification


class DispatchedAlerts:
    """One run with a dispatcher that decided by `config`. Each receiver has one sink, whose journal is kept."""

    def __init__(
        self, config: DispatchConfig, topics: TopicNames, evidence: Evidence, *, waits_for_past: bool = False,
        has_versions: bool = False,
    ) -> None:  # fmt: skip
        self.counts: Counter[str] = Counter()
        self._config = config
        self._topics = topics
        self._evidence = evidence
        self._waits_for_past = waits_for_past
        self._has_versions = has_versions  # then a decision may differ from what this version decides

    def check(self) -> Iterator[list[str]]:
        """All violations, one list for each kind."""
        try:
            decisions = decisions_of(self._evidence.dispatch)
            stored = notifications_of(decisions)
        except ValueError as error:
            yield [f"The changelog of the dispatcher cannot be read: {error}."]
            return
        again = DecidedAgain(self._config, self._topics, self._evidence, waits_for_past=self._waits_for_past)
        yield list(self._positions(decisions))
        yield list(self._torn(decisions))
        differing = list(again.check(decisions))
        self.counts["decided otherwise"] = len(differing)
        yield [] if self._has_versions else differing
        yield list(self._sent(decisions, stored))
        yield list(self._received(stored))
        yield list(self._acts(decisions))
        notified = Notified(self._config, self._topics, self._evidence, [each for _, each in stored], decisions[-1:])
        yield list(notified.check(again.explanations))
        self.counts.update({"decisions": len(decisions), "owners": self._owners(decisions), **notified.counts})

    def _owners(self, decisions: Sequence[StoredDecision]) -> int:
        return len({decision.owner for decision in decisions})

    # --- what is stored

    def _positions(self, decisions: Sequence[StoredDecision]) -> Sentences:
        """Positions and clock never go back, and at the end everything was taken."""
        topic, positions, clock_ms = self._topics.dispatch, dict[str, int](), 0
        for decision in decisions:
            meta, where = decision.meta, f"At offset {decision.offset} of {topic}"
            for source, last in sorted(positions.items()):
                now = meta.positions.get(source, -1)
                if now < last:
                    yield f"{where} the position of {source} went back from {last} to {now}."
            if meta.clock_ms < clock_ms:
                yield f"{where} the clock went back from {clock_ms} to {meta.clock_ms} ms."
            positions, clock_ms = meta.positions, meta.clock_ms
        logs = {f"{self._topics.alerts}/{number}": log for number, log in self._evidence.alerts.items()}
        for source, log in {**logs, f"{self._topics.acts}/0": self._evidence.acts}.items():
            last = positions.get(source, -1)
            if log and last < log[-1].offset:
                yield f"The dispatcher took {source} up to {last}, and it has a record at {log[-1].offset}."

    def _torn(self, decisions: Sequence[StoredDecision]) -> Sentences:
        """What a former owner began to write is overwritten by the next."""
        for decision in decisions:
            left = sorted(decision.torn - decision.changes.keys())
            if left:
                yield (
                    f"The owner that stored the decision at offset {decision.offset} of {self._topics.dispatch} left "
                    f"{len(left)} records of a decision that was cut off ({left[0].decode(errors='replace')})."
                )

    # --- what is sent

    def _sent(self, decisions: Sequence[StoredDecision], stored: list[tuple[bytes, Notification]]) -> Sentences:
        by_id = dict[str, bytes]()
        for value, each in stored:
            if each.notification_id in by_id:
                yield f"The notification {each.notification_id} for {each.receiver} was decided twice."
            by_id.setdefault(each.notification_id, value)
        sent, orders = Counter[str](), dict[str, dict[str, None]]()
        for log in self._evidence.notifications.values():
            for record in log:
                try:
                    name = decoded(record.value).notification_id
                except ValueError:
                    yield f"Offset {record.offset} of {self._topics.notifications} is no notification."
                    continue
                sent[name] += 1
                orders.setdefault((record.key or b"").decode(), {}).setdefault(name)
                if name not in by_id:
                    yield f"The notification {name} was sent and is not stored."
                elif by_id[name] != record.value:
                    yield f"The notification {name} was sent with other bytes than those that are stored."
        for name in by_id.keys() - sent.keys():
            yield f"The notification {name} was stored and never sent."
        for receiver, order in orders.items():
            wanted = [each.notification_id for _, each in stored if each.receiver == receiver]
            if set(wanted) == set(order) and list(order) != wanted:
                yield f"The notifications for {receiver} were first sent in another order than they were decided in."
        waiting = sum(key[:1] == OUTBOX for key in stored_at_the_end(decisions))
        if waiting:
            yield f"At the end {waiting} notifications are still in the outbox."
        self.counts.update({"notifications": len(by_id), "sent again": sent.total() - len(sent)})

    def _received(self, stored: list[tuple[bytes, Notification]]) -> Sentences:
        """Each at a receiver under its id, a repetition with the same contents, and nothing else."""
        wanted = {webhook_id(each.notification_id): each for _, each in stored if each.alerts}
        letters = [decode_alert(record.value or b"") for record in self._evidence.alert_dead_letters]
        refused = {letter.alert_key for letter in letters if letter is not None}
        taken = [one for one in self._evidence.received if one.status == 200]
        first: dict[str, Received] = {}
        for one in taken:
            if one.message_id not in wanted:
                yield f"A receiver got the message {one.message_id}, which nobody decided."
            elif _alerts_in(one) != _alerts_in(first.setdefault(one.message_id, one)):
                yield f"A receiver got the message {one.message_id} again with other contents."
            elif not _shows(one, wanted[one.message_id]):
                yield f"A receiver got the message {one.message_id} with other alerts than were decided."
        for name, each in wanted.items():
            if name not in first and not {alert.alert_key for alert in each.alerts} & refused:
                keys = ", ".join(alert.alert_key for alert in each.alerts[:3])
                yield f"The notification {each.notification_id} of {keys} never reached {each.receiver}."
        self.counts.update({"delivered": len(first), "delivered again": len(taken) - len(first)})

    # --- people

    def _acts(self, decisions: Sequence[StoredDecision]) -> Sentences:
        """Each act has one outcome, and what was answered to a person was stored."""
        outcomes = Counter(name for decision in decisions for name in decision.outcomes)
        for record in self._evidence.acts:
            act = decode_act(record.value)
            if act is not None and outcomes[act.act_id] != 1:
                yield f"The act at offset {record.offset} of {self._topics.acts} has {outcomes[act.act_id]} outcomes."
        stored = [value for decision in decisions for value in decision.changes.values() if value is not None]
        for acted in self._evidence.acted:
            self.counts[f"acts {acted.status}"] += 1
            if acted.status in (200, 201) and not any(acted.comment.encode() in value for value in stored):
                yield f"{acted.what} was answered {acted.status}, and the dispatcher has not stored it."
            elif acted.status not in (200, 201, 0, 404, 409, 503):
                yield f"{acted.what} was answered {acted.status}: {acted.body}."


def _alerts_in(one: Received) -> object:
    """What a message shows, without the time of the attempt."""
    return (
        {name: value for name, value in one.body.items() if name != "timestamp"} if isinstance(one.body, dict) else None
    )


def _shows(one: Received, decided: Notification) -> bool:
    """Whether the body has the alerts of the notification, in its order: their firing, status and level."""
    body = one.body if isinstance(one.body, dict) else {}
    shown = body.get("alerts") or [body.get("alert")]
    found = [(each.get("alert_id"), each.get("status"), each.get("escalation_level")) for each in shown if each]
    wanted = [(each.alert_id, each.status.value, each.escalation_level) for each in decided.alerts]
    return found == wanted and msgspec.json.encode(body) != b"{}"
