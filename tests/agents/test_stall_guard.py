"""A worker that stood still must not write: by the clock, and with a real process that is stopped and woken."""

import asyncio
import signal
from pathlib import Path

import pytest

from agents.engine.stall_guard import StallGuard, StoodStill
from faults.evidence import read_log
from testbed.worker_handle import WorkerHandle
from testbed.worker_process import STOPPED_AT_ONCE, Orders, names
from tests.agents.support import created, now_ms, producing, send, until


class Clock:
    """Moved by hand."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


async def test_half_a_session_is_still_ours_and_anything_longer_is_not() -> None:
    clock, stops = Clock(), list[str]()
    stall_guard = StallGuard(10.0, stops.append, clock)
    ticking = asyncio.create_task(stall_guard.run())
    await asyncio.sleep(0)  # it has ticked once
    clock.seconds += 5.0
    stall_guard.check()
    assert stops == []
    clock.seconds += 0.1
    with pytest.raises(StoodStill):
        stall_guard.check()
    assert stops == ["the process stood still for 5.1 s and may have lost its partitions"]
    assert stall_guard.longest_stall_seconds == pytest.approx(4.85)
    ticking.cancel()


def test_before_it_ticks_nothing_is_ours_to_lose() -> None:
    clock, stops = Clock(), list[str]()
    stall_guard = StallGuard(10.0, stops.append, clock)
    clock.seconds += 1000
    stall_guard.check()
    assert stops == []


async def test_the_tick_itself_finds_out() -> None:
    clock, stops = Clock(), list[str]()
    ticking = asyncio.create_task(StallGuard(1.0, stops.append, clock).run())
    await asyncio.sleep(0)
    clock.seconds += 2.0
    with pytest.raises(StoodStill):
        await ticking
    assert len(stops) == 1


@pytest.mark.broker
async def test_a_process_stopped_for_longer_than_half_its_session_ends_before_it_writes_anything(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    """It is stopped between the storing of the state and that of the cursor, with an alert still on its way."""
    topics = names(topic_prefix)
    orders = Orders(
        bootstrap_servers=broker, prefix=topic_prefix, status_file="", partitions=1, session_timeout_seconds=4.0,
        fault_at="after store", fault_on=1, fault_signal=signal.SIGSTOP,
    )  # fmt: skip
    with WorkerHandle(tmp_path, "w", orders) as worker:
        worker.start()
        await until(lambda: (status := worker.status()) is not None and len(status.partitions) == 1)
        await until(lambda: (status := worker.status()) is not None and status.partitions[0].phase == "live")
        async with producing(broker) as producer:
            await send(producer, topics.events, 0, b"p", created("p", 1))
            await until(lambda: _is_stopped(worker.process.pid), "the fault was reached")
            for number in range(2, 50):
                await send(producer, topics.events, 0, b"p", created("p", number, type="episode.creation_failed"))
        before = {name: len(await read_log(broker, name, 0)) for name in (topics.changelog, topics.alerts)}
        stopped_at = now_ms()
        await until(lambda: now_ms() - stopped_at > 2_500)  # over half the session
        worker.signal(signal.SIGCONT)
        await until(lambda: worker.returncode is not None)

        assert worker.returncode == STOPPED_AT_ONCE
        assert "stood still" in worker.log_text()
        after = {name: len(await read_log(broker, name, 0)) for name in (topics.changelog, topics.alerts)}
        assert after == before


@pytest.mark.broker
async def test_a_process_stopped_for_a_moment_goes_on(broker: str, topic_prefix: str, tmp_path: Path) -> None:
    orders = Orders(
        bootstrap_servers=broker, prefix=topic_prefix, status_file="", partitions=1, session_timeout_seconds=6.0
    )
    with WorkerHandle(tmp_path, "w", orders) as worker:
        worker.start()
        await until(lambda: (status := worker.status()) is not None and bool(status.partitions))
        await until(lambda: (status := worker.status()) is not None and status.partitions[0].phase == "live")
        worker.signal(signal.SIGSTOP)
        stopped_at = now_ms()
        await until(lambda: now_ms() - stopped_at > 700)
        worker.signal(signal.SIGCONT)
        async with producing(broker) as producer:
            await send(producer, names(topic_prefix).events, 0, b"p", created("p", 1))
        await until(lambda: (status := worker.status()) is not None and status.partitions[0].committed == 1)
        assert await worker.stop() == 0


def _is_stopped(pid: int) -> bool:
    """Whether the system says that the process is stopped by a signal."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
