"""What a sink gets of a notification: one alert as it always looked, or a digest that counts all."""

import msgspec

from alert_sinks.messages import Message, messages_of
from alert_sinks.wording import lines
from models.alert import AlertStatus, Severity
from streams.dispatch.outputs import Notification
from streams.dispatch.table import NotifyReason
from tests.alert_sinks.support import alert_of

ENDED = msgspec.structs.replace(alert_of("p2"), status=AlertStatus.RESOLVED, ends_at_ms=1_760_000_060_000)
ONE = Notification(
    notification_id="n_1", receiver="team", reason=NotifyReason.FIRST_NOTIFICATION, group_keys=("team:k",),
    group_labels={}, alerts=(alert_of("p1"),), firing=1, resolved=0, at_ms=1_760_000_000_000,
)  # fmt: skip


def changed(**changes: object) -> Notification:
    return msgspec.structs.replace(ONE, **changes)


def test_a_single_alert_goes_out_as_it_is_under_the_notifications_id() -> None:
    assert messages_of(ONE, takes_digests=True) == [Message("n_1", alert_of("p1"), None, "team:k")]


def test_an_escalation_names_its_reason_the_person_and_who_stands_in() -> None:
    given = changed(reason=NotifyReason.ESCALATED, mark="[ON-CALL]", person="kim", note="Layer night is empty.")
    (message,) = messages_of(given, takes_digests=True)
    assert message.alert.reason == "escalated_unacknowledged"
    assert message.alert.title == "[ON-CALL] p1 1"
    assert message.alert.description == ("Episode creation failure rate exceeds 1% Layer night is empty. On call: kim.")


def test_several_are_one_digest_that_counts_those_that_are_left_out() -> None:
    given = changed(alerts=(alert_of("p1"), ENDED), firing=250, resolved=2, group_labels={"rule": "x"})
    (message,) = messages_of(given, takes_digests=True)
    digest = message.digest
    assert digest is not None
    assert digest.title == "Alerts: 250 alerts are on, 2 alerts have ended"
    assert (digest.total, digest.truncated, digest.group_key) == (252, 250, "team:k")
    assert lines(digest)[-1] == "and 250 more"


def test_a_sink_without_digests_gets_one_message_an_alert_each_with_an_id_of_its_own() -> None:
    given = changed(alerts=(alert_of("p1", severity=Severity.CRITICAL), ENDED), firing=1, resolved=1)
    found = messages_of(given, takes_digests=False)
    assert [(each.message_id, each.alert.project_id) for each in found] == [("n_1:0", "p1"), ("n_1:1", "p2")]


def test_a_notification_without_alerts_is_no_message() -> None:
    assert messages_of(changed(alerts=(), firing=0), takes_digests=True) == []
