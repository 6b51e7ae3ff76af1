"""Finds alerts by matchers and silences by labels without comparing each with each."""

import re
from collections.abc import Iterable, Iterator

from streams.routing.labels import Labels
from streams.routing.matcher import Matcher, MatchOperator, matches_all, prefix_of

_Pair = tuple[str, str]
_ALTERNATIVES = re.compile(r"[\w-]+(?:\|[\w-]+)*", re.ASCII)  # a regex that is a list of plain words
_ALTERNATIVES_MAX = 50


def pairs_of(one: Matcher) -> list[_Pair]:
    """The labels one of which an alert must have for this matcher to fit; empty: unknown."""
    if one.operator is MatchOperator.EQUAL and one.value:
        return [(one.name, one.value)]
    if one.operator is MatchOperator.REGEX and _ALTERNATIVES.fullmatch(one.value):
        words = one.value.split("|")
        return [(one.name, word) for word in words] if len(words) <= _ALTERNATIVES_MAX else []
    return []


class AlertIndex:
    """Keys of alerts by their labels."""

    __slots__ = ("_by_pair", "_labels")

    def __init__(self) -> None:
        self._labels: dict[str, Labels] = {}
        self._by_pair: dict[_Pair, dict[str, None]] = {}

    def put(self, key: str, labels: Labels) -> None:
        """Add an alert, or change its labels."""
        self.remove(key)
        self._labels[key] = labels
        for pair in labels.items():
            self._by_pair.setdefault(pair, {})[key] = None

    def remove(self, key: str) -> None:
        """Forget an alert."""
        for pair in self._labels.pop(key, {}).items():
            keys = self._by_pair[pair]
            del keys[key]
            if not keys:
                del self._by_pair[pair]

    def matching(self, matchers: Iterable[Matcher]) -> list[str]:
        """The alerts that all matchers fit, sorted. Costs as much as the rarest label that a matcher names; where none
        names one, all alerts are looked at, and compared if they begin as a regex does."""
        wanted = tuple(matchers)
        found = (self._with_any(pairs) for one in wanted if (pairs := pairs_of(one)))
        candidates = min(found, key=len, default=None)
        keys = self._with_prefixes(wanted) if candidates is None else candidates
        return sorted(key for key in keys if matches_all(wanted, self._labels[key]))

    def _with_prefixes(self, wanted: Iterable[Matcher]) -> Iterable[str]:
        for one in wanted:
            prefix = prefix_of(one.value) if one.operator is MatchOperator.REGEX else ""
            if prefix:
                return [key for key, labels in self._labels.items() if labels.get(one.name, "").startswith(prefix)]
        return self._labels

    def _with_any(self, pairs: list[_Pair]) -> dict[str, None]:
        if len(pairs) == 1:
            return self._by_pair.get(pairs[0], {})
        return {key: None for pair in pairs for key in self._by_pair.get(pair, ())}


class SilenceIndex:
    """Silences, each under the label values of its most selective matcher."""

    __slots__ = ("_by_pair", "_others", "_pairs")

    def __init__(self) -> None:
        self._by_pair: dict[_Pair, dict[str, None]] = {}
        self._pairs: dict[str, list[_Pair]] = {}
        self._others: dict[str, None] = {}  # without such a matcher: candidates for every alert

    def put(self, silence_id: str, matchers: Iterable[Matcher]) -> None:
        """Add a silence, or change its matchers."""
        self.remove(silence_id)
        choices = [pairs for one in matchers if (pairs := pairs_of(one))]
        pairs = min(choices, key=lambda each: max(len(self._by_pair.get(pair, ())) for pair in each), default=[])
        self._pairs[silence_id] = pairs
        for pair in pairs:
            self._by_pair.setdefault(pair, {})[silence_id] = None
        if not pairs:
            self._others[silence_id] = None

    def remove(self, silence_id: str) -> None:
        """Forget a silence."""
        self._others.pop(silence_id, None)
        for pair in self._pairs.pop(silence_id, ()):
            ids = self._by_pair[pair]
            ids.pop(silence_id, None)
            if not ids:
                del self._by_pair[pair]

    def candidates(self, labels: Labels) -> Iterator[str]:
        """Silences that may match; all others do not."""
        yield from self._others
        for pair in labels.items():
            yield from self._by_pair.get(pair, ())
