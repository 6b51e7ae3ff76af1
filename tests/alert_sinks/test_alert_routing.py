"""Who is told of what: the proof table of routing."""

import pytest

from alert_sinks.routing import Route, RouteReason, route
from models.alert import Alert, AlertStatus
from tests.alert_sinks.support import NOW_MS, an_alert

TEAM = ["slack", "webhook"]
ON_CALL = ["oncall_slack"]

pending = an_alert(status=AlertStatus.PENDING)
firing = an_alert()
escalated = an_alert(escalation_level=1)
resolved = an_alert(status=AlertStatus.RESOLVED)
resolved_after_escalation = an_alert(status=AlertStatus.RESOLVED, escalation_level=2)
silenced = an_alert(silenced_until_ms=NOW_MS + 1)
resolved_while_silenced = an_alert(status=AlertStatus.RESOLVED, silenced_until_ms=NOW_MS + 1)
no_longer_silenced = an_alert(silenced_until_ms=NOW_MS)
never_fired = an_alert(status=AlertStatus.RESOLVED, reason="cleared_before_firing")
acknowledged = an_alert(acknowledged_by="kim", reason="acknowledged_by_person")
silence_that_is_over = an_alert(silenced_until_ms=NOW_MS, reason="silenced_by_person")
resolved_by_person = an_alert(status=AlertStatus.RESOLVED, reason="resolved_by_person")
escalated_for_its_reason = an_alert(escalation_level=1, reason="escalated_unacknowledged")
outlived_its_silence = an_alert(reason="silence_ended")
escalated_and_outlived_it = an_alert(escalation_level=1, reason="silence_ended")


@pytest.mark.parametrize(
    ("alert", "on_call", "decision"),
    [
        (firing, ON_CALL, Route(("slack", "webhook"), RouteReason.TEAM)),
        (escalated, ON_CALL, Route(("oncall_slack",), RouteReason.ON_CALL)),
        (escalated, [], Route(("slack", "webhook"), RouteReason.ON_CALL_BY_TEAM, "[ON-CALL]")),
        (resolved, ON_CALL, Route(("slack", "webhook"), RouteReason.RESOLVED)),
        (resolved_after_escalation, ON_CALL, Route(("slack", "webhook", "oncall_slack"), RouteReason.RESOLVED)),
        (resolved_after_escalation, [], Route(("slack", "webhook"), RouteReason.RESOLVED)),
        (pending, ON_CALL, Route((), RouteReason.PENDING)),
        (silenced, ON_CALL, Route((), RouteReason.SILENCED)),
        (resolved_while_silenced, ON_CALL, Route((), RouteReason.SILENCED)),
        (no_longer_silenced, ON_CALL, Route(("slack", "webhook"), RouteReason.TEAM)),
        (never_fired, ON_CALL, Route((), RouteReason.NEVER_FIRED)),
        (acknowledged, ON_CALL, Route((), RouteReason.ACT_OF_PERSON)),
        (silence_that_is_over, ON_CALL, Route((), RouteReason.ACT_OF_PERSON)),
        (resolved_by_person, ON_CALL, Route(("slack", "webhook"), RouteReason.RESOLVED)),
        (escalated_for_its_reason, ON_CALL, Route(("oncall_slack",), RouteReason.ON_CALL)),
        (outlived_its_silence, ON_CALL, Route(("slack", "webhook"), RouteReason.SILENCE_ENDED)),
        (
            escalated_and_outlived_it,
            ON_CALL,
            Route(("slack", "webhook", "oncall_slack"), RouteReason.SILENCE_ENDED),
        ),
    ],
    ids=[
        "firing goes to the team",
        "escalated goes to on-call",
        "escalated without on-call goes to the team, marked",
        "resolved goes to the team",
        "resolved after an escalation goes to all",
        "resolved after an escalation without on-call goes to the team",
        "pending goes to nobody",
        "silenced goes to nobody",
        "resolved while silenced goes to nobody",
        "a silence ends at its moment",
        "what ended before it fired goes to nobody",
        "an acknowledgement is not news",
        "a silencing is not news, even read after its end",
        "an end by hand goes to the team",
        "an escalation goes to on-call whatever its reason",
        "what outlived its silence goes to the team",
        "what escalated and outlived its silence goes to all",
    ],
)
def test_the_table_of_routes(alert: Alert, on_call: list[str], decision: Route) -> None:
    assert route(alert, TEAM, on_call, NOW_MS) == decision
