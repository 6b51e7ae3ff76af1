"""Which firing alerts inhibit which others, kept by rule and by the values of the rule's `equal` labels."""

from collections.abc import Iterator

from streams.routing.inhibit_rule import InhibitRule
from streams.routing.labels import Labels
from streams.routing.matcher import matches_all

_Place = tuple[int, tuple[str, ...]]  # a rule and values


class _Roles:
    """Of one alert: where it is a source, where a target, and the rules in which it is both."""

    __slots__ = ("both", "sources", "targets")

    def __init__(self, rules: tuple[InhibitRule, ...], labels: Labels) -> None:
        places = [(index, rule.equal_values(labels)) for index, rule in enumerate(rules)]
        self.sources = [place for place in places if matches_all(rules[place[0]].source_matchers, labels)]
        self.targets = [place for place in places if matches_all(rules[place[0]].target_matchers, labels)]
        self.both = {place[0] for place in self.sources if place in self.targets}


class Inhibition:
    """Two alerts that are both source and target of a rule do not inhibit each other, and so none inhibits itself."""

    __slots__ = ("_firing", "_roles", "_rules", "_sources", "_targets")

    def __init__(self, rules: tuple[InhibitRule, ...]) -> None:
        self._rules = rules
        self._roles: dict[str, _Roles] = {}
        self._firing: set[str] = set()
        self._sources: dict[_Place, dict[str, bool]] = {}  # firing ones; whether it is a target as well
        self._targets: dict[_Place, dict[str, None]] = {}

    def put(self, key: str, labels: Labels) -> None:
        """Add an alert that does not fire yet, or whose labels have changed."""
        self.remove(key)
        roles = self._roles[key] = _Roles(self._rules, labels)
        for place in roles.targets:
            self._targets.setdefault(place, {})[key] = None

    def remove(self, key: str) -> None:
        """Forget an alert."""
        self.stop(key)
        roles = self._roles.pop(key, None)
        for place in roles.targets if roles else ():
            _discard(self._targets, place, key)

    def fire(self, key: str) -> None:
        """It fires: it inhibits."""
        if key in self._firing:
            return
        self._firing.add(key)
        roles = self._roles[key]
        for place in roles.sources:
            self._sources.setdefault(place, {})[key] = place[0] in roles.both

    def stop(self, key: str) -> list[str]:
        """It does not fire: the alerts that it may have inhibited."""
        if key not in self._firing:
            return []
        self._firing.discard(key)
        for place in self._roles[key].sources:
            _discard(self._sources, place, key)
        return sorted({target for place in self._roles[key].sources for target in self._targets.get(place, ())})

    def of(self, key: str) -> Iterator[str]:
        """The alerts that inhibit it, of one rule after the other."""
        roles = self._roles[key]
        for place in roles.targets:
            is_both = place[0] in roles.both
            for source, is_target in self._sources.get(place, {}).items():
                if source != key and not (is_both and is_target):
                    yield source


def _discard(places: dict[_Place, dict[str, bool]] | dict[_Place, dict[str, None]], place: _Place, key: str) -> None:
    keys = places.get(place)
    if keys is not None:
        keys.pop(key, None)
        if not keys:
            del places[place]
