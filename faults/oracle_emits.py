"""The oracle on output: dead letters, alert transitions in their topic, and deliveries to the receivers."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from agents.alerts.alert_headers import read_mark
from agents.kafka.topics import TopicNames
from alert_sinks.kinds.webhook import webhook_id
from alert_sinks.routing import route
from faults.evidence import Evidence, Kept, Received
from faults.oracle_state import Sentences, place
from faults.replay import Replay
from models.alert import Alert, AlertStatus
from models.alert_codec import decode_alert

Replays = Mapping[int, Replay]


def dead_lettered(evidence: Evidence, topics: TopicNames) -> Counter[tuple[int, int]]:
    """Partition and offset of every dead letter for the events' topic."""
    headers_of_all = (dict(letter.headers) for letter in evidence.dead_letters)
    return Counter(
        (int(headers["dl_partition"]), int(headers["dl_offset"]))
        for headers in headers_of_all
        if headers.get("dl_topic") == topics.events.encode()
    )


def letters_are_right(evidence: Evidence, topics: TopicNames, replays: Replays, *, once: bool) -> Sentences:
    """Every record that is no event has a dead letter with its reason, and nothing else has one."""
    reasons = {(number, offset): why for number, each in replays.items() for offset, why in each.letters.items()}
    found = dead_lettered(evidence, topics)
    for at in sorted(reasons.keys() - found.keys()):
        yield f"{place(*at)} is no event ({reasons[at]}) and has no dead letter."
    for at in sorted(found.keys() - reasons.keys()):
        yield f"{place(*at)} has a dead letter although it is a valid event."
    for at, count in sorted(found.items()):
        if count > 1 and once:
            yield f"{place(*at)} has {count} dead letters."
    for letter in evidence.dead_letters:
        headers = dict(letter.headers)
        at = int(headers.get("dl_partition", b"-1")), int(headers.get("dl_offset", b"-1"))
        said = headers.get("dl_reason", b"").decode()
        if at in reasons and said != reasons[at]:
            yield f"The dead letter of {place(*at)} has the reason {said} instead of {reasons[at]}."


