"""`alerting.yaml` in the words of Alertmanager: routes, receivers, inhibit rules, time intervals. Pure over bytes.

What is not supported is refused with its line and what to do instead.
"""

from collections.abc import Collection, Mapping
from functools import partial
from hashlib import sha256

import msgspec

from alert_sinks.receivers import Receiver
from episode_monitor.settings.receivers_section import SecretFiles, no_files, read_receivers
from episode_monitor.settings.time_section import read_time_intervals
from episode_monitor.settings.yaml_reading import Value, many, read_file
from streams.routing.alerting import Alerting
from streams.routing.inhibit_rule import InhibitRule
from streams.routing.matcher import Matcher, MatchOperator, matcher
from streams.routing.matcher_parsing import LABEL_NAME, parse_matchers
from streams.routing.notation import duration_ms
from streams.routing.route import Node, built

ALL_LABELS = "..."
DEEPEST = 20  # routes inside each other
_KEYS = ("global", "route", "receivers", "inhibit_rules", "time_intervals", "mute_time_intervals", "templates")
_ROUTE_KEYS = ("receiver", "group_by", "group_wait", "group_interval", "repeat_interval", "matchers", "match",
               "match_re", "continue", "mute_time_intervals", "active_time_intervals", "routes")  # fmt: skip
_NOT_IN_ROOT = ("matchers", "match", "match_re", "continue", "mute_time_intervals", "active_time_intervals")
_SIDE = ("matchers", "match", "match_re")


class AlertingFile(msgspec.Struct, frozen=True):
    """A whole file: what routing decides by, and the receivers with their addresses and secrets."""

    alerting: Alerting
    receivers: tuple[Receiver, ...]


class _Names(msgspec.Struct, frozen=True):
    """What routes may name."""

    receivers: Collection[str] | None  # None: they are not known, which is a fault already
    intervals: Collection[str]


def parse_alerting(data: bytes, name: str, secret_files: SecretFiles = no_files) -> AlertingFile:
    """The file's content; `name` begins each sentence. Raises FileError with all faults.

    `secret_files` returns the secret in a file that the content names, or raises ValueError.
    """
    return read_file(data, name, partial(_file, version=sha256(data).hexdigest(), secret_files=secret_files))


def _file(root: Value, version: str, secret_files: SecretFiles) -> AlertingFile:
    found = root.keys(_KEYS)
    if templates := found.get("templates"):
        for each in templates.items():
            each.fault("is not supported; remove it: the texts of messages are the monitor's own")
    receivers = read_receivers(found.get("receivers"), found.get("global"), secret_files)
    intervals = read_time_intervals(found.get("time_intervals"), found.get("mute_time_intervals"))
    named = root.needs(found, "receivers") and not any(each.key == "receivers" for each in root.faults)
    names = _Names([each.name for each in receivers] if named else None, list(intervals))
    node = _root_route(found["route"], names) if root.needs(found, "route") else Node()
    rules = many(found["inhibit_rules"].items() if "inhibit_rules" in found else (), _inhibit_rule)
    return AlertingFile(
        Alerting(
            root=built(node),
            receivers=tuple(each.name for each in receivers),
            inhibit_rules=rules,
            time_intervals=intervals,
            version=version,
        ),
        receivers,
    )


def _root_route(value: Value, names: _Names) -> Node:
    found = value.keys(_ROUTE_KEYS)
    for key in _NOT_IN_ROOT:
        if key in found and not _is_empty(found[key]):
            found[key].fault("must not stand in the root, which takes what no other route takes; move it to a route")
        found.pop(key, None)
    value.needs(found, "receiver")
    return _node(found, names, 1)


def _is_empty(value: Value) -> bool:
    return value.is_null or not value.node.value or (value.is_text and value.node.value.lower() == "false")


def _route(value: Value, names: _Names, depth: int) -> Node:
    return _node(value.keys(_ROUTE_KEYS), names, depth)


