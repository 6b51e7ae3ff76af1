"""What the supervisor does when: which process is started, signalled or killed, and with which code all ends.

Nothing here reads a clock or touches a process. `now` is a monotonic clock in seconds; each call returns what is to be
done now, and `next_due` says when to call `due` again.
"""

import signal
from enum import Enum
from typing import Final

import msgspec

from episode_monitor.exits import ExitCode

FIRST_WAIT_SECONDS: Final = 0.5  # before a process that has ended is started again; doubled each time
LONGEST_WAIT_SECONDS: Final = 30.0
CALM_SECONDS: Final = 60.0  # a process that ran for so long begins with the first wait again
STOP_SECONDS: Final = 30.0  # for the end of a process that was told to stop; then it is killed
READY_SECONDS: Final = 120.0  # for a process to become ready in a rolling restart; then the next one has its turn

# With these a worker says that it cannot run as it is set up, so that another start would end the same way.
_FINAL: Final = frozenset({ExitCode.USAGE, ExitCode.UNREACHABLE, ExitCode.REFUSED})


class Start(msgspec.Struct, frozen=True):
    """Start a process at this number."""

    number: int


class Send(msgspec.Struct, frozen=True):
    """Send a signal to the process at this number."""

    number: int
    signal: signal.Signals


Action = Start | Send


class _Is(Enum):
    STARTING = "starting"  # it runs and does not take signals yet
    RUNNING = "running"
    STOPPING = "stopping"  # it runs and was told to stop
    WAITING = "waiting"  # to be started again
    OVER = "over"


class _Place:
    """One number and the process at it."""

    def __init__(self) -> None:
        self.state = _Is.OVER
        self.since = 0.0
        self.deadline: float | None = None
        self.ends = 0  # in a row, each soon after its start
        self.is_reload_due = False

    @property
    def runs(self) -> bool:
        return self.state in (_Is.STARTING, _Is.RUNNING, _Is.STOPPING)


class Processes:
    """`exit_code` is None until all is over."""

    def __init__(self, count: int) -> None:
        self._places = {number: _Place() for number in range(1, count + 1)}
        self._code: int | None = None  # not None: all are to end
        self._rolling: list[int] = []  # whose turn is still to come
        self._turn: int | None = None  # whose restart is waited for
        self._turn_until = 0.0

    @property
    def exit_code(self) -> int | None:
        """With what the supervisor ends; None: it goes on."""
        if self._code is None or any(place.runs for place in self._places.values()):
            return None
        return self._code

    @property
    def is_stopping(self) -> bool:
        """Whether all are to end."""
        return self._code is not None

    @property
    def is_rolling(self) -> bool:
        """Whether a rolling restart is under way."""
        return self._turn is not None

    def starts_in(self, number: int, now: float) -> float | None:
        """Seconds until the process at this number is started again; None: it does not wait for that."""
        place = self._places[number]
        return round(place.deadline - now, 1) if place.state is _Is.WAITING and place.deadline is not None else None

    def begin(self, now: float) -> list[Action]:
        """Start all."""
        return [self._start(number, now) for number in self._places]

    def takes_signals(self, number: int) -> list[Action]:
        """The process has come so far that a signal does not end it."""
        place = self._places[number]
        if place.state is not _Is.STARTING:
            return []
        place.state = _Is.RUNNING
        is_due, place.is_reload_due = place.is_reload_due, False
        return [Send(number, signal.SIGHUP)] if is_due else []

    def ready(self, number: int, now: float) -> list[Action]:
        """The process is ready for the first time."""
        return self._next_turn(now) if number == self._turn else []

    def ended(self, number: int, code: int, now: float) -> list[Action]:
        """The process has ended; a negative code is the signal that ended it."""
        place = self._places[number]
        was, ran = place.state, now - place.since
        place.state, place.deadline = _Is.OVER, None
        if self._code is not None:
            self._code = self._code or _code_at_stop(code)
            return []
        if code in _FINAL:
            return self._end(code, now)
        if was is _Is.STOPPING:  # its turn in a rolling restart
            return [self._start(number, now)]
        place.ends = 0 if ran >= CALM_SECONDS else place.ends
        wait = min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2**place.ends)
        place.ends = min(place.ends + 1, 16)
        place.state, place.deadline = _Is.WAITING, now + wait
        return []

    def stop(self, now: float) -> list[Action]:
        """Let all end."""
        return [] if self._code is not None else self._end(ExitCode.CLEAN, now)

    def reload(self) -> list[Action]:
        """Let all read their files again; those that just start do it as soon as they take signals."""
        for place in self._places.values():
            place.is_reload_due = place.state is _Is.STARTING
        running = [number for number, place in self._places.items() if place.state is _Is.RUNNING]
        return [Send(number, signal.SIGHUP) for number in running]

    def roll(self, now: float) -> list[Action]:
        """Restart all, one after the other, each when the one before is ready. A restart under way begins anew."""
        if self._code is not None:
            return []
        self._rolling = list(self._places)
        return self._next_turn(now) if self._turn is None else []

    def due(self, now: float) -> list[Action]:
        """What time alone brings about."""
        actions: list[Action] = []
        for number, place in self._places.items():
            if place.deadline is None or now < place.deadline:
                continue
            if place.state is _Is.WAITING:
                actions.append(self._start(number, now))
            elif place.state is _Is.STOPPING:
                place.deadline = None
                actions.append(Send(number, signal.SIGKILL))
        if self._turn is not None and now >= self._turn_until:
            actions.extend(self._next_turn(now))
        return actions

    def next_due(self) -> float | None:
        """When `due` is to be called next; None: never."""
        times = [place.deadline for place in self._places.values() if place.deadline is not None]
        return min([*times, self._turn_until] if self._turn is not None else times, default=None)

    def _start(self, number: int, now: float) -> Start:
        place = self._places[number]
        place.state, place.since, place.deadline, place.is_reload_due = _Is.STARTING, now, None, False
        return Start(number)

    def _stop(self, number: int, now: float) -> list[Action]:
        place = self._places[number]
        if place.state is _Is.WAITING:
            place.state, place.deadline = _Is.OVER, None
        if not place.runs or place.state is _Is.STOPPING:
            return []
        place.state, place.deadline = _Is.STOPPING, now + STOP_SECONDS
        return [Send(number, signal.SIGTERM)]

    def _end(self, code: int, now: float) -> list[Action]:
        self._code = code
        self._rolling, self._turn = [], None
        return [action for number in self._places for action in self._stop(number, now)]

    def _next_turn(self, now: float) -> list[Action]:
        self._turn = None
        if not self._rolling:
            return []
        self._turn, self._turn_until = self._rolling.pop(0), now + STOP_SECONDS + READY_SECONDS
        if self._places[self._turn].state is _Is.WAITING:
            return [self._start(self._turn, now)]
        return self._stop(self._turn, now)


def _code_at_stop(code: int) -> int:
    """What the end of one process makes of the whole: one that SIGTERM ended before it took signals is well."""
    if code in (ExitCode.CLEAN, -signal.SIGTERM):
        return ExitCode.CLEAN
    return code if code in _FINAL else ExitCode.CRASHED
