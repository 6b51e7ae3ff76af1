"""CPU and memory of a contender's processes and their children, looked at five times a second."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Self

from benchmarks import rig

EVERY_SECONDS = 0.2


class Sampler:
    """`pids` gives the processes at the top. A process that ends keeps what it had used when last looked at."""

    def __init__(self, pids: Callable[[], Iterable[int]]) -> None:
        self._pids = pids
        self._cpu: dict[int, float] = {}
        self._memory: dict[int, int] = {}
        self._samples: list[tuple[float, float]] = []  # when, CPU seconds of all
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self.sample()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ending.wait(EVERY_SECONDS):
            self.sample()

    def sample(self) -> None:
        """Look now."""
        for pid in _with_children(list(self._pids())):
            try:
                self._cpu[pid] = rig.cpu_seconds(pid)
                self._memory[pid] = _peak_own_bytes(pid)
            except (OSError, KeyError):  # it has just ended
                continue
        self._samples.append((time.time(), sum(self._cpu.values())))

    @property
    def peak_memory_bytes(self) -> int:
        """The sum of every process's own peak, shared memory left out: at most a little too high."""
        return sum(self._memory.values())

    def cpu_seconds(self, start: float, end: float) -> float:
        """Between two moments, seconds since the epoch."""
        return self._at(end) - self._at(start)

    def _at(self, moment: float) -> float:
        before = (0.0, 0.0)
        for sample in list(self._samples):
            if sample[0] >= moment:
                share = (moment - before[0]) / (sample[0] - before[0]) if before[0] else 1.0
                return before[1] + share * (sample[1] - before[1])
            before = sample
        return before[1]


def _with_children(pids: list[int]) -> Iterator[int]:
    for pid in pids:
        yield pid
        try:
            with open(f"/proc/{pid}/task/{pid}/children") as children:
                numbers = [int(number) for number in children.read().split()]
        except OSError:
            continue
        yield from _with_children(numbers)


def _peak_own_bytes(pid: int) -> int:
    with open(f"/proc/{pid}/status") as status:
        fields = dict(line.split(":", 1) for line in status)
    shared = int(fields["RssShmem"].split()[0]) if "RssShmem" in fields else 0
    return max(0, int(fields["VmHWM"].split()[0]) - shared) * 1024
