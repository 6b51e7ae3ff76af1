"""Scripts for the dispatcher: inputs at times, and between them what is expected, one line each.

0:00 p1 fires warning             an input: `_VERBS` lists them; times count from Monday 2026-03-02 00:00 UTC
0:30 < team first_notification p1 p2! -p3 (kim) [mark] "note"     a notification: `!` critical, `-` resolved
0:30 ! team p2 silenced by s1 until 2:00                          why a receiver is not notified
0:40 x already_resolved                                           an act was refused
4:00 end                          time passes until here
"""

import re
from collections.abc import Callable

from msgspec import structs

from models.alert import FINDINGS_ROSE, Alert, AlertStatus, Severity
from streams.dispatch.config import DispatchConfig
from streams.dispatch.decide import decide
from streams.dispatch.inputs import (
    Acknowledge,
    AnyInput,
    CaughtUp,
    ExpireSilence,
    RemoveOverride,
    Resolve,
    SetOverride,
    SetSilence,
    Tick,
    Transition,
    Unacknowledge,
)
from streams.dispatch.outputs import Decision, Explanation, Notification
from streams.dispatch.state import State
from streams.routing.matcher_parsing import parse_matchers

START_MS = 1_772_409_600_000  # Monday 2026-03-02 00:00 UTC
SECOND_MS, MINUTE_MS, HOUR_MS = 1_000, 60_000, 3_600_000


def at(clock: str) -> int:
    """Epoch milliseconds of `1:30` or `1:30:05`."""
    hours, minutes, seconds = (*map(int, clock.split(":")), 0)[:3]
    return START_MS + hours * HOUR_MS + minutes * MINUTE_MS + seconds * SECOND_MS


