"""Which firing alerts inhibit which others, kept by rule and by the values of the rule's `equal` labels."""

from collections.abc import Iterator

from streams.routing.inhibit_rule import InhibitRule
from streams.routing.labels import Labels
from streams.routing.matcher import matches_all

_Place = tuple[int, tuple[str, ...]]  # a rule and values


class Inhibition:
    """Two alerts that are both source and target of a rule do not inhibit each other, and so none inhibits itself."""

    __slots__ = ("_firing", "_rules", "_sources", "_sources_of", "_targets", "_targets_of")

    def __init__(self, rules: tuple[InhibitRule, ...]) -> None:
        self._rules = rules
        self._sources_of: dict[str, set[_Place]] = {}  # alert -> where it inhibits while it fires
        self._targets_of: dict[str, set[_Place]] = {}  # alert -> where it is inhibited
        self._firing: set[str] = set()
        self._sources: dict[_Place, set[str]] = {}  # firing ones
        self._targets: dict[_Place, set[str]] = {}

    def put(self, key: str, labels: Labels) -> list[str]:
        """Add an alert that does not fire yet, or whose labels have changed; what it may have inhibited until now."""
        freed = self.remove(key)
        places = [(index, rule.equal_values(labels)) for index, rule in enumerate(self._rules)]
        self._sources_of[key] = {one for one in places if matches_all(self._rules[one[0]].source_matchers, labels)}
        self._targets_of[key] = {one for one in places if matches_all(self._rules[one[0]].target_matchers, labels)}
        for place in self._targets_of[key]:
            self._targets.setdefault(place, set()).add(key)
        return freed

    def remove(self, key: str) -> list[str]:
        """Forget an alert; what it may have inhibited."""
        freed = self.stop(key)
        self._sources_of.pop(key, None)
        for place in self._targets_of.pop(key, ()):
            _discard(self._targets, place, key)
        return freed

    def fire(self, key: str) -> None:
        """It fires: it inhibits."""
        if key not in self._firing:
            self._firing.add(key)
            for place in self._sources_of[key]:
                self._sources.setdefault(place, set()).add(key)

    def stop(self, key: str) -> list[str]:
        """It does not fire: the alerts that it may have inhibited, sorted."""
        if key not in self._firing:
            return []
        self._firing.discard(key)
        for place in self._sources_of[key]:
            _discard(self._sources, place, key)
        return sorted({target for place in self._sources_of[key] for target in self._targets.get(place, ())} - {key})

    def of(self, key: str) -> Iterator[str]:
        """The alerts that inhibit it."""
        for place in self._targets_of[key]:
            is_source = place in self._sources_of[key]
            for source in self._sources.get(place, ()):
                if not (is_source and place in self._targets_of[source]):
                    yield source


def _discard(places: dict[_Place, set[str]], place: _Place, key: str) -> None:
    places[place].discard(key)
    if not places[place]:
        del places[place]
