"""Alertmanager's name of an alert: 64 bits of FNV-1a over its labels. And its order of label sets."""

from functools import lru_cache

from streams.routing.labels import Labels

_OFFSET, _PRIME, _MASK = 0xCBF29CE484222325, 0x100000001B3, 0xFFFFFFFFFFFFFFFF
_SEPARATOR = b"\xff"
_MIRROR, _END = {code: 127 - code for code in range(128)}, "\x7f"
_KEPT = 100_000  # it costs some 20 µs an alert, and dashboards ask for all of them again and again


def fingerprint(labels: Labels) -> str:
    """16 hexadecimal digits."""
    return _hashed(tuple(sorted(labels.items())))


@lru_cache(maxsize=_KEPT)
def _hashed(pairs: tuple[tuple[str, str], ...]) -> str:
    value = _OFFSET
    for byte in b"".join(part.encode() + _SEPARATOR for pair in pairs for part in pair):
        value = (value ^ byte) * _PRIME & _MASK
    return f"{value:016x}"


def in_order(labels: Labels) -> tuple[int, tuple[tuple[str, str], ...]]:
    """A key to sort by: fewer labels first; then by name and value, where one that lacks a name comes first."""
    return len(labels), tuple((_reversed(name), value) for name, value in sorted(labels.items()))


@lru_cache(maxsize=1000)
def _reversed(name: str) -> str:
    """Sorts the other way round: of two sets that differ in a name, the one with the smaller name has what the other
    lacks."""
    return name.translate(_MIRROR) + _END
