"""What two states must have in common: canonical bytes, with named parts taken out where they may rightly differ."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from streams.project import ProjectState
from streams.state_codec import canonical

NEUTRAL: dict[str, Any] = {"alerts": {}, "begun": {}, "resends": 0}


@contextmanager
def _without(state: ProjectState, *names: str) -> Iterator[None]:
    kept = {name: getattr(state, name) for name in names}
    holes = [(hole, hole.since_ms, hole.floor_ms) for hole in state.numbering.suspect_holes]
    shared = dict(state.numbering.suspect_duplicates)
    for name in names:
        setattr(state, name, NEUTRAL[name])
    try:
        yield
    finally:
        for name, value in kept.items():
            setattr(state, name, value)
        for hole, since_ms, floor_ms in holes:
            hole.since_ms, hole.floor_ms = since_ms, floor_ms
        state.numbering.suspect_duplicates.update(shared)


def essence(state: ProjectState, *but: str) -> bytes:
    """Canonical bytes without these attributes of the state (`alerts`, `resends`)."""
    with _without(state, *but):
        return canonical(state)


def essence_whenever_suspect(state: ProjectState, *but: str) -> bytes:
    """The same, without since when a suspect is one: that alone may depend on the order of arrival until it settles."""
    with _without(state, *but):
        for hole in state.numbering.suspect_holes:
            hole.since_ms = hole.floor_ms = 1
        for number in state.numbering.suspect_duplicates:
            state.numbering.suspect_duplicates[number] = 1
        return canonical(state)