def _node(found: Mapping[str, Value], names: _Names, depth: int) -> Node:
    routes = found["routes"].items() if "routes" in found else []
    if routes and depth >= DEEPEST:
        found["routes"].fault(f"is more than {DEEPEST} routes deep; make the tree flatter")
        routes = []
    return Node(
        receiver=_known(found["receiver"], names.receivers, "receiver") if "receiver" in found else None,
        group_by=_group_by(found["group_by"]) if "group_by" in found else None,
        group_wait_ms=_duration(found.get("group_wait"), may_be_zero=True),
        group_interval_ms=_duration(found.get("group_interval")),
        repeat_interval_ms=_duration(found.get("repeat_interval")),
        matchers=read_matchers(found.get("matchers"), found.get("match"), found.get("match_re")),
        continues=found["continue"].flag() if "continue" in found else False,
        mute_time_intervals=_intervals(found.get("mute_time_intervals"), names.intervals),
        active_time_intervals=_intervals(found.get("active_time_intervals"), names.intervals),
        routes=many(routes, partial(_route, names=names, depth=depth + 1)),
    )


def _known(value: Value, names: Collection[str] | None, what: str) -> str | None:
    """A name that is defined elsewhere in the file. None: nothing is written."""
    if value.is_null:
        return None
    name = value.text()
    if name and names is not None and name not in names:
        listed = f"one of {', '.join(names)}" if names else "its name after you have added it"
        value.fault(f"is `{name[:60]}`, but there is no such {what}; write {listed}")
    return name


def _intervals(value: Value | None, names: Collection[str]) -> tuple[str, ...]:
    return tuple(filter(None, (_known(each, names, "time interval") for each in value.items()))) if value else ()


def _group_by(value: Value) -> tuple[str, ...]:
    found: list[str] = []
    for each in value.items(100):
        label = each.text()
        if label != ALL_LABELS and not LABEL_NAME.fullmatch(label):
            each.fault(f"is `{label[:60]}`, which is no label name; write letters, digits and _, or '...' alone")
        elif label in found:
            each.fault(f"is `{label}`, which stands twice; remove one of them")
        found.append(label)
    if ALL_LABELS in found and len(found) > 1:
        value.fault("has `...`, which is all labels, beside others; keep either")
    return tuple(found)


def _duration(value: Value | None, *, may_be_zero: bool = False) -> int | None:
    if value is None or value.is_null:
        return None
    length = value.read(duration_ms, 0)
    if not length and not may_be_zero:
        value.fault("is 0, but must be longer; write a duration such as 5m")
    return length


def read_matchers(new: Value | None, exact: Value | None = None, regex: Value | None = None) -> tuple[Matcher, ...]:
    """`matchers`, and the old maps `match` and `match_re`; of a route, a side of an inhibit rule, or a chain."""
    found: list[Matcher] = []
    nothing: tuple[Matcher, ...] = ()
    for each in new.items(100) if new else ():
        found += each.read(parse_matchers, nothing)
    for old, operator in ((exact, MatchOperator.EQUAL), (regex, MatchOperator.REGEX)):
        for label, value in (old.pairs() if old else {}).items():
            if LABEL_NAME.fullmatch(label):
                found += value.read(partial(_one, label, operator), nothing)
            else:
                value.fault("is not a label name; write letters, digits and _")
    return tuple(found)


def _one(label: str, operator: MatchOperator, text: str) -> tuple[Matcher, ...]:
    return (matcher(label, operator, text),)


def _inhibit_rule(value: Value) -> InhibitRule:
    found = value.keys([f"{side}_{key}" for side in ("source", "target") for key in _SIDE] + ["equal"])
    for side in ("source", "target"):
        if not any(f"{side}_{key}" in found for key in _SIDE):
            value.child(f"{side}_matchers").fault(f"is missing, so every alert would be a {side}; add it")
    source, target = (read_matchers(*(found.get(f"{side}_{key}") for key in _SIDE)) for side in ("source", "target"))
    return InhibitRule(
        source_matchers=source,
        target_matchers=target,
        equal=many(found["equal"].items(100), _label) if "equal" in found else (),
    )


def _label(value: Value) -> str:
    label = value.text()
    if not LABEL_NAME.fullmatch(label):
        value.fault(f"is `{label[:60]}`, which is no label name; write letters, digits and _")
    return label
