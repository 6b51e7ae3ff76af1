"""One message for what had to wait: for a receiver's rate, or for a partition that was behind."""

from streams.dispatch import flush, groups, rates
from streams.dispatch.outputs import NotifyReason
from streams.dispatch.state import GROUP, LiveGroup
from streams.dispatch.timers import Timer
from streams.dispatch.turn import Turn

OVER = 5  # groups that fall due when a partition has caught up: up to so many are notified of one by one


def drain(turn: Turn, receiver: str, reason: NotifyReason = NotifyReason.RATE_LIMITED) -> None:
    """A receiver has room: everything that still waits for it goes into one message."""
    keys = sorted(turn.state.queued.pop(receiver, {}))
    parts: list[tuple[LiveGroup, flush.Survey]] = []
    for group in [turn.state.groups[key] for key in keys if key in turn.state.groups]:
        groups.unqueue(turn.state, group)
        turn.state.touch(GROUP, group.record.key)
        found = flush.survey(turn, group)
        turn.explanations += found.kept_back
        own = flush.reason_to_send(turn, group, found)
        if own is not None:
            parts.append((group, found))
            only = own
    if not parts:
        return
    if free_ms := rates.take(turn, receiver):
        for group, _ in parts:
            rates.queue(turn, group, free_ms)
    else:
        flush.send(turn, parts, only if len(parts) == 1 else reason)


def flush_together(turn: Turn, due: list[LiveGroup]) -> None:
    """Groups that fall due because a partition has caught up: many of one receiver become one message."""
    by_receiver: dict[str, list[LiveGroup]] = {}
    for group in due:
        by_receiver.setdefault(group.record.receiver, []).append(group)
    for receiver, several in sorted(by_receiver.items()):
        if len(several) <= OVER:
            continue  # the timers of the groups are due
        for group in several:
            groups.set_due(turn.state, group, 0)
            group.record.is_queued = True
            turn.state.queued.setdefault(receiver, {})[group.record.key] = None
        if not turn.state.timers.get(Timer.RECEIVER, receiver):
            drain(turn, receiver, NotifyReason.CAUGHT_UP)
