"""Alerts that wait for delivery: how many, for which sink, for how long, and what to do about it."""

from collections.abc import Sequence

import msgspec

from agents.runtime import Runtime
from models.wording import counted

WAITS_AFTER_SECONDS = 30.0  # shorter waits are normal


class Waiting(msgspec.Struct, frozen=True):
    """One sink. `trouble`: why its last attempt failed; "" where it did not."""

    sink: str
    alerts: int
    oldest_seconds: float
    trouble: str


class Outgoing(msgspec.Struct, frozen=True):
    """What one worker has to deliver."""

    sinks: Sequence[Waiting] = ()
    switched_off: Sequence[str] = ()
    ledger_is_away: bool = False
    foreign: Sequence[str] = ()  # other monitors that write to the same topic of alerts


def status(outgoing: Outgoing) -> str:
    """ "ok", or what waits and why. Another monitor with the same topic is no problem."""
    words = []
    if outgoing.switched_off:
        off = ", ".join(outgoing.switched_off)
        words.append(
            f"Disabled because the receiver is gone (HTTP 410): {off}; correct the address and restart the worker."
        )
    for each in outgoing.sinks:
        if each.alerts and each.oldest_seconds >= WAITS_AFTER_SECONDS:
            why = f" ({each.trouble})" if each.trouble else ""
            words.append(
                f"{counted(each.alerts, 'alert waits', 'alerts wait')} for {each.sink}, the oldest for "
                f"{each.oldest_seconds:.0f} s{why}; retrying."
            )
    if outgoing.ledger_is_away:
        words.append("The delivery ledger is unavailable: alerts are still sent, but some may be sent twice.")
    return " ".join(words) or "ok"


def outgoing_of(runtime: Runtime) -> Outgoing:
    """What waits on this worker now."""
    fanout = runtime.fanout
    waiting, oldest, troubles = fanout.waiting, fanout.oldest_seconds, fanout.troubles
    return Outgoing(
        sinks=[Waiting(name, waiting[name], oldest[name], troubles[name]) for name in sorted(waiting)],
        switched_off=fanout.switched_off,
        ledger_is_away=fanout.ledger_is_away,
        foreign=sorted(runtime.ours.foreign),
    )


def deliveries_of(runtime: Runtime) -> list[tuple[str, str, int]]:
    """Sink, outcome, and how many since the start."""
    return [
        (sink, outcome, count)
        for sink, counters in runtime.fanout.counters.items()
        for outcome, count in counters.items()
    ]
