"""From records to the dispatcher's inputs, each with the time that it happened at."""

import heapq
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec

from agents.alerts.alert_headers import Mark
from agents.dispatch.codecs import StampedAct
from models.alert import Alert, AlertStatus
from streams.alerting.rule import FLEET
from streams.alerting.rules import RuleSet
from streams.dispatch.inputs import Acknowledge, AnyInput, Position, Resolve, Tick, Transition, silence_of_alert
from streams.dispatch.state import State
from streams.dispatch.table import Status
from streams.partition.drift_alerts import RULE_ID as DRIFT_RULE_ID

# Reasons of transitions that a core emitted which kept what people did; newer ones keep nothing of people.
_ACKNOWLEDGED, _SILENCED, _RESOLVED = "acknowledged_by_person", "silenced_by_person", "resolved_by_person"
ALERTS = "alerts"  # the origin of alerts that do not say whose events caused them


class Timed(NamedTuple):
    """An input at a time (epoch ms). `is_known`: it was notified of before there was a dispatcher."""

    given: AnyInput
    at_ms: int
    act_id: str = ""
    is_known: bool = False


def in_order(by_source: Mapping[tuple[str, int], Iterable[tuple[int, Timed]]], acts_topic: str) -> list[Timed]:
    """The inputs of all sources (topic, partition), each with the time (epoch ms) to sort by, which never goes back
    within a source. Of the same millisecond acts come last: a person acts on an alert that is there."""
    sources = sorted(by_source, key=lambda source: (source[0] == acts_topic, *source))
    return [timed for _, timed in heapq.merge(*(by_source[each] for each in sources), key=lambda pair: pair[0])]


def origin_of(events_topic: str, mark: Mark) -> str:
    """How `Transition.behind` names the partition of events that caused an alert."""
    return ALERTS if mark.events_partition is None else f"{events_topic}/{mark.events_partition}"


def partition_of(origin: str) -> int | None:
    """Inverse of `origin_of`."""
    number = origin.rpartition("/")[2]
    return int(number) if number.isdigit() else None


def of_alert(alert: Alert, position: Position, at_ms: int, *, behind: str, is_known: bool) -> list[Timed]:
    """A record of the alerts topic. An act of a person that an older version kept in a project's state is an act here:
    what such a person resolved goes on in the core, which may find more.

    The position stands with the last input: all of a record's inputs are stored together.
    """
    by, comment = (each or "" for each in alert.person)
    found: list[AnyInput] = [Transition(alert=alert, behind=behind)]
    if alert.reason == _ACKNOWLEDGED:
        found.append(Acknowledge(alert_key=alert.alert_key, by=alert.acknowledged_by or by, comment=comment))
    elif alert.reason == _SILENCED and alert.silenced_until_ms is not None:
        found.insert(0, silence_of_alert(alert, at_ms, alert.silenced_until_ms, by, comment))
    elif alert.reason == _RESOLVED:
        found = [Resolve(alert_key=alert.alert_key, by=by, comment=comment)]
    found[-1] = msgspec.structs.replace(found[-1], position=position)
    return [Timed(given, at_ms, is_known=is_known) for given in found]


def of_removed_rules(state: State, rules: frozenset[str], since_ms: int, now_ms: int) -> list[Timed]:
    """Ends of the alerts whose rules are gone, for no core says so. `rules`: ids of those in force since then; what has
    begun later is of a worker with newer ones."""
    gone = [
        live.record.alert
        for _, live in sorted(state.alerts.items())
        if _rule_of(live.record.alert) not in rules
        and live.record.since_ms <= since_ms
        and live.record.status is not Status.RESOLVED
    ]
    return [Timed(Transition(alert=_ended(alert, now_ms)), now_ms) for alert in gone]


def _rule_of(alert: Alert) -> str:
    return alert.alert_key if alert.project_id == FLEET else alert.rule_id


def rules_in_force(rules: RuleSet) -> frozenset[str]:
    """The ids of rules whose alerts may fire; of those about all projects, with their project."""
    of_fleet = (f"{rule_id}:{FLEET}" for rule_id in (*rules.fleet.rules, DRIFT_RULE_ID))
    return frozenset((*rules.of_projects, DRIFT_RULE_ID, *of_fleet))


def _ended(alert: Alert, now_ms: int) -> Alert:
    return msgspec.structs.replace(
        alert, status=AlertStatus.RESOLVED, ends_at_ms=now_ms, updated_at_ms=now_ms, reason="rule_removed"
    )


def of_act(stamped: StampedAct, given: AnyInput, at_ms: int) -> Timed:
    """A record of the acts topic; `given` is its act with a position."""
    return Timed(given, at_ms, act_id=stamped.act_id)


def passed_over(position: Position, at_ms: int) -> Timed:
    """A record that is no input for this dispatcher: its position counts all the same."""
    return Timed(Tick(position=position), at_ms)