def clock(at_ms: int) -> str:
    """The reverse of `at`."""
    minutes, seconds = divmod((at_ms - START_MS) // SECOND_MS, 60)
    return f"{minutes // 60}:{minutes % 60:02}" + (f":{seconds:02}" if seconds else "")


def alert(
    project: str,
    status: AlertStatus = AlertStatus.FIRING,
    severity: Severity = Severity.WARNING,
    number: int = 1,
    at_ms: int = START_MS,
    rule: str = "rate",
    value: float | None = None,
    labels: dict[str, str] | None = None,
    reason: str = "threshold_crossed",
) -> Alert:
    """A transition of the core: the `number`th firing of a rule for a project."""
    return Alert(
        alert_key=f"{rule}:{project}",
        alert_id=f"{rule}:{project}#{number}",
        rule_id=rule,
        alert_type=rule.upper(),
        severity=severity,
        status=status,
        project_id=project,
        title=f"{rule} of {project}",
        description="",
        value=value,
        threshold=1.0,
        window_minutes=None if rule == "gaps" else 15,
        sample_size=100,
        starts_at_ms=at_ms,
        ends_at_ms=at_ms if status is AlertStatus.RESOLVED else None,
        updated_at_ms=at_ms,
        reason=reason,
        labels=labels or {},
    )


class Stage:
    """Plays scripts. Names of alerts are projects, or `rule/project`."""

    def __init__(self, config: DispatchConfig) -> None:
        self.config, self.state = config, State()
        self.numbers: dict[str, int] = {}
        self.severities: dict[str, Severity] = {}

    def play(self, script: str) -> str:
        """The script as it really went."""
        lines = []
        for raw in script.strip().splitlines():
            line = " ".join(raw.split())
            when, _, text = line.partition(" ")
            if not text or text[0] in "<!x":
                continue
            lines += self._give(Tick(), at(when))
            lines += [line, *([] if text == "end" else self._give(self.input(text, at(when)), at(when)))]
        return "\n".join(lines)

    def _give(self, given: AnyInput, at_ms: int) -> list[str]:
        decision = self.decided(given, at_ms)
        refused = [f"{clock(at_ms)} x {decision.refusal.value}"] if decision.refusal else []
        return refused + written(decision)

    def decided(self, given: AnyInput, at_ms: int) -> Decision:
        """What one input leads to."""
        return decide(self.config, self.state, given, at_ms)

    def input(self, text: str, at_ms: int) -> AnyInput:
        """An input from its line."""
        name, verb, *words = text.split()
        return _VERBS[verb](self, name, words, at_ms)

    def transition(self, name: str, words: list[str], at_ms: int, status: AlertStatus) -> Transition:
        """`p1 fires critical team=video value=3 behind=7`."""
        rule, _, project = name.rpartition("/")
        if words and words[0] in {"critical", "warning", "info"}:
            self.severities[name] = Severity(words.pop(0))
        options = dict(word.split("=", 1) for word in words)
        behind, value = options.pop("behind", ""), options.pop("value", None)
        found = alert(
            project,
            status,
            self.severities.get(name, Severity.WARNING),
            self.numbers.setdefault(name, 1),
            at_ms,
            rule or "rate",
            float(value) if value else None,
            options,
        )
        return Transition(alert=found, behind=behind)

    def grows(self, name: str, words: list[str], at_ms: int) -> Transition:
        """The same firing with more findings."""
        found = self.transition(name, words, at_ms, AlertStatus.FIRING)
        return structs.replace(found, alert=structs.replace(found.alert, reason=FINDINGS_ROSE))

    def anew(self, name: str, words: list[str], at_ms: int, status: AlertStatus) -> Transition:
        """The next firing."""
        self.numbers[name] = self.numbers.get(name, 0) + 1
        return self.transition(name, words, at_ms, status)


def key(name: str) -> str:
    rule, _, project = name.rpartition("/")
    return f"{rule or 'rate'}:{project}"


def _silence(_: Stage, name: str, words: list[str], at_ms: int) -> SetSilence:
    """`s1 silences project_id=p1 until 2:00 from 1:00 in nights`."""
    options = dict(zip(words[1::2], words[2::2], strict=True))
    return SetSilence(
        silence_id=name,
        matchers=parse_matchers(words[0]),
        starts_at_ms=at(options["from"]) if "from" in options else at_ms,
        ends_at_ms=at(options["until"]),
        by="ann",
        time_intervals=(options["in"],) if "in" in options else (),
    )


def _acknowledge(_: Stage, name: str, words: list[str], __: int) -> Acknowledge:
    """`p1 acknowledged ann until 2:00`."""
    return Acknowledge(alert_key=key(name), by=words[0], until_ms=at(words[2]) if len(words) > 1 else 0)


def _override(_: Stage, name: str, words: list[str], __: int) -> SetOverride:
    """`o1 overrides primary lee 1:00 2:00`."""
    schedule, person, since, until = words
    return SetOverride(
        override_id=name, schedule=schedule, person=person, since_ms=at(since), until_ms=at(until), by="ann"
    )


_VERBS: dict[str, Callable[[Stage, str, list[str], int], AnyInput]] = {
    "pends": lambda stage, name, words, at_ms: stage.anew(name, words, at_ms, AlertStatus.PENDING),
    "fires": lambda stage, name, words, at_ms: stage.transition(name, words, at_ms, AlertStatus.FIRING),
    "grows": lambda stage, name, words, at_ms: stage.grows(name, words, at_ms),
    "anew": lambda stage, name, words, at_ms: stage.anew(name, words, at_ms, AlertStatus.FIRING),
    "ends": lambda stage, name, words, at_ms: stage.transition(name, words, at_ms, AlertStatus.RESOLVED),
    "acknowledged": _acknowledge,
    "unacknowledged": lambda _, name, words, __: Unacknowledge(alert_key=key(name), by=words[0]),
    "resolved": lambda _, name, words, __: Resolve(alert_key=key(name), by=words[0]),
    "silences": _silence,
    "expires": lambda _, name, __, ___: ExpireSilence(silence_id=name),
    "overrides": _override,
    "removed": lambda _, name, __, ___: RemoveOverride(override_id=name),
    "caught-up": lambda _, name, __, ___: CaughtUp(origins=(name,)),
}


def name_of(alert_key: str) -> str:
    rule, _, project = alert_key.partition(":")
    return project if rule == "rate" else f"{rule}/{project}"


def written(decision: Decision) -> list[str]:
    """Its lines, by time; of one time notifications first."""
    lines = [(one.at_ms, 0, _notification(one)) for one in decision.notifications]
    lines += [(one.at_ms, 1, _explanation(one)) for one in decision.explanations]
    return [f"{clock(at_ms)} {line}" for at_ms, _, line in sorted(lines, key=lambda one: one[:2])]


def _notification(one: Notification) -> str:
    names = [
        f"{'-' if each.status is AlertStatus.RESOLVED else ''}{name_of(each.alert_key)}"
        f"{'!' if each.severity is Severity.CRITICAL else ''}"
        for each in one.alerts
    ]
    extra = [f"({one.person})"] * bool(one.person) + [one.mark] * bool(one.mark) + [f'"{one.note}"'] * bool(one.note)
    return " ".join(["<", one.receiver, one.reason.value, *names, *extra])


def _explanation(one: Explanation) -> str:
    until = f" {clock(one.until_ms)}" if one.until_ms else ""
    word = "" if not until or one.reason.value.endswith("until") else " until"
    return f"! {one.receiver} {name_of(one.alert_key)} {one.text}{word}{until}"


def normal(script: str) -> str:
    """With single blanks, as `Stage.play` writes it."""
    return "\n".join(" ".join(line.split()) for line in script.strip().splitlines() if re.search(r"\S", line))
