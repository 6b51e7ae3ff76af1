"""A line of log begins with its time, so that lines of several workers can be sorted, merged and searched."""

import json
import logging
import re
from collections.abc import Iterator

import pytest
import structlog

from episode_monitor.observe.logs import configure
from episode_monitor.settings.settings import LogFormat, LogLevel


@pytest.fixture(autouse=True)
def untouched() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


def test_a_line_for_people_begins_with_the_time_and_leaves_out_what_is_none(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure(LogLevel.INFO, LogFormat.CONSOLE)
    structlog.get_logger("a").info("check ended", kind="deep", error=None)
    logging.getLogger("b").warning("a library's line")
    first, second = capsys.readouterr().err.splitlines()
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z \[info +\] check ended +kind=deep$", first)
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z \[warning +\] a library's line", second)


def test_a_line_of_json_has_time_level_and_event_first(capsys: pytest.CaptureFixture[str]) -> None:
    configure(LogLevel.INFO, LogFormat.JSON)
    structlog.get_logger("a").info("check ended", kind="deep", action="x", error=None)
    logging.getLogger("b").warning("a library's line")
    first, second = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert list(first) == ["at", "level", "event", "action", "kind"]
    assert list(second)[:3] == ["at", "level", "event"]
