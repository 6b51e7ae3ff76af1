"""The stored form: one small record for each alert, group, silence, override and receiver, and one of positions.

A key is a letter and a name; a value is a version byte and MessagePack. The record of positions is the last of a write,
so a write that was cut short is decided once more, with the same ids.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from streams.dispatch.records import (
    AlertRecord,
    GroupRecord,
    MetaRecord,
    OverrideRecord,
    ReceiverRecord,
    SilenceRecord,
)
from streams.dispatch.state import (
    ALERT,
    GROUP,
    META,
    OVERRIDE,
    RECEIVER,
    SILENCE,
    LiveAlert,
    LiveGroup,
    LiveSilence,
    State,
)

FORMAT = 1

_encode = msgspec.msgpack.Encoder().encode
_DECODERS: dict[str, msgspec.msgpack.Decoder[Any]] = {
    ALERT: msgspec.msgpack.Decoder(AlertRecord),
    GROUP: msgspec.msgpack.Decoder(GroupRecord),
    SILENCE: msgspec.msgpack.Decoder(SilenceRecord),
    OVERRIDE: msgspec.msgpack.Decoder(OverrideRecord),
    RECEIVER: msgspec.msgpack.Decoder(ReceiverRecord),
    META: msgspec.msgpack.Decoder(MetaRecord),
}


class NewerFormatError(ValueError):
    """A record of a version that is newer than this software; it must not be overwritten."""


def take_changes(state: State) -> Iterator[tuple[bytes, bytes | None]]:
    """What has changed since the last call, to be written in this order; None removes a record."""
    changed, state.changed = sorted(state.changed - {META}), set()
    for key in changed:
        yield key.encode(), _value(state, key)
    yield META.encode(), _packed(state.meta)


def everything(state: State) -> Iterator[tuple[bytes, bytes]]:
    """All records."""
    kinds = ((ALERT, state.alerts), (GROUP, state.groups), (SILENCE, state.silences))
    keys = [kind + name for kind, records in kinds for name in records]
    keys += [OVERRIDE + name for name in state.overrides] + [RECEIVER + name for name in state.receivers]
    for key in keys:
        value = _value(state, key)
        if value is not None:
            yield key.encode(), value
    yield META.encode(), _packed(state.meta)


def restored(items: Iterable[tuple[bytes, bytes]]) -> State:
    """The state of stored records, in any order. What is derived follows in the first call of `decide`.

    Raises NewerFormatError.
    """
    state = State()
    for key, value in items:
        kind, name = key[:1].decode(), key[1:].decode()
        if value[0] > FORMAT:
            raise NewerFormatError(
                f"The record {key.decode()!r} of the dispatcher has version {value[0]}, this software reads up to "
                f"{FORMAT}; start the newer version again."
            )
        _put(state, kind, name, _DECODERS[kind].decode(memoryview(value)[1:]))
    return state


def _put(state: State, kind: str, name: str, record: Any) -> None:
    match kind:
        case "a":
            state.alerts[name] = LiveAlert(record, {})
        case "g":
            state.groups[name] = LiveGroup(record)
        case "s":
            state.silences[name] = LiveSilence(record)
        case "o":
            state.overrides[name] = record
        case "r":
            state.receivers[name] = record
        case _:
            state.meta = record


def _value(state: State, key: str) -> bytes | None:
    kind, name = key[0], key[1:]
    found: Any = None
    match kind:
        case "a":
            found = state.alerts.get(name)
        case "g":
            found = state.groups.get(name)
        case "s":
            found = state.silences.get(name)
        case "o":
            return _packed(state.overrides[name]) if name in state.overrides else None
        case _:
            return _packed(state.receivers[name]) if name in state.receivers else None
    return None if found is None else _packed(found.record)


def _packed(record: object) -> bytes:
    return bytes((FORMAT,)) + _encode(record)
