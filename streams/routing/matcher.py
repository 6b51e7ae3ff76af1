"""A condition on one label, with Alertmanager's meaning: regexes are anchored, and a missing label is empty.

Regexes are RE2, the syntax of Alertmanager: matching takes time linear in the label, whatever a person wrote.
"""

import re
from collections.abc import Iterable
from enum import Enum
from functools import lru_cache
from typing import Final

import msgspec
import re2

from streams.routing.labels import Labels

MAX_PATTERN = 2000  # characters
_MAX_PROGRAM_BYTES = 1 << 20  # of one compiled regex; a larger one does not compile
_KEPT = 5000  # compiled regexes: those of 2 000 silences and the routes


class MatcherError(ValueError):
    """A matcher that cannot be used; one sentence says why and what to write."""


class MatchOperator(Enum):
    """How a matcher compares."""

    EQUAL = "="
    NOT_EQUAL = "!="
    REGEX = "=~"
    NOT_REGEX = "!~"


class Matcher(msgspec.Struct, frozen=True):
    """One condition. Make it with `matcher`, which refuses what cannot match."""

    name: str
    value: str
    operator: MatchOperator = MatchOperator.EQUAL

    def matches(self, labels: Labels) -> bool:
        """Whether the label fits."""
        found = labels.get(self.name, "")
        match self.operator:
            case MatchOperator.EQUAL:
                return found == self.value
            case MatchOperator.NOT_EQUAL:
                return found != self.value
            case MatchOperator.REGEX:
                return _fits(self.value, found)
            case MatchOperator.NOT_REGEX:
                return not _fits(self.value, found)

    def __str__(self) -> str:
        escaped = self.value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'{self.name}{self.operator.value}"{escaped}"'


def matcher(name: str, operator: MatchOperator, value: str) -> Matcher:
    """A matcher whose regex compiles. Raises MatcherError."""
    try:
        value.encode()
    except UnicodeEncodeError:
        raise MatcherError(f"The value of `{name}` holds half a surrogate pair, which is no text; remove it.") from None
    if operator in (MatchOperator.REGEX, MatchOperator.NOT_REGEX):
        _check_pattern(value)
    return Matcher(name, value, operator)


def matches_all(matchers: Iterable[Matcher], labels: Labels) -> bool:
    """Whether every matcher fits; none fits everything."""
    return all(each.matches(labels) for each in matchers)


def written(matchers: Iterable[Matcher]) -> str:
    """As Alertmanager writes them: `{a="b",c=~"d|e"}`, sorted."""
    ordered = sorted(matchers, key=lambda each: (each.name, each.value, each.operator.value))
    return "{" + ",".join(map(str, ordered)) + "}"


def _check_pattern(pattern: str) -> None:
    if len(pattern) > MAX_PATTERN:
        raise MatcherError(f"The regex has more than {MAX_PATTERN} characters; split it into several routes.")
    if r"\C" in pattern.replace(r"\\", ""):
        raise MatcherError(r"The regex contains `\C`, half a character; write `.`.")
    try:
        _compiled(pattern)
    except re2.error as error:
        why = _said(error)
        raise MatcherError(f"The regex `{pattern[:80]}` is not valid RE2 ({why}); correct it.") from None


def _said(error: Exception) -> str:
    found = error.args[0] if error.args else ""
    return str(found.decode("utf-8", "replace") if isinstance(found, bytes) else found).partition(": ^(?:")[0]


def _options() -> re2.Options:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MAX_PROGRAM_BYTES
    options.never_capture = True
    return options


_OPTIONS: Final = _options()


@lru_cache(maxsize=_KEPT)
def _compiled(pattern: str) -> re2._Regexp:
    return re2.compile(f"^(?:{pattern})$", _OPTIONS)


_PLAIN = re.compile(r"[\w-]*", re.ASCII)


@lru_cache(maxsize=_KEPT)
def prefix_of(pattern: str) -> str:
    """What every label that the regex fits begins with: the plain characters before the first special one."""
    if "|" in pattern:
        return ""
    plain = _PLAIN.match(pattern)
    end = plain.end() if plain else 0
    return pattern[: end - 1 if pattern[end : end + 1] in ("*", "?", "{") else end]


def _fits(pattern: str, label: str) -> bool:
    return label.startswith(prefix_of(pattern)) and _compiled(pattern).search(label) is not None
