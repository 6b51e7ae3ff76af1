"""Records of the monitor's own topics that a worker read and did not use."""

import msgspec

from agents.runtime import Runtime


class PassedOver(msgspec.Struct, frozen=True):
    """`alerts` and `notifications` cannot be read; `foreign` alerts are another monitor's."""

    alerts: int = 0
    notifications: int = 0
    foreign: int = 0


def passed_over_by(runtime: Runtime) -> PassedOver:
    """Since the start of the worker."""
    return PassedOver(
        alerts=runtime.dispatching.owner.counts.undecodable,
        notifications=runtime.notifications.undecodable,
        foreign=sum(runtime.ours.foreign.values()),
    )
