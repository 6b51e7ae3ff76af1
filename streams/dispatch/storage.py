"""The stored form: one small record for each alert, group, silence, override and receiver, and one of positions.

A key is a letter and a name; a value is a version byte and MessagePack. What one input changes is written as a whole.
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
_RECORDS: dict[str, type] = {
    ALERT: AlertRecord,
    GROUP: GroupRecord,
    SILENCE: SilenceRecord,
    OVERRIDE: OverrideRecord,
    RECEIVER: ReceiverRecord,
    META: MetaRecord,
}
_DECODERS: dict[str, msgspec.msgpack.Decoder[Any]] = {
    kind: msgspec.msgpack.Decoder(record) for kind, record in _RECORDS.items()
}


class NewerFormatError(ValueError):
    """A record of a version that is newer than this software; it must not be overwritten."""


def take_changes(state: State) -> Iterator[tuple[bytes, bytes | None]]:
    """What has changed since the last call, sorted; None removes a record."""
    changed, state.changed = sorted(state.changed), set()
    tables = _tables(state)
    for key in changed:
        found = tables[key[0]].get(key[1:])
        yield key.encode(), None if found is None else _packed(found)


def everything(state: State) -> Iterator[tuple[bytes, bytes]]:
    """All records, sorted within their kinds."""
    for kind, records in _tables(state).items():
        for name in sorted(records):
            yield (kind + name).encode(), _packed(records[name])


def decoded(key: str, value: bytes) -> Any:
    """The record of a stored key. Raises NewerFormatError."""
    if value[0] > FORMAT:
        raise NewerFormatError(
            f"The record {key!r} of the dispatcher has version {value[0]}, this software reads up to {FORMAT}; "
            "start the newer version again."
        )
    return _DECODERS[key[0]].decode(memoryview(value)[1:])


def restored(items: Iterable[tuple[bytes, bytes]]) -> State:
    """The state of stored records, in any order. What is derived follows in the first call of `decide`.

    Raises NewerFormatError.
    """
    state = State()
    for _ in restoring(state, items):
        pass
    return state


def restoring(state: State, items: Iterable[tuple[bytes, bytes]]) -> Iterator[None]:
    """The same in steps, into an empty state."""
    for stored_key, value in items:
        key = stored_key.decode()
        record = decoded(key, value)
        if key[0] == META:
            state.meta = record
        else:
            _tables(state)[key[0]][key[1:]] = _LIVE.get(key[0], lambda one: one)(record)
            if isinstance(record, AlertRecord) and record.behind:
                state.held.add(key[1:])
        yield


_LIVE: dict[str, Any] = {ALERT: LiveAlert, GROUP: LiveGroup, SILENCE: LiveSilence}


def _tables(state: State) -> dict[str, dict[str, Any]]:
    return {
        ALERT: state.alerts,
        GROUP: state.groups,
        SILENCE: state.silences,
        OVERRIDE: state.overrides,
        RECEIVER: state.receivers,
        META: {"": state.meta},
    }


def _packed(found: Any) -> bytes:
    return bytes((FORMAT,)) + _encode(getattr(found, "record", found))
