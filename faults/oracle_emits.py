"""The oracle on output: dead letters, and alert transitions in their topic."""

from collections import Counter
from collections.abc import Mapping, Sequence

from agents.kafka.topics import TopicNames
from faults.evidence import Evidence
from faults.oracle_state import Sentences, place
from faults.replay import Replay
from models.alert import Alert
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
    """Transitions in the alerts' topic."""

    def __init__(self, evidence: Evidence, topics: TopicNames, replays: Replays) -> None:
        self._evidence = evidence
        self._topic = topics.alerts
        self._expected = {name: alert for each in replays.values() for name, alert in each.transitions.items()}
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


def _orders(alerts: Sequence[Alert]) -> dict[str, list[str]]:
    """Alert key -> its transitions in the order in which they were first emitted."""
    orders: dict[str, dict[str, None]] = {}
    for alert in alerts:
        orders.setdefault(alert.alert_key, {}).setdefault(alert.transition_id)
    return {key: list(order) for key, order in orders.items()}
