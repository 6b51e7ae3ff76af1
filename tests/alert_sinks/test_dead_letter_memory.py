"""A dead letter that is written, or not wanted any more, leaves memory at once, without a collection."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from alert_sinks.dead_letters import DeadLetters, UndeliveredAlert
from models.alert import Alert
from tests.alert_sinks.support import FakeTime, Signal, alert_of


@pytest.fixture(autouse=True)
def no_collection() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


class Broker:
    """Fails so often, and then takes everything."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.taken: list[str] = []

    async def write(self, alert: Alert, sink: str, reason: str) -> None:
        if self.failures:
            self.failures -= 1
            raise ConnectionError("no broker")
        self.taken.append(alert.title)


class Note:
    """What somebody gives with a letter; a test looks whether it is still there."""

    def __init__(self) -> None:
        self.seen = 0

    async def written(self) -> None:
        self.seen += 1


def put(letters: DeadLetters, *, is_wanted: bool = True) -> "weakref.ref[Note]":
    note = Note()
    letters.put(UndeliveredAlert(alert_of("a"), "webhook", "HTTP 400", lambda: is_wanted, note.written))
    return weakref.ref(note)


@pytest.mark.parametrize("failures", [0, 2])
@pytest.mark.parametrize("is_wanted", [True, False])
async def test_a_letter_that_is_done_with_is_kept_by_nobody(failures: int, is_wanted: bool, signal: Signal) -> None:
    broker = Broker(failures)
    letters = DeadLetters(broker.write, 10, FakeTime(signal, jumps=True).environment)
    note = put(letters, is_wanted=is_wanted)
    await letters.aclose(10.0)
    assert (broker.taken, letters.pending) == (["a 1"] if is_wanted else [], 0)
    assert note() is None