class EmittedAlerts:
    """Transitions in the alerts' topic and at the receivers. `sinks`: names of the team's sinks with journals."""

    def __init__(self, evidence: Evidence, topics: TopicNames, replays: Replays, sinks: Sequence[str]) -> None:
        self._evidence = evidence
        self._topic = topics.alerts
        self._expected = {name: alert for each in replays.values() for name, alert in each.transitions.items()}
        self._sinks = tuple(sinks)
        self.counts: Counter[str] = Counter()

    def in_the_topic(self) -> Sentences:
        """The expected transitions in their order, each at least once, and no others."""
        expected, emitted = self._expected, list[Alert]()
        for number, log in self._evidence.alerts.items():
            for kept in log:
                alert = decode_alert(kept.value or b"")
                if alert is None:
                    yield f"Offset {kept.offset} of partition {number} of {self._topic} is no alert."
                else:
                    emitted.append(alert)
        names = {alert.transition_id for alert in emitted}
        self.counts["transitions"], self.counts["emitted again"] = len(expected), len(emitted) - len(names)
        for name in sorted(expected.keys() - names):
            yield f"The transition {name} of {expected[name].alert_key} was never emitted."
        for alert in emitted:
            if alert.transition_id not in expected:
                yield f"The transition {alert.transition_id} of {alert.alert_key} was emitted and the model lacks it."
            elif expected[alert.transition_id] != alert:
                yield f"The transition {alert.transition_id} of {alert.alert_key} was emitted with other contents."
        found = _orders(emitted)
        for key, order in _orders(list(expected.values())).items():
            if found.get(key, order) != order and set(found[key]) == set(order):
                yield f"The transitions of {key} were first emitted in another order."

    def at_the_receivers(self) -> Sentences:
        """Each at least once, alone or in a digest, repeated alone under one webhook-id only, and none that the model
        lacks. An alert that ended while its events were behind need not be delivered, and its end neither."""
        if not self._sinks:
            return
        wanted = {name: alert for name, alert in self._expected.items() if self._is_for_people(alert)}
        by_message_id = {webhook_id(name): alert for name, alert in wanted.items()}
        refused = {alert.transition_id for alert in map(_alert, self._evidence.alert_dead_letters) if alert is not None}
        taken = [one for one in self._evidence.received if one.status == 200]
        digests = [one for one in taken if _digest(one)]
        arrived = Counter(_name(_alert_in(one)) for one in taken if not _digest(one))
        arrived.update(_name(sent) for one in digests for sent in _digest(one))
        self.counts["delivered"], self.counts["delivered again"] = len(arrived), arrived.total() - len(arrived)
        for one in taken:
            if _digest(one):
                for sent in _digest(one):
                    yield from _is_wanted(sent, wanted.get(_name(sent)))
            else:
                yield from _is_wanted(_alert_in(one), by_message_id.get(one.message_id))
        undelivered, behind = _ended_undelivered(wanted, arrived), self._behind()
        for name, alert in wanted.items():
            is_past = alert.alert_id in undelivered and alert.alert_key in behind
            if not arrived[name] and name not in refused and not is_past:
                yield f"The transition {name} of {alert.alert_key} never reached its receiver."
        names: dict[str, set[str]] = {}
        for one in taken:
            if not _digest(one):
                names.setdefault(_name(_alert_in(one)), set()).add(one.message_id)
        for name, message_ids in names.items():
            if len(message_ids) > 1:
                yield f"The transition {name} was delivered under {len(message_ids)} webhook-ids."

    def _behind(self) -> set[str]:
        """Keys of alerts of which something was written while the events were behind."""
        logs = self._evidence.alerts.values()
        return {(kept.key or b"").decode() for log in logs for kept in log if read_mark(kept.headers).is_behind}

    def _is_for_people(self, alert: Alert) -> bool:
        return bool(route(alert, self._sinks, (), self._evidence.wall_ms).sinks)


def _alert_in(one: Received) -> dict[str, object]:
    alert = one.body.get("alert") if isinstance(one.body, dict) else None
    return alert if isinstance(alert, dict) else {}


def _digest(one: Received) -> list[dict[str, object]]:
    """The alerts of a message about many; empty for a message about one."""
    alerts = one.body.get("alerts") if isinstance(one.body, dict) else None
    return alerts if isinstance(alerts, list) else []


def _ended_undelivered(wanted: Mapping[str, Alert], arrived: Counter[str]) -> set[str]:
    """Ids of alerts that began and ended, and of which nothing arrived."""
    ended = {alert.alert_id for alert in wanted.values() if alert.status is AlertStatus.RESOLVED}
    delivered = {alert.alert_id for name, alert in wanted.items() if arrived[name]}
    return ended - delivered


def _name(sent: Mapping[str, object]) -> str:
    return f"{sent.get('alert_id')}:{sent.get('status')}:{sent.get('escalation_level')}"


def _is_wanted(sent: dict[str, object], expected: Alert | None) -> Iterator[str]:
    """The title may have a prefix for on-call; all else must be equal."""
    if expected is None:
        yield f"A receiver got the alert {sent.get('alert_key')} ({_name(sent)}), which the model lacks."
        return
    alert = decode_alert(msgspec.json.encode(sent))
    if alert is None or msgspec.structs.replace(alert, title=expected.title) != expected:
        yield f"A receiver got the transition {_name(sent)} of {expected.alert_key} with other contents."


def _orders(alerts: Sequence[Alert]) -> dict[str, list[str]]:
    """Alert key -> its transitions in the order in which they were first emitted."""
    orders: dict[str, dict[str, None]] = {}
    for alert in alerts:
        orders.setdefault(alert.alert_key, {}).setdefault(alert.transition_id)
    return {key: list(order) for key, order in orders.items()}


def _alert(letter: Kept) -> Alert | None:
    return decode_alert(letter.value or b"")
