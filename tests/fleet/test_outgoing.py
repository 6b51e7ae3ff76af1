"""What readiness says of alerts on their way."""

import pytest

from episode_monitor.fleet.outgoing import Outgoing, Waiting, status


@pytest.mark.parametrize(
    ("outgoing", "said"),
    [
        (Outgoing(), "ok"),
        (Outgoing(sinks=[Waiting("slack", 3, 29.9, "HTTP 503")], foreign=["other"]), "ok"),
        (
            Outgoing(sinks=[Waiting("slack", 1, 95.4, "HTTP 503"), Waiting("webhook", 2, 61.0, "")]),
            "1 alert waits for slack, the oldest for 95 s (HTTP 503); retrying. "
            "2 alerts wait for webhook, the oldest for 61 s; retrying.",
        ),
        (
            Outgoing(switched_off=["slack"]),
            "Disabled because the receiver is gone (HTTP 410): slack; correct the address and restart the worker.",
        ),
    ],
)
def test_what_waits_for_long_is_said_with_its_age_and_cause(outgoing: Outgoing, said: str) -> None:
    assert status(outgoing) == said
