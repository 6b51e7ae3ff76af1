"""The dispatcher's changelog as the oracle reads it: whole decisions in their order, and what each of them changed.

It puts records together itself and shares only keys and codecs with the dispatcher.
"""

from collections.abc import Iterator, Sequence

import msgspec

from agents.dispatch.codecs import decode_notification
from agents.dispatch.decision_log import END, MARKER, OUTBOX, OUTCOME
from faults.evidence import Kept
from streams.dispatch.outputs import Notification
from streams.dispatch.records import MetaRecord

Sentences = Iterator[str]


class StoredDecision(msgspec.Struct, frozen=True):
    """What one write changed, and the positions and clock that ended it. `added`: notifications put into the outbox;
    `torn`: keys that a former owner had written before it without an end; `owner` counts those who claimed the log."""

    offset: int
    owner: int
    meta: MetaRecord
    changes: dict[bytes, bytes | None]
    torn: frozenset[bytes] = frozenset()

    @property
    def added(self) -> list[tuple[bytes, bytes]]:
        """Keys and values of new notifications, in their order."""
        return sorted((key, value) for key, value in self.changes.items() if key[:1] == OUTBOX and value is not None)

    @property
    def outcomes(self) -> list[str]:
        """Ids of the acts of which it says what became."""
        return [key[1:].decode() for key, value in self.changes.items() if key[:1] == OUTCOME and value is not None]


def decisions_of(log: Sequence[Kept]) -> list[StoredDecision]:
    """All whole decisions. Raises ValueError (msgspec.MsgspecError among them) where positions cannot be read."""
    found, open_ones, torn, owner = list[StoredDecision](), dict[bytes, bytes | None](), set[bytes](), 0
    for record in log:
        key = record.key or b""
        if key == MARKER:
            owner += 1
            torn |= open_ones.keys()
            open_ones = {}
        elif key == END:
            meta = msgspec.msgpack.decode((record.value or b"")[1:], type=MetaRecord)
            changes = {**open_ones, END: record.value}
            found.append(StoredDecision(record.offset, owner, meta, changes, frozenset(torn)))
            open_ones, torn = {}, set()
        else:
            open_ones[key] = record.value
    return found


def notifications_of(decisions: Sequence[StoredDecision]) -> list[tuple[bytes, Notification]]:
    """Every notification that was decided and stored, with its bytes, in order."""
    values = [value for decision in decisions for _, value in decision.added]
    return [(value, decoded(value)) for value in values]


def decoded(value: bytes | None) -> Notification:
    """A notification. Raises ValueError."""
    found = decode_notification(value)
    if found is None:
        raise ValueError("a notification cannot be read")
    return found


def stored_at_the_end(decisions: Sequence[StoredDecision]) -> dict[bytes, bytes]:
    """What all decisions together leave."""
    values: dict[bytes, bytes] = {}
    for decision in decisions:
        for key, value in decision.changes.items():
            if value is None:
                values.pop(key, None)
            else:
                values[key] = value
    return values
