"""Tables of commands can be read on a terminal of 80 columns: no word is broken, and no column is a tall strip."""

from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import episode_monitor.cli
from episode_monitor.cli import alert_statistics
from episode_monitor.cli.output import print_table
from testbed.properties import examples

COLUMNS = 80
words = st.text(alphabet="abcdefghij_:-0123456789", min_size=1, max_size=40)
cells = st.lists(words, max_size=12).map(" ".join)
tables = st.integers(4, 13).flatmap(
    lambda width: st.tuples(
        st.lists(st.text(alphabet="abcdefgh", min_size=1, max_size=12), min_size=width, max_size=width),
        st.lists(st.lists(cells, min_size=width, max_size=width), min_size=1, max_size=4),
    )
)


def printed(heads: list[str], rows: list[list[str]]) -> list[str]:
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(StringIO()) as out:
        patch.setenv("COLUMNS", str(COLUMNS))
        print_table(heads, rows)
    return out.getvalue().splitlines()


@examples(60)
@given(table=tables)
def test_no_word_is_broken_and_no_line_is_longer_than_the_terminal(table: tuple[list[str], list[list[str]]]) -> None:
    lines = printed(*table)
    shown = {word for line in lines for word in line.replace("┃", " ").replace("│", " ").split()}
    assert {word for row in table[1] for cell in row for word in cell.split()} <= shown
    assert max(map(len, lines)) <= COLUMNS


def test_a_table_that_fits_is_a_table_and_its_widest_column_takes_several_lines() -> None:
    why = "1 of 8 creations that ended in the last 15 minutes failed, which is above the limit"
    lines = printed(["Rule", "State", "Since", "Why"], [["a", "firing", "12:00", why], ["b", "ok", "", ""]])
    assert [line.strip("│ ") for line in lines[3:-1]] == [
        "a    │ firing │ 12:00 │ 1 of 8 creations that ended in the last 15 minutes",
        "failed, which is above the limit",
        "b    │ ok",
    ]


def test_a_name_and_a_value_are_always_a_table() -> None:
    lines = printed(["Setting", "Value"], [["RULES_FILE", "/x" * 60]])
    assert lines[3].split()[1] == "RULES_FILE"


def test_a_row_of_many_figures_is_a_block_of_named_lines_without_the_empty_ones() -> None:
    figures = ["episode_failure_rate", "12", "1", "0", "2", "1", "9", "", "", "11", "14m 2s", "1h 3m", "25, 1 failed"]
    lines = printed(list(alert_statistics._HEADS), [figures])
    assert [line.rstrip() for line in lines] == [
        "Rule            episode_failure_rate", "Firings         12", "Now             1",
        "Night           0", "Flapping        2", "Escalated       1", "Acknowledged    9",
        "Resolved        11", "Resolved after  14m 2s", "Resolved p90    1h 3m",
        "Messages        25, 1 failed", "",
    ]  # fmt: skip


def test_markup_in_a_cell_is_text() -> None:
    assert "[red]x[/red]" in "\n".join(printed(["Comment"], [["[red]x[/red]"]]))


def test_every_command_prints_its_tables_by_this_one_function() -> None:
    folder = Path(episode_monitor.cli.__file__).parent
    own = [file.name for file in folder.glob("*.py") if "rich.table" in file.read_text() and file.name != "output.py"]
    assert own == []
