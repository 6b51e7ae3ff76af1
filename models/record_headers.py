"""What a record's headers add to an event: CloudEvents 1.0 attributes (Kafka binary mode) and the W3C trace context.

A header never makes a good body bad: attributes only fill what the body lacks, and an unreadable one counts as absent.
"""

import re
from collections.abc import Sequence
from contextlib import suppress

import msgspec

from models.times import plain_rfc3339
from models.wire import WireEvent

# Names are matched as they are: both standards write them in lower case on Kafka.
_SLOTS = {
    "ce_id": "event_id",
    "ce_type": "type",
    "ce_time": "occurred_at",
    "ce_source": "source",
    "traceparent": "traceparent",
}
_MAX_SOURCE_CHARACTERS = 128
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}", re.ASCII)


class HeaderAttributes(msgspec.Struct, frozen=True, gc=False):
    """Texts found in headers, not yet checked against the event's bounds; only `source` and `traceparent` are."""

    event_id: str | None = None
    type: str | None = None
    occurred_at: str | None = None
    source: str | None = None
    traceparent: str | None = None

    def lacking(self, event_id: object, event_type: object, occurred_at: object, source: object) -> dict[str, str]:
        """The attributes that fill these fields of a body where they are None."""
        found: dict[str, str] = {}
        if event_id is None and self.event_id is not None:
            found["event_id"] = self.event_id
        if event_type is None and self.type is not None:
            found["type"] = self.type
        if occurred_at is None and self.occurred_at is not None:
            found["occurred_at"] = self.occurred_at
        if source is None and self.source is not None:
            found["source"] = self.source
        return found


def read_headers(headers: Sequence[tuple[str, bytes | None]]) -> HeaderAttributes:
    """The attributes in a record's headers. Of several headers of one name the last readable one counts."""
    found: dict[str, str] = {}
    for name, raw in headers:
        slot = _SLOTS.get(name)
        if slot is None or raw is None:
            continue
        with suppress(UnicodeDecodeError):
            found[slot] = raw.decode()
    source = found.get("source")
    if source is not None and not 1 <= len(source) <= _MAX_SOURCE_CHARACTERS:
        del found["source"]  # CloudEvents allows any URI there, and a long one is no reason to refuse the event
    traceparent = parse_traceparent(found.pop("traceparent", None))
    return HeaderAttributes(**found, traceparent=traceparent)


def fill_from_headers(wire: WireEvent, attributes: HeaderAttributes) -> None:
    """Puts attributes where the body has nothing; raises `msgspec.ValidationError` if one breaks its field's bounds."""
    lacking = attributes.lacking(wire.event_id, wire.type, wire.occurred_at, wire.source)
    if lacking:
        if "occurred_at" in lacking:
            lacking["occurred_at"] = plain_rfc3339(lacking["occurred_at"])
        checked = msgspec.convert(lacking, WireEvent)
        for name in lacking:
            setattr(wire, name, getattr(checked, name))


def parse_traceparent(text: str | None) -> str | None:
    """A valid W3C `traceparent`, or None.

    Version 00 has exactly 55 characters. A later version may append fields after a dash; they are cut off, because we
    would not know what they mean.
    """
    if text is None:
        return None
    match = _TRACEPARENT.match(text)
    if match is None:
        return None
    rest = text[match.end() :]
    if rest and (text.startswith("00") or not rest.startswith("-")):
        return None
    return match.group()
