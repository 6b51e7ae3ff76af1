"""A line of log begins with its time, so that lines of several workers can be sorted, merged and searched."""

import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from mode import Service

import agents.app  # noqa: F401 - with all of Faust's services that are our own
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


def test_one_event_is_one_line_of_json_whatever_is_in_it(capsys: pytest.CaptureFixture[str]) -> None:
    configure(LogLevel.INFO, LogFormat.JSON)
    log = structlog.get_logger("a")
    try:
        raise ValueError("two\nlines")
    except ValueError:
        log.exception("request failed", error_id="e1", path="/a\nb")
        logging.getLogger("b").exception("a library's\nline")
    log.info("alert delivered", alert_key="r:p", trace_ids=["0af7651916cd43dd8448eb211c80319c"])
    first, second, third = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert (first["event"], first["error_id"]) == ("request failed", "e1")
    assert "ValueError: two\nlines" in first["exception"]
    assert "ValueError" in second["exception"]
    assert third["trace_ids"] == ["0af7651916cd43dd8448eb211c80319c"]


def test_what_is_routine_in_libraries_is_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure(LogLevel.INFO, LogFormat.CONSOLE)
    logging.getLogger("aiokafka.consumer.group_coordinator").warning(
        "Heartbeat failed for group %s because it is rebalancing", "m"
    )
    for service in services_of(Service):
        if service.__module__.startswith("agents."):
            logging.getLogger(service.__module__).info("[^--%s]: Starting...", service.__name__)
    assert capsys.readouterr().err == ""


def services_of(kind: type[Any]) -> Iterator[type[Any]]:
    subclasses: list[type[Any]] = kind.__subclasses__()
    for each in subclasses:
        yield each
        yield from services_of(each)


def test_the_events_that_the_documents_name_are_logged() -> None:
    root = Path(__file__).resolve().parents[2]
    page = (root / "docs" / "tracing.md").read_text(encoding="utf-8")
    events = re.findall(r"^\| `([^`]+)` \|", page.partition("| `event` |")[2], re.MULTILINE)
    sources = "".join(
        path.read_text(encoding="utf-8")
        for package in ("agents", "alert_sinks", "episode_monitor")
        for path in (root / package).rglob("*.py")
    )
    assert len(events) == 6
    assert [event for event in events if f'"{event}"' not in sources] == []
