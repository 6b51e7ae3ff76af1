"""One metric as the catalogue describes it, and the families and instruments that are made of the description.

A description bounds its series: a label has a closed set of values, or a largest number of them. What exceeds the bound
is added up under `_other`, so that no input makes the exposition grow.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum
from typing import Final

import msgspec
from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric

disable_created_metrics()  # type: ignore[no-untyped-call]  # a series for each counter that no query needs

OTHER: Final = "_other"
WHOLE_FLEET: Final = "; whole fleet, the same value from every worker"

Sample = tuple[Sequence[str], float]


class Kind(Enum):
    """The type of a metric, in Prometheus' word."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Of(Enum):
    """What the value is about."""

    FLEET = "fleet"  # the same from every worker: not to be summed over workers
    WORKER = "worker"
    PROCESS = "process"  # made by the Prometheus client


class Together(Enum):
    """What several processes that are seen as one worker show of a metric that each of them has."""

    SUM = "sum"
    MAX = "max"
    MIN = "min"
    ONE = "one"  # of the first process that has it: the fleet's, which all have alike


class Label(msgspec.Struct, frozen=True, kw_only=True):
    """`values` is the closed set; where there is none, there are at most `at_most` values, `_other` included.

    `setting`: the setting that bounds it instead, by default to `at_most`.
    """

    name: str
    about: str
    values: tuple[str, ...] = ()
    at_most: int = 0
    setting: str = ""

    @property
    def most(self) -> int:
        """The largest number of values."""
        return len(self.values) or self.at_most


class Described(msgspec.Struct, frozen=True, kw_only=True):
    """`name` as queries name it, of a counter with `_total`. `sets_at_most`: combinations of label values; 0: all.
    `rest` puts together what exceeds it. `together_as`: see `together`."""

    name: str
    kind: Kind
    of: Of
    unit: str
    about: str
    labels: tuple[Label, ...] = ()
    buckets: tuple[float, ...] = ()
    sets_at_most: int = 0
    rest: Callable[[float, float], float] = float.__add__
    together_as: Together | None = None

    @property
    def together(self) -> Together:
        """Of several processes, seconds are the longest, what is 0 or 1 is 1 where it is of any, and all else is added
        up, unless `together_as` differs."""
        if self.together_as is not None:
            return self.together_as
        if self.of is Of.FLEET:
            return Together.ONE
        is_largest = self.kind is Kind.GAUGE and self.unit in ("seconds", "boolean", "info")
        return Together.MAX if is_largest else Together.SUM

    @property
    def help(self) -> str:
        """As it is exported."""
        return self.about + (WHOLE_FLEET if self.of is Of.FLEET else "")

    @property
    def label_names(self) -> list[str]:
        """In the order of the samples' values."""
        return [label.name for label in self.labels]

    @property
    def most_sets(self) -> int:
        """The largest number of combinations of label values."""
        product = 1
        for label in self.labels:
            product *= label.most
        return min(product, self.sets_at_most or product)

    @property
    def most_series(self) -> int:
        """The largest number of series: a histogram has one a bucket, `+Inf`, `_count` and `_sum`."""
        return self.most_sets * (len(self.buckets) + 3 if self.kind is Kind.HISTOGRAM else 1)

    def series_names(self) -> tuple[str, ...]:
        """The names of its series."""
        if self.kind is not Kind.HISTOGRAM:
            return (self.name,)
        return tuple(self.name + ending for ending in ("_bucket", "_count", "_sum"))

    # --- families: values that are read when they are asked for

    def family(self, samples: Iterable[Sample]) -> Metric:
        """Of a counter or gauge."""
        made = CounterMetricFamily if self.kind is Kind.COUNTER else GaugeMetricFamily
        family: CounterMetricFamily | GaugeMetricFamily = made(self.name, self.help, labels=self.label_names)
        for values, number in self.bounded(list(samples)):
            family.add_metric(list(values), number)
        return family

    def value(self, number: float) -> Metric:
        """Of a counter or gauge without labels."""
        return self.family([((), number)])

    def by(self, counts: Mapping[str, float]) -> Metric:
        """Of a counter or gauge with one label."""
        return self.family(((value,), count) for value, count in sorted(counts.items()))

    def histogram_family(self, samples: Iterable[tuple[Sequence[str], Sequence[int], float]]) -> Metric:
        """Label values, how many in each bucket (not added up, the last without a bound), and their sum."""
        family = HistogramMetricFamily(self.name, self.help, labels=self.label_names)
        for values, counts, total in samples:
            cumulated, buckets = 0, []
            for bound, count in zip((*self.buckets, None), counts, strict=True):
                cumulated += count
                buckets.append(("+Inf" if bound is None else str(bound), float(cumulated)))
            family.add_metric(list(values), buckets, total)
        return family

    def bounded(self, samples: Sequence[Sample]) -> Sequence[Sample]:
        """The first samples as they are; those beyond the bound as one, its labels `_other`."""
        if len(samples) <= self.most_sets or any(label.setting for label in self.labels):
            return samples
        kept, rest = samples[: self.most_sets - 1], samples[self.most_sets - 1 :]
        together = float(rest[0][1])
        for _, number in rest[1:]:
            together = self.rest(together, float(number))
        return [*kept, ([OTHER] * len(self.labels), together)]

    # --- instruments: values that are counted where they arise

    def counter(self, registry: CollectorRegistry) -> Counter:
        """Registered."""
        return Counter(self.name, self.help, self.label_names, registry=registry)

    def histogram(self, registry: CollectorRegistry) -> Histogram:
        """Registered."""
        return Histogram(self.name, self.help, self.label_names, buckets=self.buckets, registry=registry)
