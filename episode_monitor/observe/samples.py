"""The samples of several processes as those of one worker. Each metric's rule is `together` in the catalogue."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

import msgspec
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar, Sample

from episode_monitor.observe.catalogue import BY_NAME
from episode_monitor.observe.described import Of, Together

_FOLDS: Final[dict[Together, Callable[[float, float], float]]] = {
    Together.SUM: float.__add__, Together.MAX: max, Together.MIN: min,
}  # fmt: skip
_COUNTED: Final = frozenset({"counter", "histogram"})  # what is still true of a process that has ended

_Key = tuple[str, tuple[tuple[str, str], ...]]


class Row(msgspec.Struct, frozen=True, array_like=True):
    """One sample. `exemplar`: labels, value, seconds since the epoch."""

    name: str
    labels: dict[str, str]
    value: float
    exemplar: tuple[dict[str, str], float, float | None] | None = None

    @property
    def key(self) -> _Key:
        """What names the series."""
        return self.name, tuple(sorted(self.labels.items()))


class Family(msgspec.Struct, frozen=True, array_like=True):
    """One metric with its samples. `kind` is Prometheus' word, and the name of a counter has no `_total`."""

    name: str
    kind: str
    help: str
    rows: list[Row]

    @property
    def is_of_fleet(self) -> bool:
        """Whether every process has the same of it."""
        described = BY_NAME.get(self.name) or BY_NAME.get(f"{self.name}_total")
        return described is not None and described.of is Of.FLEET

    @property
    def together(self) -> Together:
        """Its rule."""
        described = BY_NAME.get(self.name) or BY_NAME.get(f"{self.name}_total")
        return Together.SUM if described is None else described.together


Families = list[Family]
_packing, _unpacking = msgspec.msgpack.Encoder(), msgspec.msgpack.Decoder(Families)


def pack(families: Families) -> bytes:
    """For another process."""
    return _packing.encode(families)


def unpack(packed: bytes) -> Families:
    """Raises msgspec.MsgspecError."""
    return _unpacking.decode(packed)


def families_of(metrics: Iterable[Metric]) -> Families:
    """What a registry has collected."""
    return [Family(each.name, each.type, each.documentation, [_row(sample) for sample in each.samples])
            for each in metrics]  # fmt: skip


def counted(families: Families) -> Families:
    """Counters and histograms of this process, which its successor goes on with."""
    return [family for family in families if family.kind in _COUNTED and not family.is_of_fleet]


def added_up(living: Sequence[Families], gone: Sequence[Families] = ()) -> Families:
    """One exposition for all. The fleet's metrics are those of the first process that has them, whole, so that their
    labels still add up. Of those that are `gone` only what they counted stays."""
    parts: dict[str, list[Family]] = {}
    for families in (*living, *map(counted, gone)):
        for family in families:
            if not family.is_of_fleet:
                parts.setdefault(family.name, []).append(family)
    return [*_fleet(living), *map(_folded, parts.values())]


def _fleet(living: Sequence[Families]) -> Families:
    for families in living:
        if found := [family for family in families if family.is_of_fleet]:
            return found
    return []


def _folded(parts: Sequence[Family]) -> Family:
    first, fold = parts[0], _FOLDS.get(parts[0].together, float.__add__)
    rows: dict[_Key, Row] = {}
    for row in (row for part in parts for row in part.rows):
        known = rows.get(row.key)
        rows[row.key] = row if known is None else Row(
            row.name, row.labels, fold(known.value, row.value), known.exemplar or row.exemplar
        )  # fmt: skip
    return Family(first.name, first.kind, first.help, list(rows.values()))


def _row(sample: Sample) -> Row:
    shown = sample.exemplar
    if shown is None:
        return Row(sample.name, dict(sample.labels), float(sample.value))
    at = None if shown.timestamp is None else float(shown.timestamp)
    return Row(sample.name, dict(sample.labels), float(sample.value), (dict(shown.labels), float(shown.value), at))


class Exposed(Collector):
    """Families in the shape that Prometheus' encoders take."""

    def __init__(self, families: Families) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        """All families."""
        for family in self._families:
            metric = Metric(family.name, family.help, family.kind)
            metric.samples = [_sample(row) for row in family.rows]
            yield metric


def _sample(row: Row) -> Sample:
    exemplar: Any = None if row.exemplar is None else Exemplar(*row.exemplar)
    return Sample(row.name, row.labels, row.value, None, exemplar)
