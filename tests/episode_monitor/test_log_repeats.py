"""A library that says the same a hundred times a second is heard once, with how often it was not."""

import logging

import pytest

from episode_monitor.observe.log_repeats import Repeats


class Library:
    """Two places that log, a clock that stands, and what came through."""

    def __init__(self) -> None:
        self.now = 100.0
        self.heard: list[str] = []
        self.log = logging.Logger("library")
        handler = logging.Handler()
        handler.emit = lambda record: self.heard.append(record.getMessage())  # type: ignore[method-assign]
        handler.addFilter(Repeats(lambda: self.now, 10.0))
        self.log.addHandler(handler)

    def cannot_connect(self, times: int = 1, node: int = 1) -> None:
        for _ in range(times):
            self.log.error("no way to node %s: %s", node, "100 % refused")

    def forgets(self) -> None:
        self.log.warning("coordinator is gone")


@pytest.fixture
def library() -> Library:
    return Library()


def test_of_many_lines_the_first_is_heard(library: Library) -> None:
    library.cannot_connect(500)
    assert library.heard == ["no way to node 1: 100 % refused"]


def test_the_next_after_ten_seconds_says_how_many_were_kept_back(library: Library) -> None:
    library.cannot_connect(500)
    library.now += 9.9
    library.cannot_connect()
    library.now += 0.1
    library.cannot_connect(3, node=2)
    assert library.heard[1:] == ["no way to node 2: 100 % refused (and 500 similar messages since the last one)"]


def test_lines_that_come_seldom_stay_as_they_are(library: Library) -> None:
    for _ in range(3):
        library.cannot_connect()
        library.now += 60.0
    assert library.heard == ["no way to node 1: 100 % refused"] * 3


def test_one_place_does_not_silence_another(library: Library) -> None:
    library.cannot_connect(50)
    library.forgets()
    assert library.heard == ["no way to node 1: 100 % refused", "coordinator is gone"]
