"""The dispatcher as the routes see it: its state as this worker knows it, and acts that are done before they return."""

from collections.abc import Callable

from aiokafka.errors import KafkaError

from agents.dispatch.model_follower import NOT_READ_YET
from agents.dispatch.read_model import ReadModel
from agents.dispatching import Dispatching
from episode_monitor.fleet.errors import ALREADY_RESOLVED, UNKNOWN_ALERT
from episode_monitor.web.problems import Problem, busy
from streams.dispatch.active import ActiveList
from streams.dispatch.inputs import Act
from streams.dispatch.state import State
from streams.dispatch.table import Refusal
from streams.dispatch.views import Explained

RETRY_SECONDS = 2.0
_REFUSED: dict[Refusal, tuple[int, str]] = {
    Refusal.UNKNOWN_ALERT: (UNKNOWN_ALERT.status, UNKNOWN_ALERT.detail),
    Refusal.ALREADY_RESOLVED: (ALREADY_RESOLVED.status, ALREADY_RESOLVED.detail),
    Refusal.NOT_FIRING: (409, "The alert is pending: acknowledge it when it fires."),
    Refusal.NOT_ACKNOWLEDGED: (409, "Nobody has acknowledged this alert, so there is nothing to take back."),
    Refusal.EXPIRY_PASSED: (422, "The acknowledgement would have expired already; give more minutes."),
    Refusal.UNKNOWN_SILENCE: (404, "There is no silence of this id."),
    Refusal.ALREADY_EXPIRED: (409, "The silence has expired already; create a new one."),
    Refusal.SILENCE_ENDS_EARLY: (422, "The silence would end before it begins, or in the past; give a later end."),
    Refusal.UNKNOWN_SCHEDULE: (
        404,
        "The dispatcher's on-call file has no such schedule; GET …/oncall lists them.",
    ),
    Refusal.UNKNOWN_OVERRIDE: (404, "There is no override of this id."),
    Refusal.OVERRIDE_ENDS_EARLY: (422, "The override would end before it begins, or in the past; give a later end."),
    Refusal.SILENCE_MATCHES_ALL: (
        422,
        "These matchers fit an alert without any label, so they would silence everything; name a label and a value.",
    ),
}


def _not_read(status: str) -> str:
    if status == NOT_READ_YET:
        return "The dispatcher's state is being read: try again shortly."
    return f"{status[0].upper()}{status[1:]}."


class DispatchDesk:
    """`now_ms` is the wall clock."""

    def __init__(self, dispatching: Dispatching, now_ms: Callable[[], int]) -> None:
        self.now_ms = now_ms
        self._dispatching = dispatching

    def state(self) -> State:
        """What all workers know. Raises Problem 503 until the changelog was read once."""
        return self._model().state()

    def version(self) -> int:
        """Differs whenever `state` does. Raises as it does."""
        return self._model().version

    def active(self) -> ActiveList:
        """The active alerts in order. Raises as `state` does."""
        return self._model().active()

    def explained(self, alert_key: str) -> Explained | None:
        """An alert with all that is known of its notifications; None: it is unknown. Raises as `state` does."""
        return self._model().explained(alert_key)

    def _model(self) -> ReadModel:
        follower = self._dispatching.follower
        if not follower.caught_up.is_set():
            raise busy("recovering", _not_read(follower.status), RETRY_SECONDS)
        return self._dispatching.model

    async def perform(self, act: Act) -> None:
        """Have it done: `state` shows it then. Raises Problem."""
        self._model()
        try:
            refusal = await self._dispatching.act_desk.perform(act)
        except (TimeoutError, KafkaError, OSError):
            detail = "The dispatcher has not done it yet and may still do it: look, and try again if it is not there."
            raise busy("dispatcher_busy", detail, RETRY_SECONDS) from None
        if refusal is not None:
            status, sentence = _REFUSED.get(refusal, (409, f"The dispatcher refused it: {refusal.value}."))
            raise Problem(status, refusal.value, sentence)
