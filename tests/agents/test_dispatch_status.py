"""How the dispatcher is, in one sentence for each thing that is wrong; and what its owner counts."""

import msgspec
import pytest

from agents.dispatch.dispatch_counts import OTHER, RECEIVERS_MAX, DispatchCounts
from agents.dispatch.status import DispatchStatus
from streams.dispatch.outputs import Notification
from streams.dispatch.table import NotifyReason

WELL = DispatchStatus(owner="http://a", silent_seconds=3.0, is_copied=True, counts=DispatchCounts())


@pytest.mark.parametrize(
    ("changed", "beginning"),
    [
        ({}, "ok"),
        ({"is_owner": True, "is_live": True, "silent_seconds": 500.0}, "ok"),
        ({"copy_lag": 7, "behind_seconds": 2.0}, "ok"),
        (
            {"silent_seconds": 31.0},
            "No worker is the owner of the dispatcher, so nobody is notified: http://a was, and",
        ),
        ({"owner": "", "silent_seconds": None}, "No worker has been the owner of the dispatcher yet"),
        ({"is_owner": True}, "This worker becomes the owner of the dispatcher and reads its state."),
        ({"is_owner": True, "waits_for": "The dispatcher waits: no broker."}, "The dispatcher waits: no broker."),
        (
            {"copy_lag": 7, "behind_seconds": 12.0},
            "This worker's copy of the dispatcher's state lacks 7 records, and has",
        ),
        ({"copy_problem": "no broker"}, "This worker's copy of the dispatcher's state is old: no broker."),
        ({"is_copied": False, "copy_problem": "not read yet"}, "This worker reads the dispatcher's state."),
    ],
)
def test_each_thing_that_is_wrong_is_one_sentence(changed: dict[str, object], beginning: str) -> None:
    assert msgspec.structs.replace(WELL, **changed).word.startswith(beginning)


def notification(receiver: str) -> Notification:
    return Notification(
        notification_id="n", receiver=receiver, reason=NotifyReason.FIRST_NOTIFICATION, group_keys=(), group_labels={},
        alerts=(), firing=0, resolved=0, at_ms=0,
    )  # fmt: skip


def test_receivers_beyond_a_bound_are_counted_together() -> None:
    counts = DispatchCounts()
    for number in range(RECEIVERS_MAX + 5):
        counts.sent(notification(f"r{number}"))
    counts.sent(notification("r0"))
    assert counts.notifications["r0", "first_notification"] == 2
    assert counts.notifications[OTHER, "first_notification"] == 5
    assert len(counts.notifications) == RECEIVERS_MAX + 1
