"""`replay --against database`: a topic in memory beside a real table, each difference with its name and its record."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from episode_monitor.checks import close_compare, first_pass
from episode_monitor.replay.against.database_run import AgainstDatabase, ServiceTable
from episode_monitor.replay.against.difference import Comparison
from episode_monitor.replay.against.replayed_numbers import ReplayedNumbers
from episode_monitor.replay.ranges import Bounds, Range
from episode_monitor.replay.source import Line
from episode_monitor.service_database.errors import ServiceDatabaseAway, ServiceTableMismatch
from testbed.worker_process import make_core
from tests.checks.fleet import opener
from tests.replay.against_support import Topic, at_offsets, at_once, event, named, only
from tests.service_database.making import fill, make_table, run

Row = tuple[str | None, str | None, int | None]


class Growing(Topic):
    """A topic from which a range is asked; `more` comes before a look at its ends, one list of lines each time."""

    def __init__(
        self, *partitions: Sequence[Line | None], begins: int = 0, more: list[list[Line]] | None = None
    ) -> None:
        super().__init__(*partitions, begins=begins)
        self.more = more or []
        self.resolved = 0
        self._range = Range()

    def of_range(self, wanted: Range) -> "Growing":
        self._range, self.only = wanted, wanted.partition
        return self

    async def resolve(self) -> tuple[Bounds, ...]:
        self.resolved += 1
        if self.resolved > 1 and self.more:
            lines = self.more.pop(0)
            self.partitions[0] += at_offsets([*[None] * self.ends[0], *lines])
            self.ends[0] += len(lines)
        first = self._range.first if isinstance(self._range.first, dict) else {}
        return tuple(
            msgspec.structs.replace(one, first=first.get(one.partition, one.first)) for one in await super().resolve()
        )


def rows(project: str, *numbers: int) -> list[Row]:
    """Rows as `event` names episodes."""
    return [(f"ep-{project}-{number}", project, number) for number in numbers]


def created(project: str, *numbers: int) -> list[Line]:
    return [event(project, number) for number in numbers]


async def compared(url: str, topic: Growing, *contents: Row) -> Comparison:
    """The topic beside a table with these rows."""
    make_table(url)
    fill(url, contents)

    async def settle() -> None:
        await at_once(1)

    table = ServiceTable(open_reader=opener(url), settle=settle)
    return await AgainstDatabase(make_core(), topic.of_range, table).run()


async def test_a_table_with_the_numbers_of_the_topic_is_equal(database_url: str) -> None:
    topic = Growing(created("a", 1, 2, 3), created("b", 2, 1), [])
    found = await compared(database_url, topic, *rows("a", 1, 2, 3), *rows("b", 1, 2))
    assert (found.equal, found.differences, found.projects, found.notes) == (True, [], 2, [])
    assert [(one.partition, one.begin, one.end, one.projects, one.differing) for one in found.partitions] == [
        (0, 0, 3, 1, 0), (1, 0, 2, 1, 0), (2, 0, 0, 0, 0),
    ]  # fmt: skip


Lines = list[Line]
DELETED = event("a", 2, 9, "episode.deleted")
RENUMBERED = event("a", 7, 9, "episode.renumbered", episode_id="ep-a-2", old_number=2)
REFUSED = event("a", 4, 9, duration_seconds="long")  # names number 4 of ep-a-4, and cannot be used


@pytest.mark.parametrize(
    ("topic", "table", "what", "sides", "offset", "sentence"),
    [
        pytest.param(
            created("a", 1, 3), rows("a", 1, 2, 3), "record missing", (None, "ep-a-2"), None,
            "The table has number 2 of episode ep-a-2: the topic has no record of it.", id="a record is missing",
        ),
        pytest.param(
            created("a", 1, 2), rows("a", 1, 2, 3), "late", (None, "ep-a-3"), None,
            "The table has number 3 of episode ep-a-3: the topic has no number above 2 yet, so its event has not been "
            "sent, or was lost.", id="a row newer than the last record",
        ),
        pytest.param(
            created("a", 1, 2, 3), rows("a", 1, 3), "only in topic", ("ep-a-2", None), 1,
            "Number 2 belongs to episode ep-a-2 in the topic by the record at offset 1, and the table has no row with "
            "it: the row was deleted or renumbered without an event.", id="a row is missing",
        ),
        pytest.param(
            [*created("a", 1, 2, 3), DELETED], rows("a", 1, 2, 3), "only in table", (None, "ep-a-2"), 3,
            "The table has number 2 of episode ep-a-2: the last record about it, at offset 3, deletes it.",
            id="a row of a deleted episode",
        ),
        pytest.param(
            created("a", 1, 2, 3), [*rows("a", 1, 3), ("stranger", "a", 2)], "two ids for one number",
            ("ep-a-2", "stranger"), 1,
            "Number 2 belongs to episode ep-a-2 in the topic by the record at offset 1 and to stranger in the table.",
            id="two ids for one number",
        ),
        pytest.param(
            created("a", 1, 2, 3), [*rows("a", 1, 2, 3), ("twin", "a", 2)], "two ids for one number",
            (None, "twin"), None,
            "The table has number 2 of episode twin: in the topic the number belongs to ep-a-2.",
            id="a number twice in the table",
        ),
        pytest.param(
            [*created("a", 1, 2, 3), event("a", 2, 8, episode_id="twin")], rows("a", 1, 2, 3),
            "two ids for one number", ("twin", None), 3,
            "Number 2 belongs to episode twin in the topic by the record at offset 3, and in the table to ep-a-2 "
            "alone.",
            id="a number twice in the topic",
        ),
        pytest.param(
            created("a", 1, 2, 3), [*rows("a", 1, 3), ("ep-a-2", "a", 9)], "drift", (2, 9), 1,
            "Episode ep-a-2 has number 2 in the topic by the record at offset 1 and 9 in the table: its row was "
            "changed without an event, or the event has not reached the topic.", id="a row renumbered without an event",
        ),
        pytest.param(
            [*created("a", 1, 2, 3), RENUMBERED], rows("a", 1, 2, 3), "drift", (7, 2), 3,
            "Episode ep-a-2 has number 7 in the topic by the record at offset 3 and 2 in the table: its row was "
            "changed without an event, or the event has not reached the topic.", id="an event without its row",
        ),
        pytest.param(
            [*created("a", 1, 2, 3), REFUSED], rows("a", 1, 2, 3, 4), "dead letter", (None, "ep-a-4"), 3,
            "The record at offset 3 names number 4 or episode ep-a-4 and cannot be used (invalid_field); the table "
            "has this episode with this number.", id="a dead letter names the number",
        ),
    ],
)  # fmt: skip
async def test_a_difference_has_its_name_its_record_and_its_reason(
    database_url: str,
    topic: Lines,
    table: list[Row],
    what: str,
    sides: tuple[Any, Any],
    offset: int | None,
    sentence: str,
) -> None:  # fmt: skip
    found = await compared(database_url, Growing(created("b", 1), topic), *table, *rows("b", 1))
    one = only(found)
    assert (found.equal, found.counts) == (False, {what: 1})
    assert (one.project_id, one.what, (one.replayed, one.other), one.offset) == ("a", what, sides, offset)
    assert one.explanation == sentence
    assert one.partition == 1


async def test_an_unreadable_record_is_named_as_what_may_explain_a_missing_one(database_url: str) -> None:
    broken = Line(0, b'{"episode_number": 2', 0, b"a")
    found = await compared(database_url, Growing([*created("a", 1), broken, *created("a", 3)]), *rows("a", 1, 2, 3))
    assert only(found).explanation == (
        "The table has number 2 of episode ep-a-2: the topic has no record of it; perhaps it is the one at offset 1, "
        "which cannot be used (malformed_json)."
    )


async def test_a_project_that_one_side_alone_has_is_one_difference(database_url: str) -> None:
    topic = Growing(created("here", 1, 2), [Line(0, b"useless", 0, b"refused")])
    found = await compared(database_url, topic, *rows("there", 1, 2, 3), *rows("refused", 1))
    assert [
        (one.project_id, one.what, one.replayed, one.other, one.partition, one.offset) for one in found.differences
    ] == [
        ("here", "only in topic", "2 episodes", None, 0, 1),
        ("refused", "dead letter", None, "1 episodes", 1, 0),
        ("there", "only in table", None, "3 episodes", None, None),
    ]  # fmt: skip


async def test_an_event_under_way_at_the_first_look_is_no_difference(database_url: str) -> None:
    topic = Growing(created("a", 1, 2), more=[[], created("a", 3)])  # at the first look, and at the second
    found = await compared(database_url, topic, *rows("a", 1, 2, 3))
    assert (found.equal, topic.more) == (True, [])
    assert [(one.begin, one.end) for one in found.partitions] == [(0, 3)]


async def test_what_came_while_the_table_was_read_is_no_difference_at_the_first_look(database_url: str) -> None:
    topic = Growing(created("a", 1), more=[created("a", 2)])
    assert (await compared(database_url, topic, *rows("a", 1, 2))).equal
    assert topic.resolved == 2  # there was no second look


async def test_records_before_the_beginning_of_the_topic_are_said_once(database_url: str) -> None:
    lost, kept = [*created("a", 1), *created("b", 1)], [*created("a", 2), *created("b", 2), *created("c", 1)]
    topic = Growing([*lost, *kept], begins=2)
    found = await compared(database_url, topic, *rows("a", 1, 2), *rows("b", 1, 2), *rows("c", 1))
    one = only(found)
    assert (one.project_id, one.what, one.other, one.offset) == ("", "record missing", 2, 2)
    assert "begins at offset 2" in found.notes[0]


async def test_a_project_in_several_partitions_is_said_not_to_be_compared(database_url: str) -> None:
    found = await compared(database_url, Growing(created("a", 1), created("a", 2)), *rows("a", 1, 2, 3))
    assert named(found) == [("", "not compared")]
    assert "(a)" in only(found).explanation


async def test_rows_without_a_number_are_counted_in_a_note(database_url: str) -> None:
    found = await compared(database_url, Growing(created("a", 1)), *rows("a", 1), ("x", "a", None), ("y", None, 3))
    assert (found.equal, found.notes) == (
        True, ["2 rows of the table have no project, or no number from 1 on, and are not compared."]
    )  # fmt: skip


async def test_very_many_projects_are_compared_page_by_page(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_pass, "COMPARE_PROJECTS", 3)
    monkeypatch.setattr(close_compare, "GROUP_PROJECTS", 3)
    monkeypatch.setattr("episode_monitor.replay.against.replayed_numbers.PAGE_PROJECTS", 3)
    names = [f"p{at:02}" for at in range(20)]
    lines = [line for name in names for line in created(name, 1, 2)]
    table = [row for at, name in enumerate(names) for row in rows(name, *((1, 2) if at % 2 else (1,)))]
    found = await compared(database_url, Growing(lines[:20], lines[20:]), *table)
    assert named(found) == [(name, "only in topic") for name in names[::2]]
    assert [one.differing for one in found.partitions] == [5, 5]
    monkeypatch.setattr(first_pass, "MAX_CANDIDATES", 4)
    run(database_url, "drop table episodes")
    found = await compared(database_url, Growing(lines[:20], lines[20:]), *table)
    assert (found.counts, found.differences[0].other) == ({"not compared": 1, "only in topic": 4}, 6)


async def test_of_one_project_twenty_numbers_are_listed_and_the_rest_counted(database_url: str) -> None:
    found = await compared(database_url, Growing(created("a", *range(1, 31))), *rows("a", 30))
    assert len(found.differences) == 21
    assert found.differences[-1].explanation == "9 more numbers differ."


async def test_a_table_that_cannot_be_read_is_found_before_the_topic_is_read(database_url: str) -> None:
    topic = Growing(created("a", 1))
    with pytest.raises(ServiceTableMismatch, match="has no table episodes"):
        await AgainstDatabase(
            make_core(), topic.of_range, ServiceTable(open_reader=opener(database_url), settle=lambda: at_once(1))
        ).run()
    nowhere = opener("postgresql://nobody@127.0.0.1:1/nowhere")
    with pytest.raises(ServiceDatabaseAway):
        await AgainstDatabase(
            make_core(), topic.of_range, ServiceTable(open_reader=nowhere, settle=lambda: at_once(1))
        ).run()
    assert topic.resolved == 0


async def test_numbers_of_a_replay_are_those_of_all_partitions_and_grow_with_the_topic() -> None:
    topic = Growing(created("a", 1, 2), created("b", 1), more=[created("c", 1)])
    numbers = ReplayedNumbers(make_core(), topic.of_range)
    await numbers.catch_up()
    assert [project async for page in numbers.known() for project in page] == ["a", "b"]
    await numbers.catch_up()
    assert [project async for page in numbers.known() for project in page] == ["a", "c", "b"]
    held = await numbers.holdings(["a", "b", "nobody"])
    assert {name: (one.partition, one.numbers, one.applied) for name, one in held.items()} == {
        "a": (0, [1, 2], 1), "b": (1, [1], 0)
    }  # fmt: skip
