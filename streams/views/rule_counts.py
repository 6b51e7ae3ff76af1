"""How many projects of a partition have an alert of a rule."""

from collections import Counter

import msgspec

from models.alert import AlertStatus
from streams.alerting.alert_life import is_pending
from streams.base.steps import Steps
from streams.partition.partition import Partition

MOST_PROJECTS = 2000  # with alerts, that are looked at; each may have to be decoded
_STEP = 8  # decoded states between two steps, about 1 ms


class RuleCounts(msgspec.Struct, frozen=True):
    """By rule. `is_whole` false: more projects have alerts than were looked at."""

    firing: dict[str, int]
    pending: dict[str, int]
    is_whole: bool


def rule_counts(partition: Partition) -> Steps[RuleCounts]:
    """Of this moment; the partition may change between two steps."""
    firing: Counter[str] = Counter()
    pending: Counter[str] = Counter()
    for section in partition.checkpointer.sections:  # what is about all projects
        for alert in section.active():
            (firing if alert.status is AlertStatus.FIRING else pending)[alert.rule_id] += 1
    alerting = list(partition.index.alerting)
    for seen, project_id in enumerate(alerting[:MOST_PROJECTS], 1):
        state = partition.look(project_id)
        for rule_id, memory in () if state is None else state.alerts.items():
            (pending if is_pending(memory) else firing)[rule_id] += 1
        if seen % _STEP == 0:
            yield
    return RuleCounts(firing, pending, len(alerting) <= MOST_PROJECTS)
