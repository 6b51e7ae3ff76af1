"""How often a receiver is notified. What has to wait stays in its groups, which are due together when there is room."""

from streams.dispatch.records import ReceiverRecord
from streams.dispatch.state import RECEIVER
from streams.dispatch.turn import Turn


def take(turn: Turn, name: str) -> int:
    """Room for one message: 0, and it is used; or when there will be some (epoch ms).

    The generic cell rate algorithm: `next_ms` is when the next message would be due at an even rate.
    """
    limit = turn.config.rate_limits.get(name)
    if limit is None:
        return 0
    if (free_at_ms := free_ms(turn, name)) > turn.now_ms:
        return free_at_ms
    record = turn.state.receivers.setdefault(name, ReceiverRecord(name))
    record.next_ms = max(record.next_ms, turn.now_ms) + limit.interval_ms
    turn.state.touch(RECEIVER, name)
    return 0


def free_ms(turn: Turn, name: str) -> int:
    """When there is room for a message: now, or later."""
    limit, record = turn.config.rate_limits.get(name), turn.state.receivers.get(name)
    if limit is None or record is None:
        return turn.now_ms
    return max(turn.now_ms, record.next_ms - (limit.burst - 1) * limit.interval_ms)


def next_digest(turn: Turn, name: str) -> int:
    """The sequence number of a digest."""
    record = turn.state.receivers.setdefault(name, ReceiverRecord(name))
    record.sequence += 1
    turn.state.touch(RECEIVER, name)
    return record.sequence
