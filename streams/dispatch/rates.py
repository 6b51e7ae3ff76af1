"""How often a receiver is notified. What has to wait stays in its groups, and becomes one digest when there is room."""

from streams.dispatch.records import ReceiverRecord
from streams.dispatch.state import GROUP, RECEIVER, LiveGroup
from streams.dispatch.timers import Timer
from streams.dispatch.turn import Turn


def take(turn: Turn, name: str) -> int:
    """Room for one message: 0, and it is used; or when there will be some (epoch ms).

    The generic cell rate algorithm: `next_ms` is when the next message would be due at an even rate.
    """
    limit = turn.config.rate_limits.get(name)
    if limit is None:
        return 0
    record = turn.state.receiver(name)
    free_ms = record.next_ms - (limit.burst - 1) * limit.interval_ms
    if free_ms > turn.now_ms:
        return free_ms
    record.next_ms = max(record.next_ms, turn.now_ms) + limit.interval_ms
    turn.state.touch(RECEIVER, name)
    return 0


def queue(turn: Turn, group: LiveGroup, free_ms: int) -> None:
    """The group waits until its receiver has room."""
    record, state = group.record, turn.state
    record.is_queued = True
    state.queued.setdefault(record.receiver, {})[record.key] = None
    state.touch(GROUP, record.key)
    state.timers.set(Timer.RECEIVER, record.receiver, free_ms)


def free_ms(turn: Turn, record: ReceiverRecord) -> int:
    """When a receiver has room again."""
    limit = turn.config.rate_limits.get(record.name)
    return max(record.next_ms - (limit.burst - 1) * limit.interval_ms if limit else 0, turn.now_ms)


def next_digest(turn: Turn, name: str) -> int:
    """The sequence number of a digest."""
    record = turn.state.receiver(name)
    record.sequence += 1
    turn.state.touch(RECEIVER, name)
    return record.sequence


def forget_idle(turn: Turn, record: ReceiverRecord) -> None:
    """Drop a record that says nothing."""
    if not record.failed_alert_id and not record.sequence and record.next_ms <= turn.now_ms:
        turn.state.receivers.pop(record.name, None)
        turn.state.touch(RECEIVER, record.name)
