"""The notation for a project's events: `created x 95 / failed x 5 every 2s / wait 10m`.

Steps are separated by `/` and happen one after another. What cannot be read is refused with the step and the mend.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec

from models.event import EventType

MAX_EVENTS: Final = 100_000  # of one test
_TOKEN = re.compile(r"[()/]|[^\s()/]+")
_UNITS_MS: Final = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhd])")
_KINDS: Final = {kind.value.removeprefix("episode.").removeprefix("creation_"): kind.value for kind in EventType}
_WORDS: Final = "a number, x COUNT, to NUMBER, took DURATION, conflicted, retries COUNT, late DURATION, every DURATION"


class BadNotation(ValueError):
    """A step that cannot be read; the message is a sentence."""


class Planned(msgspec.Struct, frozen=True):
    """One event: written `at_ms` after the start of the test, with its fields but for event time and identity.

    `late_ms`: how long before that it happened.
    """

    at_ms: int
    late_ms: int
    fields: dict[str, Any]


class _Step(msgspec.Struct):
    """One kind of event, some times."""

    kind: str
    count: int = 1
    number: int | None = None
    to_number: int | None = None
    every_ms: int | None = None
    late_ms: int = 0
    fields: dict[str, Any] = {}


def duration_ms(text: str) -> int:
    """`90s`, `1h30m`, `500ms`; a bare number is seconds. Raises BadNotation."""
    if re.fullmatch(r"\d+(\.\d+)?", text):
        text += "s"
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise BadNotation(f"`{text}` is no duration; write it like 90s, 5m, 1h30m or 500ms.")
    return sum(round(float(number) * _UNITS_MS[unit]) for number, unit in parts)


def plan(project_id: str, text: str, interval_ms: int) -> list[Planned]:
    """The events of a project. Each event takes `interval_ms` until the next unless its step says otherwise. Raises
    BadNotation."""
    series = _Series(project_id, interval_ms)
    reader = _Reader(text)
    for do in reader.steps():
        do(series)
    if reader.next is not None:
        raise BadNotation(f"`{reader.next}` closes a bracket that is not open; remove it.")
    return series.events


class _Series:
    """What has happened in a project so far, by its own account."""

    def __init__(self, project_id: str, interval_ms: int) -> None:
        self.events: list[Planned] = []
        self._project_id, self._interval_ms = project_id, interval_ms
        self._at_ms = self._episodes = 0
        self._next_number = 1
        self._holders: dict[int, str] = {}  # number -> the episode that got it last

    def wait(self, ms: int) -> None:
        """Nothing happens for so long."""
        self._at_ms += ms

    def skip(self, count: int) -> None:
        """Numbers that no episode gets."""
        self._next_number += count

    def do(self, step: _Step) -> None:
        """All events of a step."""
        for done in range(step.count):
            fields = {"type": _KINDS[step.kind], "project_id": self._project_id, **step.fields}
            fields |= self._numbers(step, done)
            if len(self.events) >= MAX_EVENTS:
                raise BadNotation(f"There are more than {MAX_EVENTS} events; make the test smaller.")
            self.events.append(Planned(self._at_ms, step.late_ms, fields))
            self._at_ms += self._interval_ms if step.every_ms is None else step.every_ms

    def _numbers(self, step: _Step, done: int) -> dict[str, Any]:
        if step.kind == "created":
            number = self._next_number if step.number is None else step.number + done
            self._next_number = number + 1
            self._episodes += 1
            self._holders[number] = f"{self._project_id}-episode-{self._episodes}"
            return {"episode_id": self._holders[number], "episode_number": number}
        if step.kind not in ("renumbered", "deleted"):
            return {}
        if step.number is None or (step.kind == "renumbered") != (step.to_number is not None):
            raise BadNotation("Write `deleted 3`, and `renumbered 3 to 5`: the number says which episode it is.")
        number = step.number + done
        if number not in self._holders:
            raise BadNotation(f"No episode has the number {number} at this step; create it before.")
        episode = {"episode_id": self._holders.pop(number)}
        if step.to_number is None:
            return episode
        self._holders[step.to_number + done] = episode["episode_id"]
        return {**episode, "old_number": number, "episode_number": step.to_number + done}


_Do = Callable[[_Series], None]


class _Reader:
    """Reads steps from left to right."""

    def __init__(self, text: str) -> None:
        self._tokens: Iterator[str] = iter(_TOKEN.findall(re.sub(r"\bx(\d)", r"x \1", text)))
        self.next: str | None = next(self._tokens, None)

    def steps(self) -> list[_Do]:
        """Up to the end or a closing bracket."""
        found = [self._step()]
        while self.next == "/":
            self._take()
            found.append(self._step())
        return found

    def _take(self) -> str:
        taken, self.next = self.next, next(self._tokens, None)
        return taken or ""

    def _step(self) -> _Do:
        word = self._take()
        if word == "(":
            return self._group()
        if word == "wait":
            ms = self._duration(word)
            return lambda series: series.wait(ms)
        if word == "skip":
            count = self._count(word)
            return lambda series: series.skip(count)
        if word not in _KINDS:
            what = f"`{word}`" if word else "An empty step"
            raise BadNotation(
                f"{what} is no step; it begins with one of {', '.join([*_KINDS, 'wait', 'skip'])} or `(`."
            )
        step = _Step(word)
        while self.next is not None and self.next not in ("/", ")"):
            self._modify(step, self._take())
        return lambda series: series.do(step)

    def _group(self) -> _Do:
        inside = self.steps()
        if self._take() != ")":
            raise BadNotation("A bracket is not closed; add `)`.")
        times = 1
        if self.next == "x":
            times = self._count(self._take())

        def repeat(series: _Series) -> None:
            for _ in range(times):
                for do in inside:
                    do(series)

        return repeat

    def _modify(self, step: _Step, word: str) -> None:
        match word:
            case "x":
                step.count = self._count(word)
            case "to":
                step.to_number = self._count(word)
            case "took":
                step.fields = {**step.fields, "duration_seconds": self._duration(word) / 1000}
            case "conflicted":
                step.fields = {**step.fields, "had_conflict": True}
            case "retries":
                step.fields = {**step.fields, "retry_count": self._count(word)}
            case "late":
                step.late_ms = self._duration(word)
            case "every":
                step.every_ms = self._duration(word)
            case _ if word.isdecimal():
                step.number = int(word)
            case _:
                raise BadNotation(f"`{word}` after `{step.kind}` is not known; there are {_WORDS}.")

    def _count(self, after: str) -> int:
        word = self._take()
        if not re.fullmatch(r"[0-9]{1,10}", word):
            raise BadNotation(f"`{after}` needs a whole number behind it, not `{word}`.")
        return int(word)

    def _duration(self, after: str) -> int:
        word = self._take()
        if not word:
            raise BadNotation(f"`{after}` needs a duration behind it, such as {after} 5m.")
        return duration_ms(word)
