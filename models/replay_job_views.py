"""Answers about replays and backtests that run as jobs. Times are RFC 3339 in UTC."""

import msgspec

from models.check_views import JobState


class ReplayJob(msgspec.Struct, frozen=True, kw_only=True):
    """One replay or backtest. `progress` is the share of the range that is read, null where its end cannot be foreseen
    yet; `error` says why it ended without a result."""

    job_id: str
    kind: str  # "replay" | "backtest"
    state: JobState
    progress: float | None  # 0.0 ... 1.0
    events: int  # records read
    events_per_second: float | None
    seconds_left: float | None
    requested_by: str
    request: dict[str, str | int | bool | None]  # the range and the options as they came, without the rules
    requested_at: str
    started_at: str | None = None  # null while it waits for its turn
    ended_at: str | None = None
    error: str | None = None
    has_result: bool = False


class ReplayJobList(msgspec.Struct, frozen=True, kw_only=True):
    """The replays and backtests that the workers keep, newest first, without their results."""

    replays: list[ReplayJob]
    total: int
