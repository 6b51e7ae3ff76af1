"""What keeps a firing alert from being notified of: a silence, another alert, a partition that is behind, the hours."""

from streams.dispatch.config import DispatchConfig
from streams.dispatch.outputs import WhyNot
from streams.dispatch.state import LiveAlert, State
from streams.routing.route import Route
from streams.routing.time_interval import changes_at, lies_in

Mask = tuple[WhyNot, str, int]  # why, by what, until when (epoch ms; 0: not known)
_LOOK_AGAIN_MS = 86_400_000  # at muted times without an end in sight


def mask_of(state: State, live: LiveAlert) -> Mask | None:
    """The first of the reasons that hold now; None: nothing keeps it back."""
    if live.record.origin:
        return WhyNot.BEHIND, live.record.origin, 0
    if live.silenced_by:
        silence_id = min(live.silenced_by, key=lambda each: (-state.silences[each].record.ends_at_ms, each))
        return WhyNot.SILENCED, silence_id, state.silences[silence_id].record.ends_at_ms
    inhibitor = next(state.inhibition.of(live.key), None)
    return None if inhibitor is None else (WhyNot.INHIBITED, inhibitor, 0)


def muted_until_ms(config: DispatchConfig, route: Route | None, now_ms: int) -> int:
    """When a route's receivers may be notified again; 0: now. Outside its active times a route is muted."""
    if route is None or not (route.mute_time_intervals or route.active_time_intervals):
        return 0
    known, at_ms = config.alerting.time_intervals, now_ms
    for _ in range(100):  # the end of one interval may lie in another
        is_muted = lies_in(route.mute_time_intervals, known, at_ms) is not None
        is_active = not route.active_time_intervals or lies_in(route.active_time_intervals, known, at_ms) is not None
        if is_active and not is_muted:
            return at_ms if at_ms > now_ms else 0
        ends = [
            found
            for names in (route.mute_time_intervals, route.active_time_intervals)
            if names and (found := changes_at(names, known, at_ms)) is not None
        ]
        if not ends:
            break
        at_ms = min(ends)
    return now_ms + _LOOK_AGAIN_MS
