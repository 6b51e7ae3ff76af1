"""Matchers from text, as Alertmanager 0.25 reads them in its files and in amtool."""

import re

from streams.routing.matcher import Matcher, MatcherError, MatchOperator, matcher

LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*", re.ASCII)
# `=~` stands before `=`, or the `~` would begin the value. A colon in a name is read, as Alertmanager does.
_MATCHER = re.compile(r"\s*([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(=~|=|!=|!~)\s*(.*?)\s*", re.ASCII | re.DOTALL)
_ESCAPES = {"n": "\n", '"': '"', "\\": "\\"}


def parse_matchers(text: str) -> tuple[Matcher, ...]:
    """`severity="critical"`, or several with commas between, with or without `{}` around. Raises MatcherError.

    A comma inside double quotes does not separate; one at the end is ignored.
    """
    return tuple(parse_matcher(part) for part in _parts(text.removeprefix("{").removesuffix("}")))


def _parts(text: str) -> list[str]:
    parts, part, is_quoted, is_escaped = [], "", False, False
    for character in text:
        if character == "," and not is_quoted:
            parts.append(part)
            part = ""
            continue
        if character == '"' and not is_escaped:
            is_quoted = not is_quoted
        is_escaped = character == "\\" and not is_escaped
        part += character
    return [*parts, part] if part.strip() else parts


def parse_matcher(text: str) -> Matcher:
    """One matcher: a label name, an operator, a value with or without double quotes. Raises MatcherError.

    In a value `\\"`, `\\n` and `\\\\` are escapes; before anything else a backslash is itself.
    """
    found = _MATCHER.fullmatch(text)
    if not found:
        raise MatcherError(f"`{text[:80]}` is no matcher; write a label, one of = != =~ !~, and a value.")
    name, operator, value = found.groups()
    return matcher(name, MatchOperator(operator), _value(value))


def _value(raw: str) -> str:
    inner, is_quoted = raw.removeprefix('"'), raw.startswith('"')
    value, is_escaped, is_closed = [], False, False
    for position, character in enumerate(inner, 1):
        is_last = position == len(inner)
        if is_escaped:
            value.append(_ESCAPES.get(character, f"\\{character}"))
            is_escaped = False
        elif character == "\\" and not is_last:
            is_escaped = True
        elif character == '"':
            if not is_quoted or not is_last:
                raise MatcherError(f'`{raw[:80]}` has a double quote inside; write it as \\".')
            is_closed = True
        else:
            value.append(character)
    if is_quoted and not is_closed:
        raise MatcherError(f"`{raw[:80]}` has no closing double quote; add it.")
    return "".join(value)
