"""The transition record of the alerts topic: an alert as JSON bytes, and back. Decoding never raises."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from models.alert import TIMES, Alert
from models.times import epoch_ms

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(dict[str, Any])


def encode_alert(alert: Alert) -> bytes:
    """The alert as the JSON object of `Alert.to_dict`, in UTF-8."""
    return _encoder.encode(alert.to_dict())


def decode_alert(data: bytes) -> Alert | None:
    """The alert that `encode_alert` wrote, or None if these bytes are none.

    Types are strict: a number in quotes or a time without offset is refused. Unknown fields are ignored, so that an
    older worker reads what a newer one wrote.
    """
    try:
        wire = _decoder.decode(data)
        fields = {name: value for name, value in wire.items() if name not in TIMES}
        for inside, outside in TIMES.items():
            if outside in fields:
                fields[inside] = _milliseconds(fields.pop(outside))
        return msgspec.convert(fields, Alert)
    except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError):
        return None


def _milliseconds(value: Any) -> int | None:
    if value is None:
        return None
    moment = msgspec.convert(value, datetime)
    if moment.tzinfo is None:
        raise ValueError("a time needs an offset")
    return epoch_ms(moment.astimezone(UTC))  # raises where UTC has no such year, so that `to_dict` cannot fail later
