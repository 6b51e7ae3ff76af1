"""Matchers have Alertmanager's meaning, whatever form they were written in."""

import pytest
import re2
from hypothesis import given
from hypothesis import strategies as st

from models.alert import Alert, AlertStatus, Severity
from streams.routing.labels import labels_of
from streams.routing.matcher import Matcher, MatcherError, MatchOperator, matcher, matches_all, prefix_of, written
from streams.routing.matcher_parsing import parse_matcher, parse_matchers
from testbed.properties import examples

EQUAL, NOT_EQUAL, REGEX, NOT_REGEX = MatchOperator


@pytest.mark.parametrize(
    ("text", "labels", "fits"),
    [
        ('severity="critical"', {"severity": "critical"}, True),
        ('severity="critical"', {"severity": "Critical"}, False),
        ('severity="critical"', {}, False),
        ('severity=""', {}, True),
        ('severity!=""', {}, False),
        ('severity!="critical"', {}, True),
        ('project_id=~"drama"', {"project_id": "drama_42"}, False),
        ('project_id=~"drama.*"', {"project_id": "drama_42"}, True),
        ('project_id=~"a|b"', {"project_id": "b"}, True),
        ('project_id=~"a|b"', {"project_id": "ab"}, False),
        ('project_id=~".*"', {}, True),
        ('project_id=~".+"', {}, False),
        ('project_id!~".+"', {}, True),
        ('project_id!~"a"', {"project_id": "a"}, False),
        ('project_id=~"a.b"', {"project_id": "a\nb"}, False),
        ('project_id=~"a"', {"project_id": "a\n"}, False),
        ('project_id=~"(?i)드라마|DRAMA"', {"project_id": "drama"}, True),
        ('project_id=~"드라."', {"project_id": "드라마"}, True),
    ],
)
def test_a_matcher_is_anchored_and_a_missing_label_is_empty(text: str, labels: dict[str, str], fits: bool) -> None:
    assert parse_matcher(text).matches(labels) is fits


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a=b", [("a", EQUAL, "b")]),
        (' a = "b c" ', [("a", EQUAL, "b c")]),
        ("a=~b|c", [("a", REGEX, "b|c")]),
        ("a!~b", [("a", NOT_REGEX, "b")]),
        ("a!=", [("a", NOT_EQUAL, "")]),
        ('{a="b", c=~"d|e"}', [("a", EQUAL, "b"), ("c", REGEX, "d|e")]),
        ('a="b",c="d",', [("a", EQUAL, "b"), ("c", EQUAL, "d")]),
        ('a="b,c",d=e', [("a", EQUAL, "b,c"), ("d", EQUAL, "e")]),
        (r'a="she said \"hi, you\""', [("a", EQUAL, 'she said "hi, you"')]),
        (r'a="one\ntwo\\three\four"', [("a", EQUAL, "one\ntwo\\three\\four")]),
        ("a=b\\", [("a", EQUAL, "b\\")]),
        ("a==b", [("a", EQUAL, "=b")]),
        ("{}", []),
        ("", []),
    ],
)
def test_a_text_is_read_as_alertmanager_reads_it(text: str, expected: list[tuple[str, MatchOperator, str]]) -> None:
    assert [(each.name, each.operator, each.value) for each in parse_matchers(text)] == expected


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("severity", "is no matcher"),
        ("1a=b", "is no matcher"),
        ("a-b=c", "is no matcher"),
        (",a=b", "is no matcher"),
        ('a="b', "no closing double quote"),
        ('a=b"c', "double quote inside"),
        ('a="b"c"', "double quote inside"),
        ('a=~"("', "not valid RE2"),
        ('a=~"(?=b)"', "not valid RE2"),
        (r'a=~"(b)\\1"', "not valid RE2"),
        (r'a=~"\\C"', "half a character"),
        (f'a=~"{"x" * 2001}"', "more than 2000 characters"),
        ('a=~"((x{1000}){30}){30}"', "not valid RE2"),
        ("a=\ud800", "surrogate"),
    ],
)
def test_a_text_that_is_no_matcher_is_refused_with_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(MatcherError, match=sentence):
        parse_matchers(text)


def test_a_regex_that_would_backtrack_for_ever_takes_linear_time() -> None:
    """Python's own engine would take 2^40 steps for this."""
    assert not parse_matcher('a=~"(x+x+)+y"').matches({"a": "x" * 40})


@pytest.mark.parametrize(
    ("pattern", "prefix"),
    [("ab.+", "ab"), ("ab*", "a"), ("ab?c", "a"), ("ab{0,2}", "a"), ("ab+", "ab"), ("ab|c", ""), ("(?i)ab", ""),
     (r"a\.b", "a"), ("a-b_1", "a-b_1"), ("", ""), ("[ab]c", "")],
)  # fmt: skip
def test_every_label_that_a_regex_fits_begins_with_its_prefix(pattern: str, prefix: str) -> None:
    assert prefix_of(pattern) == prefix


@given(st.text("ab.*?+|-[]", max_size=8), st.text("ab-.", max_size=6))
@examples(400)
def test_a_prefix_excludes_nothing_that_fits(pattern: str, label: str) -> None:
    try:
        wanted = matcher("a", REGEX, pattern)
    except MatcherError:
        return
    assert wanted.matches({"a": label}) == (re2.search(f"^(?:{pattern})$", label) is not None)


@given(
    st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,8}", fullmatch=True),
    st.sampled_from([EQUAL, NOT_EQUAL]),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
)
@examples(200)
def test_what_is_written_reads_as_the_same(name: str, operator: MatchOperator, value: str) -> None:
    wanted = matcher(name, operator, value)
    assert parse_matcher(str(wanted)) == wanted
    assert parse_matchers(written([wanted])) == (wanted,)


def test_matchers_are_written_sorted_as_alertmanager_writes_them() -> None:
    assert written([Matcher("b", "x", REGEX), Matcher("a", 'q"')]) == '{a="q\\"",b=~"x"}'
    assert matches_all([], {"a": "b"})


def test_the_labels_of_an_alert_are_those_of_its_rule_and_its_own() -> None:
    alert = Alert(
        alert_key="r:p", alert_id="1", rule_id="r", alert_type="HIGH_FAILURE_RATE", severity=Severity.WARNING,
        status=AlertStatus.FIRING, project_id="p", title="", description="", value=1.0, threshold=1.0,
        window_minutes=15, sample_size=9, starts_at_ms=0, ends_at_ms=None, updated_at_ms=0,
        labels={"team": "drama", "severity": "page", "empty": ""},
    )  # fmt: skip
    assert labels_of(alert) == {
        "alertname": "r",
        "alert_type": "HIGH_FAILURE_RATE",
        "severity": "warning",
        "project_id": "p",
        "service": "project-service",
        "component": "episode-numbering",
        "team": "drama",
    }
