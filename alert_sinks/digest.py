"""One message for many alerts."""

import msgspec

from alert_sinks.texts.catalogue import Texts
from alert_sinks.texts.english import ENGLISH
from models.alert import Alert, AlertStatus

SHOWN_MAX = 100  # in a webhook's body; the rest is a number


class Digest(msgspec.Struct, frozen=True):
    """Several transitions, the worst first. `mark` stands before the title, `intro` names what begins it: a key of the
    texts after `intro.`.
    """

    alerts: tuple[Alert, ...]
    mark: str = ""
    intro: str = "alerts"
    group_key: str = ""
    more_firing: int = 0  # alerts that are counted, and not among them
    more_resolved: int = 0
    texts: Texts = ENGLISH

    @property
    def worst(self) -> Alert:
        """What stands for all."""
        return self.alerts[0]

    @property
    def shown(self) -> tuple[Alert, ...]:
        """As many as a message holds."""
        return self.alerts[:SHOWN_MAX]

    @property
    def truncated(self) -> int:
        """How many are left out of `shown`."""
        return self.total - len(self.shown)

    @property
    def total(self) -> int:
        """How many there are."""
        return len(self.alerts) + self.more_firing + self.more_resolved

    @property
    def title(self) -> str:
        """What has happened, in one line."""
        on = sum(alert.status is AlertStatus.FIRING for alert in self.alerts) + self.more_firing
        ended = self.total - on
        counts = ", ".join(self._counted(key, count) for key, count in (("on", on), ("ended", ended)) if count)
        intro = "escalated" if on and any(alert.escalation_level for alert in self.alerts) else self.intro
        said = self.texts.say("digest", intro=self.texts.say(f"intro.{intro}"), counts=counts)
        return f"{self.mark} {said}".strip()

    def _counted(self, key: str, count: int) -> str:
        return self.texts.say(f"digest.{key}.{'one' if count == 1 else 'many'}", count=count)
