"""The tree of routes, and which of its nodes an alert reaches, as Alertmanager walks it.

A `Route` is complete: what its node does not set, it has from its parent (`Node` and `built`).
"""

from collections.abc import Iterator

import msgspec

from streams.routing.labels import Labels
from streams.routing.matcher import Matcher, matches_all, written

GROUP_WAIT_MS = 30_000
GROUP_INTERVAL_MS = 300_000
REPEAT_INTERVAL_MS = 4 * 3_600_000


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """A route as the file has it. None: as the parent."""

    receiver: str | None = None
    group_by: tuple[str, ...] | None = None  # `("...",)`: by all labels, so every alert is a group of its own
    group_wait_ms: int | None = None
    group_interval_ms: int | None = None
    repeat_interval_ms: int | None = None
    matchers: tuple[Matcher, ...] = ()
    continues: bool = False
    mute_time_intervals: tuple[str, ...] = ()
    active_time_intervals: tuple[str, ...] = ()
    routes: tuple["Node", ...] = ()


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """A node of the tree. Mute and active time intervals are its own: they are not inherited.

    `key` is Alertmanager's, the matchers from the root to here (`{}/{severity="critical"}`); a repetition among
    siblings has `#2`, so it is unique, and it stays the same when other routes are added. `repeat_interval_ms` 0 means
    never.
    """

    key: str
    receiver: str
    group_by: tuple[str, ...] = ()
    group_by_all: bool = False
    group_wait_ms: int = GROUP_WAIT_MS
    group_interval_ms: int = GROUP_INTERVAL_MS
    repeat_interval_ms: int = REPEAT_INTERVAL_MS
    matchers: tuple[Matcher, ...] = ()
    continues: bool = False
    mute_time_intervals: tuple[str, ...] = ()
    active_time_intervals: tuple[str, ...] = ()
    routes: tuple["Route", ...] = ()

    def group_labels(self, labels: Labels) -> dict[str, str]:
        """The labels that name the group of an alert, sorted; a label that it lacks is left out."""
        names = labels if self.group_by_all else self.group_by
        return {name: labels[name] for name in sorted(names) if labels.get(name)}

    def group_key(self, labels: Labels) -> str:
        """Names the group of an alert: `{}/{severity="critical"}:{alertname="x"}`. Alertmanager has a blank after each
        comma of the second part."""
        group = written(Matcher(name, value) for name, value in self.group_labels(labels).items())
        return f"{self.key}:{group}"


Path = tuple[Route, ...]  # from the root to the node that is reached


def built(node: Node, key: str = "{}", parent: Route | None = None) -> Route:
    """The tree below `node` with all that is inherited. The root must name a receiver."""
    over = parent or Route(key="", receiver=node.receiver or "")
    by_all = node.group_by == ("...",)
    route = Route(
        key=key,
        receiver=node.receiver or over.receiver,
        # An empty list inherits as well: Alertmanager does not tell it from an absent one.
        group_by=over.group_by if by_all or not node.group_by else node.group_by,
        group_by_all=by_all or (not node.group_by and over.group_by_all),
        group_wait_ms=_own(node.group_wait_ms, over.group_wait_ms),
        group_interval_ms=_own(node.group_interval_ms, over.group_interval_ms),
        repeat_interval_ms=_own(node.repeat_interval_ms, over.repeat_interval_ms),
        matchers=node.matchers,
        continues=node.continues,
        mute_time_intervals=node.mute_time_intervals,
        active_time_intervals=node.active_time_intervals,
    )
    return msgspec.structs.replace(route, routes=tuple(_children(node, route)))


def _own(value: int | None, inherited: int) -> int:
    return inherited if value is None else value


def _children(node: Node, route: Route) -> Iterator[Route]:
    seen: dict[str, int] = {}
    for child in node.routes:
        key = f"{route.key}/{written(child.matchers)}"
        seen[key] = seen.get(key, 0) + 1
        yield built(child, key if seen[key] == 1 else f"{key}#{seen[key]}", route)


def paths(root: Route, labels: Labels) -> list[Path]:
    """How an alert comes to each node it reaches, in the order of the file. The root takes what no other takes."""
    return _paths(root, labels, ())


def _paths(route: Route, labels: Labels, above: Path) -> list[Path]:
    if not matches_all(route.matchers, labels):
        return []
    here = (*above, route)
    found: list[Path] = []
    for child in route.routes:
        below = _paths(child, labels, here)
        found += below
        if below and not child.continues:
            break
    return found or [here]


def reached(root: Route, labels: Labels) -> list[Route]:
    """The nodes an alert reaches."""
    return [path[-1] for path in paths(root, labels)]


def every(route: Route) -> Iterator[Route]:
    """The node and all below it."""
    yield route
    for child in route.routes:
        yield from every(child)
