"""A person resolves, acknowledges or silences an alert, of a project or about drift."""

from functools import partial
from typing import Any

import msgspec

from agents.engine.ownership import Owned
from agents.fleet_topic.fleet_view import FleetView
from episode_monitor.fleet.acts.drift import restorer
from episode_monitor.fleet.errors import Recovering, Refusal, Refused
from episode_monitor.fleet.local_state import LocalState
from episode_monitor.fleet.questions.alert_history import is_known
from episode_monitor.fleet.transaction import Act, Performed
from models.alert import Alert
from streams.partition.drift_alerts import RULE_ID as DRIFT_RULE_ID
from streams.project import alert_actions
from streams.project.alert_actions import ActionKind, ActionRefusal, AlertAction

UNKNOWN_ALERT = Refusal(404, "unknown_alert", "There is no alert with this key: see the active alerts for their keys.")
ALREADY_RESOLVED = Refusal(409, "already_resolved", "This alert is already resolved: no further action is possible.")


class Acted(msgspec.Struct, frozen=True):
    """The alert after the act; None: it is not active."""

    alert: Alert | None


class ActOnAlert(Act[Acted, Alert], frozen=True, kw_only=True):
    """`minutes` is how long a silence lasts, None for the other kinds. Raises Refused."""

    found = Acted
    moved = "look at the alert, then try again."
    alert_key: str
    kind: ActionKind
    by: str
    comment: str
    minutes: int | None = None

    @property
    def rule_and_project(self) -> tuple[str, str]:
        """The two parts of the key."""
        rule_id, _, project_id = self.alert_key.partition(":")
        return rule_id, project_id

    def place(self, here: LocalState) -> Owned | None:
        rule_id, project_id = self.rule_and_project
        if rule_id == DRIFT_RULE_ID:
            return here.drift_keeper
        for owned, state, _ in here.parts_of(project_id):
            if not state.split or rule_id in state.alerts:  # each part has alerts of its own
                return owned
        return None

    def perform(self, owned: Owned, view: FleetView) -> Performed[Acted] | Acted:
        rule_id, project_id = self.rule_and_project
        if rule_id == DRIFT_RULE_ID:
            return self._on_drift(owned, project_id, view.now_ms())
        partition, at_ms = owned.partition, view.as_of_ms(owned)
        state = partition.state_to_change(project_id)
        if state is None:
            raise Recovering
        memory = state.alerts.get(rule_id)
        before = None if memory is None else msgspec.structs.replace(memory)
        action = self._action(max(at_ms, view.now_ms()))  # a silence is by the wall clock; event time may be behind
        done = alert_actions.perform(partition.core, state, rule_id, action, at_ms)
        if isinstance(done, ActionRefusal):
            return _refused(done)
        assert before is not None, "an alert that is acted on is remembered"
        return Performed(
            answer=Acted(done),
            emits=[done],
            undo=partial(alert_actions.take_back, partition.core, state, rule_id, before),
            keep=partial(partition.touch, state),
        )

    def _on_drift(self, owned: Owned, project_id: str, at_ms: int) -> Performed[Acted] | Acted:
        undo = restorer(owned)
        done = owned.drift_alerts.act(project_id, self._action(at_ms), at_ms)
        if isinstance(done, ActionRefusal):
            return _refused(done)
        return Performed(answer=Acted(done[1]), emits=done[0], undo=undo)

    def _action(self, at_ms: int) -> AlertAction:
        return AlertAction(
            kind=self.kind,
            by=self.by,
            comment=self.comment,
            silent_until_ms=at_ms + (self.minutes or 0) * 60_000,
        )

    async def conclude(self, found: Any, here: LocalState) -> Any:
        if found is not None and found.alert is not None:
            return found.alert
        raise Refused(ALREADY_RESOLVED if await is_known(here.history, self.alert_key) else UNKNOWN_ALERT)


def _refused(refusal: ActionRefusal) -> Acted:
    if refusal is ActionRefusal.RESOLVED_BY_PERSON:
        raise Refused(ALREADY_RESOLVED)
    return Acted(None)
