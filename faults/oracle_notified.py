"""The oracle on people: who was notified of which firing and of which end, from topics alone and without a clock."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from agents.alerts.alert_headers import read_mark
from agents.dispatch.codecs import decode_act
from agents.kafka.topics import TopicNames
from faults.decisions import Sentences, StoredDecision
from faults.evidence import Evidence, Kept
from models.alert import Alert, AlertStatus
from models.alert_codec import decode_alert
from streams.dispatch.config import DispatchConfig
from streams.dispatch.inputs import Acknowledge, Resolve, SetSilence
from streams.dispatch.outputs import Explanation, Notification
from streams.dispatch.table import NotifyReason, WhyNot
from streams.routing.chain import Notify, chain_for
from streams.routing.labels import labels_of
from streams.routing.matcher import matches_all
from streams.routing.route import Route, reached


class Firing(NamedTuple):
    """One firing: its first transition and when that was written, and when its end was (None: it goes on)."""

    alert: Alert
    began_ms: int
    ended_ms: int | None
    is_renewed: bool  # ended by the next firing of the same rule and project


class Notified:
    """`stored`: all notifications in the order of their decisions; `last`: the last decision."""

    def __init__(
        self, config: DispatchConfig, topics: TopicNames, evidence: Evidence, stored: Sequence[Notification],
        last: Sequence[StoredDecision],
    ) -> None:  # fmt: skip
        self.counts: Counter[str] = Counter()
        self._config = config
        self._topics = topics
        self._evidence = evidence
        self._stored = stored
        self._clock_ms = last[0].meta.clock_ms if last else 0
        decoded = [(decode_act(record.value), record.timestamp) for record in evidence.acts]
        self._acts = [each.act for each, _ in decoded if each is not None]
        self._resolved = [
            (each.act.alert_key, at_ms)
            for each, at_ms in decoded if each is not None and isinstance(each.act, Resolve)
        ]  # fmt: skip
        self._firings = {firing.alert.alert_id: firing for firing in self._read()}

    def check(self, explanations: Sequence[tuple[str, Explanation]]) -> Sentences:
        """All violations. `explanations`: what the decisions said of those who were not notified, by firing."""
        self.counts["firings"] = len(self._firings)
        yield from self._ends()
        yield from self._beginnings(explanations)
        yield from self._escalations()

    def _read(self) -> Iterator[Firing]:
        """From the alerts topic alone."""
        for log in self._evidence.alerts.values():
            began: dict[str, tuple[Alert, int]] = {}
            ended: dict[str, tuple[int, bool]] = {}
            firing: dict[str, str] = {}  # rule and project -> the firing that goes on
            for record in log:
                alert = decode_alert(record.value or b"")
                if alert is None or alert.status is AlertStatus.PENDING:
                    continue
                before = firing.get(alert.alert_key)
                if alert.status is AlertStatus.RESOLVED:
                    if before == alert.alert_id:
                        ended.setdefault(alert.alert_id, (record.timestamp, False))
                        del firing[alert.alert_key]
                elif alert.alert_id not in began:
                    began[alert.alert_id] = alert, record.timestamp
                    if before is not None:
                        ended.setdefault(before, (record.timestamp, True))
                    firing[alert.alert_key] = alert.alert_id
            for name, (alert, began_ms) in began.items():
                end_ms, is_renewed = ended.get(name, (None, False))
                yield Firing(alert, began_ms, end_ms, is_renewed)

    def _routes(self, alert: Alert) -> list[Route]:
        return reached(self._config.alerting.root, labels_of(alert))

    def _receivers(self, alert: Alert) -> set[str]:
        return {route.receiver for route in self._routes(alert)}

    # --- ends

    def _ends(self) -> Sentences:
        """Who was notified of a firing is notified of its end, once, and nobody else is."""
        knows: dict[tuple[str, str], int] = {}  # receiver and firing -> messages of its end
        cut = {each.receiver for each in self._stored if each.truncated}
        for each in self._stored:
            for alert in each.alerts:
                pair = each.receiver, alert.alert_id
                if alert.status is not AlertStatus.RESOLVED:
                    knows[pair] = 0
                elif pair not in knows and each.receiver not in cut:
                    yield f"{each.receiver} was notified of the end of {alert.alert_id}, and never of its beginning."
                else:
                    knows[pair] = knows.get(pair, 0) + 1
                    if knows[pair] > 1:
                        yield f"{each.receiver} was notified {knows[pair]} times of one end of {alert.alert_id}."
        for (receiver, name), times in knows.items():
            firing = self._firings.get(name)
            if firing is None:
                yield f"{receiver} was notified of {name}, which no core has emitted."
            elif firing.ended_ms is not None and not times and receiver not in cut and self._is_over(firing, receiver):
                yield f"{receiver} was notified of {name} ({firing.alert.alert_key}) and never of its end."

    def _is_over(self, firing: Firing, receiver: str) -> bool:
        """Whether the message about its end should have come: groups wait for their interval."""
        routes = [route for route in self._routes(firing.alert) if route.receiver == receiver]
        wait_ms = max((max(route.group_wait_ms, route.group_interval_ms) for route in routes), default=0)
        return (firing.ended_ms or 0) + wait_ms < self._clock_ms

    # --- beginnings

    def _beginnings(self, explanations: Sequence[tuple[str, Explanation]]) -> Sentences:
        """Each receiver of the routes is notified of a firing, or there is a reason, and it is true."""
        told = {(each.receiver, alert.alert_id) for each in self._stored for alert in each.alerts}
        why: dict[tuple[str, str], list[Explanation]] = defaultdict(list)
        for name, one in explanations:
            if one.reason not in (WhyNot.NOTHING_NEW, WhyNot.EARLIER_END, WhyNot.NEVER_NOTIFIED):
                why[one.receiver, name].append(one)
        for name, firing in self._firings.items():
            for receiver in self._receivers(firing.alert):
                if (receiver, name) in told:
                    self.counts["notified"] += 1
                    continue
                end_ms = self._clock_ms if firing.ended_ms is None else firing.ended_ms
                said = why[receiver, name]
                if not said:
                    yield f"{receiver} was not notified of {name} ({firing.alert.alert_key}), and there is no reason."
                for reason in said[-1:]:  # an earlier one was until then
                    self.counts[f"not notified: {reason.reason.name.lower()}"] += 1
                    if not self._is_true(reason, firing, end_ms):
                        yield f"{receiver} was not notified of {name}: {reason.text}, which is not so."

    def _is_true(self, said: Explanation, firing: Firing, end_ms: int) -> bool:
        key = firing.alert.alert_key
        match said.reason:
            case WhyNot.SILENCED:
                labels, ids = labels_of(firing.alert), {said.by}
                silences = [act for act in self._acts if isinstance(act, SetSilence) and act.silence_id in ids]
                return any(matches_all(act.matchers, labels) for act in silences)
            case WhyNot.ACKNOWLEDGED:
                return any(isinstance(act, Acknowledge) and act.alert_key == key for act in self._acts)
            case WhyNot.BEHIND:
                return self._was_behind(key)
            case WhyNot.GROUPED | WhyNot.MUTED | WhyNot.RATE_LIMITED:
                by_person = [at_ms for name, at_ms in self._resolved if name == key and at_ms >= said.at_ms]
                return said.until_ms >= min(end_ms, self._clock_ms, *by_person)
            case WhyNot.NO_RECEIVER:
                return not self._config.reaches(said.receiver)
            case WhyNot.INHIBITED:
                return bool(self._config.alerting.inhibit_rules)
            case _:
                return False

    def _was_behind(self, key: str) -> bool:
        return any(read_mark(record.headers).is_behind for record in self._records(key))

    def _records(self, key: str) -> Iterator[Kept]:
        return (record for log in self._evidence.alerts.values() for record in log if record.key == key.encode())

    # --- escalation

    def _escalations(self) -> Sentences:
        """The steps of a chain are taken in time, while nobody has taken the alert, and not before."""
        called: dict[tuple[str, str], int] = {}
        for each in self._stored:
            self.counts["escalations"] += each.reason is NotifyReason.ESCALATED
            for alert in each.alerts:
                if alert.status is AlertStatus.FIRING and each.receiver not in self._receivers(alert):
                    called.setdefault((each.receiver, alert.alert_id), each.at_ms)
        for name, firing in self._firings.items():
            chain = chain_for(self._config.on_call.chains, labels_of(firing.alert))
            for offset_ms, step in chain.due() if chain is not None else ():
                if not isinstance(step, Notify) or step.receiver in self._receivers(firing.alert):
                    continue
                at_ms, end_ms = called.get((step.receiver, name)), firing.ended_ms or self._clock_ms
                if at_ms is not None and at_ms < firing.began_ms + offset_ms:
                    early_ms = firing.began_ms + offset_ms - at_ms
                    yield f"{step.receiver} was notified of {name} by escalation {early_ms} ms before it was due."
                elif at_ms is None and firing.began_ms + offset_ms < end_ms and not self._is_quiet(firing):
                    yield f"{name} ({firing.alert.alert_key}) was never escalated to {step.receiver}."

    def _is_quiet(self, firing: Firing) -> bool:
        """Whether a person, or the past, kept it back at any time."""
        key, labels = firing.alert.alert_key, labels_of(firing.alert)
        by_act = any(
            matches_all(act.matchers, labels) if isinstance(act, SetSilence)
            else isinstance(act, Acknowledge | Resolve) and act.alert_key == key
            for act in self._acts
        )  # fmt: skip
        return by_act or self._was_behind(key)
