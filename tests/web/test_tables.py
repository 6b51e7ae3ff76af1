"""Tables as bytes: what a spreadsheet would run is text, Korean is read as such, and JSON is whole."""

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from episode_monitor.web.tables import TableWriter, csv_cell
from testbed.properties import examples


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (None, ""),
        (True, "true"),
        (-3, "-3"),
        (85.7, "85.7"),
        ("proj_123", "proj_123"),
        ("=1+1", "'=1+1"),
        ("+82-10", "'+82-10"),
        ("-x", "'-x"),
        ("@sum", "'@sum"),
        ("\tx", "'\tx"),
        ("  =1", "'  =1"),
        ("\uff1d1", "'\uff1d1"),
        ('a "b", c', '"a ""b"", c"'),
        ("two\nlines", '"two\nlines"'),
        ('=HYPERLINK("x")', '"\'=HYPERLINK(""x"")"'),
        ({"role": "operator"}, '"{""role"":""operator""}"'),
    ],
)
def test_a_cell(value: object, cell: str) -> None:
    assert csv_cell(value) == cell


def test_csv_has_a_byte_order_mark_one_head_and_the_named_columns_alone() -> None:
    writer = TableWriter("csv", ["name", "count"])
    parts = [writer.begin(), writer.rows([{"name": "가", "count": 1, "more": 2}]), writer.rows([{"name": "b"}])]
    whole = b"".join([*parts, writer.end()])
    assert whole == b"\xef\xbb\xbfname,count\r\n\xea\xb0\x80,1\r\nb,\r\n"


@pytest.mark.parametrize("pages", [[], [[]], [[{"a": 1}]], [[{"a": 1}, {"a": 2}], [], [{"a": 3}]]])
def test_json_is_one_array_of_all_rows_however_they_come(pages: list[list[dict[str, int]]]) -> None:
    writer = TableWriter("json", ["ignored"])
    whole = b"".join([writer.begin(), *map(writer.rows, pages), writer.end()])
    assert json.loads(whole) == [row for page in pages for row in page]


@examples(200)
@given(st.lists(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12), min_size=2))
def test_what_is_written_is_read_back_but_for_the_apostrophe(texts: list[str]) -> None:
    line = ",".join(map(csv_cell, texts)) + "\r\n"
    (back,) = csv.reader(io.StringIO(line, newline=""))
    assert [cell.removeprefix("'") for cell in back] == [text.removeprefix("'") for text in texts]
    assert not any(cell[:1] in {"=", "+", "-", "@", "\t", "\r"} for cell in back if cell)
