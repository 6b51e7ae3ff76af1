"""Text that PostgreSQL refuses, and text that only looks like it."""

from typing import Any

import pytest

from episode_monitor.storage.text import storable, storable_json


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("plain", "plain"),
        ("", ""),
        ("a\0b", "a␀b"),
        ("번호\0", "번호␀"),
        ("\ud800x\udfff", "\N{REPLACEMENT CHARACTER}x\N{REPLACEMENT CHARACTER}"),
        ("🎬", "🎬"),
    ],
)
def test_only_what_is_refused_is_replaced(text: str, stored: str) -> None:
    assert storable(text) == stored


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        ({"a": "\0"}, '{"a":"␀"}'),
        ({"\0": [{"b": ("\0",)}]}, '{"␀":[{"b":["␀"]}]}'),
        ({"a": "\\u0000"}, '{"a":"\\\\u0000"}'),  # a backslash and four digits, no NUL
        ({"a": "\\\0"}, '{"a":"\\\\␀"}'),
        ({"a": "\ud83c"}, '{"a":"\N{REPLACEMENT CHARACTER}"}'),
        ({"n": [float("nan"), float("inf"), 1.5]}, '{"n":[null,null,1.5]}'),
        ({1: None}, '{"1":null}'),
    ],
)
def test_json_is_text_that_a_jsonb_column_takes(value: Any, stored: str) -> None:
    assert storable_json(value) == stored
