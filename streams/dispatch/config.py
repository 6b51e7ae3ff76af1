"""What the dispatcher decides by: routes and chains from the two files, and its own durations. Immutable."""

import msgspec

from streams.routing.alerting import ON_CALL, TEAM, Alerting, OnCall, default_alerting, default_on_call

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS


class RateLimit(msgspec.Struct, frozen=True):
    """A receiver gets `burst` messages at once, and then one each `interval_ms`. What has to wait becomes a digest."""

    interval_ms: int
    burst: int = 1


class DispatchConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that `decide` needs to know besides its state. Another object is another configuration."""

    alerting: Alerting
    on_call: OnCall
    empty_receivers: frozenset[str] = frozenset()  # those without a single sink
    rate_limits: dict[str, RateLimit] = {}  # by receiver
    apart: frozenset[str] = frozenset()  # keep an incident for each group: no digests of several, and acts are notified
    in_parts: frozenset[str] = frozenset()  # want all alerts of a group, in as many notifications as that takes
    stand_ins: tuple[str, ...] = (ON_CALL, TEAM)  # the first that has a sink gets the pages of one that has none
    digest_over: int = 5  # groups of one receiver that are due at once: more become one message
    resolved_retention_ms: int = DAY_MS  # how long an ended alert is still shown
    silence_retention_ms: int = 5 * DAY_MS  # the same of an expired silence, and of a past override
    reminder_ms: int = 10 * MINUTE_MS  # before an acknowledgement expires, if it is twice as long
    silence_notice_ms: int = 15 * MINUTE_MS  # before a silence expires, if it is twice as long
    timeline_max: int = 50  # entries kept of an alert: the first and the newest ones

    def reaches(self, receiver: str) -> bool:
        """Whether a message for this receiver comes anywhere."""
        return receiver in self.alerting.receivers and receiver not in self.empty_receivers


def default_config(escalate_after_ms: int = 5 * MINUTE_MS) -> DispatchConfig:
    """Without any file: the team at once, on-call for critical alerts that nobody acknowledges in time."""
    return DispatchConfig(alerting=default_alerting(), on_call=default_on_call(escalate_after_ms))
