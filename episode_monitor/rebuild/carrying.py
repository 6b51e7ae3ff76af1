"""Carries over what events do not contain: alerts as they stand, waivers, and the alerts about drift. Pure. What people
did with alerts is in the dispatcher's state (`dispatcher_carrying`).

An alert of the old monitor goes on under its id, so nobody is notified of it again; what is new under other rules
begins when the new monitor judges the project, and what is over ends then.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from streams.alerting.core import Core
from streams.base import changelog_keys
from streams.numbering.finding_history import FindingHistory
from streams.numbering.numbering import Numbering
from streams.numbering.waivers import GAP, Waiver
from streams.partition.partition import Partition
from streams.project.fingerprint import fingerprint
from streams.project.project_state import ProjectState

CARRIED_KINDS: Final = (changelog_keys.DRIFT,)  # of stored values beside the projects; the new monitor makes all others


class Carried(msgspec.Struct):
    """How many of each."""

    alerts: int = 0
    waivers: int = 0
    waivers_without_finding: int = 0

    def add(self, other: "Carried") -> None:
        """Sum up."""
        for name in self.__struct_fields__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


def sections_of(values: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
    """What of a partition's stored values is carried over as it is."""
    return {key: value for key, value in values.items() if key[:1] in CARRIED_KINDS}


def carry_over(core: Core, old: Sequence[Partition], new: Partition) -> Carried:
    """Of all projects that both have, from the first old partition that has it. The caller stores the new one."""
    carried = Carried()
    for project_id, head in list(new.heads()):
        before = next((found for each in old if (found := each.look(project_id)) is not None), None)
        if before is None:
            continue
        numbers = before.numbering.anomalies
        if before.alerts or head.alerts or before.begun or numbers.waived or numbers.history is not None:
            state = new.state_to_change(project_id)
            if state is not None:
                carried.add(_carry(core, before, state))
                new.touch(state)
    return carried


def _carry(core: Core, old: ProjectState, new: ProjectState) -> Carried:
    carried = Carried(alerts=len(old.alerts))
    is_same = fingerprint(old) == fingerprint(new)
    new.alerts = {
        rule: msgspec.structs.replace(alert) for rule, alert in old.alerts.items() if rule in core.rules.by_id
    }
    new.begun = dict(old.begun)
    carried.waivers = sum(_waive(new.numbering, waiver) for waiver in list(old.numbering.anomalies.waived))
    carried.waivers_without_finding = len(old.numbering.anomalies.waived) - carried.waivers
    history = old.numbering.anomalies.history
    if is_same and history is not None:
        new.numbering.own().history = FindingHistory(history.dropped, list(history.entries))
    new.needs_evaluation = True
    new.deadline_ms = new.now_ms + 1  # as after a change of the rules: to be judged soon, event or not
    return carried


def _waive(numbering: Numbering, waiver: Waiver) -> bool:
    """Waive what of it is an open finding; False where nothing is, and nothing was waived before."""
    anomalies = numbering.anomalies
    if waiver.kind == GAP:
        parts = [
            (max(first, waiver.first), min(last, waiver.last))
            for first, last in list(anomalies.open_gaps)
            if first <= waiver.last and waiver.first <= last
        ]
    else:
        parts = [(number, number) for number in (waiver.first,) if number in anomalies.open_duplicates]
    for first, last in parts:
        numbering.own().waive(msgspec.structs.replace(waiver, first=first, last=last))
    return bool(parts) or any(
        one.kind == waiver.kind and one.first <= waiver.last and waiver.first <= one.last for one in anomalies.waived
    )
