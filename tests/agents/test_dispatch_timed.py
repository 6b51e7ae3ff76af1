"""In which order inputs of several topics are taken."""

from agents.dispatch.timed import Timed, in_order
from streams.dispatch.inputs import Position, Tick


def rows(source: str, *times_ms: int) -> list[tuple[int, Timed]]:
    return [(at_ms, Timed(Tick(position=Position(source, n)), at_ms)) for n, at_ms in enumerate(times_ms)]


def test_inputs_come_by_time_and_of_one_millisecond_acts_come_last() -> None:
    by_source = {
        ("acts", 0): rows("acts/0", 10, 30),
        ("alerts", 1): rows("alerts/1", 10, 20),
        ("alerts", 0): rows("alerts/0", 10, 40),
    }
    found = [(timed.given.position, timed.at_ms) for timed in in_order(by_source, "acts")]
    assert found == [
        (Position("alerts/0", 0), 10),
        (Position("alerts/1", 0), 10),
        (Position("acts/0", 0), 10),
        (Position("alerts/1", 1), 20),
        (Position("acts/0", 1), 30),
        (Position("alerts/0", 1), 40),
    ]
