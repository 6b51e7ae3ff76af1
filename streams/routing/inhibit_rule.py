"""One alert keeps another from being notified, while it fires: Alertmanager's inhibit rules."""

from typing import Any

import msgspec

from streams.routing.labels import Labels
from streams.routing.matcher import Matcher, matches_all


class InhibitRule(msgspec.Struct, frozen=True, kw_only=True):
    """Alerts that match `source_matchers` inhibit those that match `target_matchers` and agree with them in `equal`."""

    source_matchers: tuple[Matcher, ...] = ()
    target_matchers: tuple[Matcher, ...] = ()
    equal: tuple[str, ...] = ()

    def inhibits(self, source: Labels, target: Labels) -> bool:
        """Whether a firing alert with labels `source` keeps one with labels `target` back.

        Alerts that match both sides do not inhibit each other, and so none inhibits itself. Labels that both lack are
        equal.
        """
        if not matches_all(self.target_matchers, target) or not matches_all(self.source_matchers, source):
            return False
        if any(source.get(name, "") != target.get(name, "") for name in self.equal):
            return False
        return not (self._is_source(target) and matches_all(self.target_matchers, source))

    def _is_source(self, labels: Labels) -> bool:
        return matches_all(self.source_matchers, labels)

    def equal_values(self, labels: Labels) -> tuple[str, ...]:
        """The values of `equal`: only alerts with the same ones can inhibit each other. For an index."""
        return tuple(labels.get(name, "") for name in self.equal)

    def to_dict(self) -> dict[str, Any]:
        """As the file has it."""
        return {
            "source_matchers": [str(each) for each in self.source_matchers],
            "target_matchers": [str(each) for each in self.target_matchers],
            "equal": list(self.equal),
        }
