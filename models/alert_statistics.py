"""How often the rules fired and what became of it. Times are RFC 3339 in UTC."""

import msgspec


class Durations(msgspec.Struct, frozen=True, kw_only=True):
    """Of `count` durations, none of them shown where there are none. P90 is the smallest that at least 90 % are not
    above."""

    count: int
    median_seconds: float | None
    p90_seconds: float | None


class ByPerson(msgspec.Struct, frozen=True, kw_only=True):
    """What one person did."""

    by: str
    count: int


class Notifications(msgspec.Struct, frozen=True, kw_only=True):
    """Messages in the range. One message counts once for each sink."""

    delivered: int
    failed: int


class AlertFigures(msgspec.Struct, frozen=True, kw_only=True):
    """The firings that began in the range. A firing is over with the next transition to resolved."""

    firings: int
    projects: int
    at_night: int  # of these, how many began at night
    flapping: int  # began at most `flap_minutes` after the firing before of the same alert had ended
    escalated: int
    acknowledged: int
    resolved: int
    resolved_by_people: int
    still_firing: int
    time_to_acknowledge: Durations  # from the beginning to the first acknowledgement
    time_to_resolve: Durations  # from the beginning to the end
    acknowledged_by: list[ByPerson]  # the 20 who did most; the first acknowledgement of a firing counts
    resolved_by: list[ByPerson]
    notifications: Notifications | None  # null where they cannot be read now


class RuleAlertFigures(AlertFigures, frozen=True, kw_only=True):
    """Those of one rule."""

    rule_id: str


class AlertStatistics(msgspec.Struct, frozen=True, kw_only=True, rename={"since": "from", "until": "to"}):
    """Alerts of a range by rule, the one with most firings first."""

    since: str
    until: str
    history_from: str | None  # the oldest transition that is kept; null: there is none
    time_zone: str
    night: str  # local hours, such as 22-07
    flap_minutes: int
    total: AlertFigures
    rules: list[RuleAlertFigures]
