"""One message for many alerts that are due at the same moment: those that fire when the past has been read."""

import hashlib
from collections.abc import Iterable, Sequence

import msgspec

from alert_sinks.texts.catalogue import Texts
from alert_sinks.texts.english import ENGLISH
from models.alert import Alert, AlertStatus, Severity

OVER = 5  # at most this many are delivered one by one
SHOWN_MAX = 100  # in a webhook's body; the rest is a number
GROUP_KEY = "caught_up"

_RANK = {Severity.CRITICAL: 0, Severity.WARNING: 1, Severity.INFO: 2}


class Digest(msgspec.Struct, frozen=True):
    """Several transitions, the worst first. `mark` is what `routing` puts before a title, `intro` names what
    begins it: a key of the texts after `intro.`.
    """

    alerts: tuple[Alert, ...]
    mark: str = ""
    intro: str = "caught_up"
    group_key: str = GROUP_KEY
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
    def digest_id(self) -> str:
        """Computed from the transitions, so that a repetition after a crash has the same."""
        names = "\n".join(sorted(alert.transition_id for alert in self.alerts))
        return f"digest:{hashlib.sha256(names.encode()).hexdigest()[:32]}"

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


def digest_of(alerts: Iterable[Alert], mark: str = "", texts: Texts = ENGLISH) -> Digest:
    """The worst first: what fires before what has ended, the severest first, and of those the oldest."""
    ordered = sorted(
        alerts,
        key=lambda alert: (
            alert.status is not AlertStatus.FIRING, _RANK[alert.severity], alert.starts_at_ms, alert.alert_key,
        ),
    )  # fmt: skip
    return Digest(tuple(ordered), mark, texts=texts)


def without(digest: Digest, delivered: Sequence[Alert]) -> Digest | None:
    """What is left of it without these, which were delivered before; None: nothing."""
    known = {alert.transition_id for alert in delivered}
    left = tuple(alert for alert in digest.alerts if alert.transition_id not in known)
    return msgspec.structs.replace(digest, alerts=left) if left else None
