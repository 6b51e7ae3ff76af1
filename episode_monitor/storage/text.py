"""Makes any Python text fit for PostgreSQL, which refuses U+0000 and half surrogate pairs in text and in jsonb.

Nothing is thrown away silently: U+0000 is stored as its picture U+2400, half a pair as U+FFFD.
"""

import re
from typing import Any

import msgspec

_HALF_PAIR = re.compile("[\ud800-\udfff]")


def storable(text: str) -> str:
    """The text itself where PostgreSQL takes it, else with the refused characters replaced."""
    if text.isascii():
        return text.replace("\0", "\N{SYMBOL FOR NULL}") if "\0" in text else text
    return _HALF_PAIR.sub("\N{REPLACEMENT CHARACTER}", text.replace("\0", "\N{SYMBOL FOR NULL}"))


def storable_json(value: Any) -> str:
    """`value` as JSON text for a jsonb column. What JSON has no word for is stored as its `str()`; NaN as null."""
    try:
        encoded = msgspec.json.encode(value, enc_hook=str)
    except UnicodeEncodeError:
        encoded = msgspec.json.encode(_cleaned(value), enc_hook=str)
    if b"\\u0000" in encoded:
        encoded = msgspec.json.encode(_cleaned(msgspec.json.decode(encoded)))
    return encoded.decode()


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, dict):
        return {_cleaned(key): _cleaned(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_cleaned(item) for item in value]
    if isinstance(value, msgspec.Struct):
        return _cleaned(msgspec.structs.asdict(value))
    return value


def optional_text(text: str | None) -> str | None:
    """`storable`, which knows no null."""
    return None if text is None else storable(text)


def storable_object(value: dict[str, Any]) -> dict[str, Any]:
    """`value` as it comes back from a jsonb column. Nothing of it is shared with the caller's."""
    kept: dict[str, Any] = msgspec.json.decode(storable_json(value))
    return kept
