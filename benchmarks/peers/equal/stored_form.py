"""What the Java programs store (`equal_java/`), read back, and held against the reference."""

import struct
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.peers.equal.reference import NONE, Counts, Project

# Head.java: latest, events, re-sends, five totals, highest, held, duplicates, firing, ids, newest, both windows, bucket
_HEAD = struct.Struct(">q2i5i3i3i5i5ii")
_SKETCH = 2512
_CHUNK = 64


@dataclass(frozen=True)
class Found:
    """What a contender has stored of a project. `firing` and `long` None: its windows are elsewhere."""

    events: int
    resent: int
    totals: Counts
    highest: int
    held: int
    duplicates: int
    owners: Mapping[int, set[str]]
    latencies: Counter[int]
    firing: int | None = None
    windows: tuple[Counts, Counts] | None = None


def found(head: bytes, owners: Mapping[int, set[str]], *, has_windows: bool) -> Found:
    """A head's places by name."""
    values = _HEAD.unpack_from(head)
    counts = struct.unpack(f">{(len(head) - _SKETCH) // 4}i", head[_SKETCH:])
    return Found(
        events=values[1], resent=values[2], totals=values[3:8], highest=values[8], held=values[9],
        duplicates=values[10], owners=owners,
        latencies=Counter({values[24] + i: count for i, count in enumerate(counts) if count}),
        firing=values[11] if has_windows else None, windows=(values[14:19], values[19:24]) if has_windows else None,
    )  # fmt: skip


def owners_of(chunk: int, stored: bytes) -> dict[int, set[str]]:
    """Who holds which of 64 numbers."""
    owners: dict[int, set[str]] = {}
    place = 8
    while place < len(stored):
        slot, length = stored[place], stored[place + 1]
        owners.setdefault(chunk * _CHUNK + slot, set()).add(stored[place + 2 : place + 2 + length].decode())
        place += 2 + length
    return owners


def all_found(heads: Mapping[bytes, bytes], chunks: Mapping[bytes, bytes], *, has_windows: bool) -> dict[str, Found]:
    """Of every project; the keys of chunks are `project/chunk`."""
    owners: dict[str, dict[int, set[str]]] = {}
    for key, stored in chunks.items():
        project, _, chunk = key.decode().rpartition("/")
        owners.setdefault(project, {}).update(owners_of(int(chunk), stored))
    return {
        key.decode(): found(head, owners.get(key.decode(), {}), has_windows=has_windows) for key, head in heads.items()
    }


def expected(project: Project, precision: str) -> Found:
    """The same of the reference. `precision` is `seconds`, `minutes` or `hopping`."""
    windows = {"seconds": project.by_second, "minutes": project.by_minute}.get(precision)
    return Found(
        project.events, project.resent, tuple(project.totals), project.highest, len(project.owners), project.duplicates,
        project.owners, project.latencies, windows.firing if windows else None,
        windows.panes.sums() if windows else None,
    )  # fmt: skip


def differences(found: Mapping[str, Found], projects: Mapping[str, Project], precision: str) -> str:
    """ "" where all is the same, else one example."""
    for name in sorted(found.keys() | projects.keys()):
        if name not in found or name not in projects:
            return f"{name} is {'missing' if name in projects else 'not of the input'}"
        due, got = expected(projects[name], precision), found[name]
        wrong = [each for each in Found.__dataclass_fields__ if getattr(due, each) != getattr(got, each)]
        if wrong:
            example = wrong[0]
            is_long = example in ("owners", "latencies")
            words = "" if is_long else f": {example} is {getattr(got, example)} and should be {getattr(due, example)}"
            return f"{name} differs in {', '.join(wrong)}{words}"
    return ""


def wrong_window(windows: Mapping[tuple[str, int, int], Counts], projects: Mapping[str, Project]) -> str:
    """Hopping windows: key is project, first minute, length in minutes. Every project's newest must be among them."""
    for (name, first, minutes), counts in windows.items():
        due = projects[name].hopping(first, minutes)
        if counts != due:
            return f"the window of {minutes} minutes of {name} from minute {first} is {counts} and should be {due}"
    for name, project in projects.items():
        for minutes in (15, 10):
            newest = max(project.minutes, default=0)
            if newest and windows.get((name, newest - minutes + 1, minutes), NONE) == NONE:
                return f"the newest window of {minutes} minutes of {name} is missing"
    return ""
