"""The records of the acts and the notifications topic. Decoding never raises."""

from typing import NamedTuple

import msgspec

from streams.dispatch.inputs import Act
from streams.dispatch.outputs import Change, Notification

FORMAT = 1


class StampedAct(msgspec.Struct, frozen=True, kw_only=True):
    """An act of a person. `act_id` is drawn by the worker that took it; `at_ms` is that worker's wall clock."""

    version: int = FORMAT
    act_id: str
    at_ms: int
    act: Act


class _Sent(msgspec.Struct, frozen=True, kw_only=True):
    version: int = FORMAT
    notification: Notification


class _Changed(msgspec.Struct, frozen=True, kw_only=True):
    version: int = FORMAT
    change: Change


class Outcome(NamedTuple):
    """What became of an act: "" or why it was refused (`streams.dispatch.table.Refusal`)."""

    at_ms: int
    refusal: str = ""


class Presence(NamedTuple):
    """The owner says of itself that it decides: its address, and its wall clock."""

    worker: str
    at_ms: int


_encode = msgspec.json.Encoder().encode
_changed = msgspec.json.Decoder(_Changed)
_acts, _sent = msgspec.json.Decoder(StampedAct), msgspec.json.Decoder(_Sent)
_outcomes, _presences = msgspec.json.Decoder(Outcome), msgspec.json.Decoder(Presence)


def encode_act(act: StampedAct) -> bytes:
    """A record of the acts topic."""
    return _encode(act)


def decode_act(value: bytes | None) -> StampedAct | None:
    """The act, or None if these bytes are none, or are of a newer version."""
    try:
        act = _acts.decode(value or b"")
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    return act if act.version <= FORMAT else None


def encode_notification(notification: Notification) -> bytes:
    """A record of the notifications topic."""
    return _encode(_Sent(notification=notification))


def decode_notification(value: bytes | None) -> Notification | None:
    """The notification, or None if these bytes are none, or are of a newer version."""
    try:
        sent = _sent.decode(value or b"")
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    return sent.notification if sent.version <= FORMAT else None


def encode_outcome(outcome: Outcome) -> bytes:
    """What the dispatcher stores of an act that was applied or refused."""
    return _encode(outcome)


def decode_outcome(value: bytes) -> Outcome:
    """Inverse of `encode_outcome`. Raises msgspec.MsgspecError."""
    return _outcomes.decode(value)


def encode_presence(presence: Presence) -> bytes:
    """What the owner stores of itself."""
    return _encode(presence)


def decode_presence(value: bytes) -> Presence:
    """Inverse of `encode_presence`. Raises msgspec.MsgspecError."""
    return _presences.decode(value)


def encode_change(change: Change) -> bytes:
    """What the dispatcher stores of a change in an alert's life until the history has it."""
    return _encode(_Changed(change=change))


def decode_change(value: bytes) -> Change | None:
    """The change, or None if these bytes are none, or are of a newer version."""
    try:
        found = _changed.decode(value)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    return found.change if found.version <= FORMAT else None
