"""The process of one job. It reads the topic without a group, writes nothing but to its output, runs behind everything
else on the machine, and ends as soon as its worker is gone.
"""

import asyncio
import logging
import os
import pickle  # nosec B403
import signal
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from agents.engine.gc_tuning import spare_the_state
from episode_monitor.access import kafka_access
from episode_monitor.exits import ExitCode, Failure
from episode_monitor.replay.backtest import RulesSide, backtest
from episode_monitor.replay.report import Report, merged
from episode_monitor.replay.run import Progress, ShowProgress
from episode_monitor.replay.sentences import with_sentences
from episode_monitor.replay.topic_source import TopicSource
from episode_monitor.replay.work import Work, do
from episode_monitor.replay_jobs.orders import (
    MAX_RESULT_BYTES,
    BacktestOrder,
    Failed,
    Finished,
    Order,
    PackedRules,
    Progressed,
    Told,
)
from episode_monitor.settings.rules_file import core_from
from models.backtest_views import BacktestResult

TELL_SECONDS: Final = 0.5
_NICE: Final = 10
_KILLED_FIRST: Final = "1000"  # where memory runs out: this process, not the worker


def main() -> None:
    """Read the order, do it, and say how it goes and what came of it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the worker's
    output = _own_output()
    _step_back()
    order: Order = pickle.load(sys.stdin.buffer)  # from the worker that started it  # nosec B301
    threading.Thread(target=_end_with_the_worker, daemon=True).start()
    with suppress(BrokenPipeError):
        _tell(output, _done(order, output))


def _own_output() -> BinaryIO:
    """Standard output for what is told alone: whatever else is printed goes to standard error."""
    own = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return own


def _step_back() -> None:
    os.nice(_NICE)
    with suppress(OSError):  # not on this system
        Path("/proc/self/oom_score_adj").write_text(_KILLED_FIRST)


def _end_with_the_worker() -> None:
    """The worker keeps the other end of the input open as long as it lives, whatever ends it."""
    while os.read(sys.stdin.fileno(), 1):
        pass
    os._exit(ExitCode.INTERRUPTED)


def _tell(output: BinaryIO, told: Told) -> None:
    output.write(msgspec.json.encode(told) + b"\n")
    output.flush()


def _done(order: Order, output: BinaryIO) -> Told:
    kafka = kafka_access(order.settings)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    spare_the_state()
    began, due = time.monotonic(), 0.0

    def show(progress: Progress) -> None:
        nonlocal due
        now = time.monotonic()
        if now >= due or progress.done == progress.total:
            due = now + TELL_SECONDS
            _tell(output, Progressed(progress.events, progress.done, progress.total, now - began))

    source = TopicSource(kafka, order.settings.events_topic, order.range)
    work = _replay(order, source, show) if order.backtest is None else _backtest(order, order.backtest, source, show)
    try:
        result = msgspec.json.encode(asyncio.run(with_sentences(work, kafka)))
    except Failure as failure:
        return Failed(str(failure))
    if len(result) > MAX_RESULT_BYTES:
        return Failed(f"The result has more than {MAX_RESULT_BYTES >> 20} MiB; use a shorter range.")
    return Finished(msgspec.Raw(result))


async def _replay(order: Order, source: TopicSource, show: ShowProgress) -> Report:
    core = core_from(order.settings, order.rules.rule_set())
    work = Work(await source.resolve(), until_ms=order.until_ms)
    done = await do(core, source, work, show, lambda: False)
    return merged(core, done.outcomes, all_projects=order.lists_projects, of_source=source.warnings)


async def _backtest(order: Order, asked: BacktestOrder, source: TopicSource, show: ShowProgress) -> BacktestResult:
    def side(rules: PackedRules) -> RulesSide:
        return RulesSide(rules.source, core_from(order.settings, rules.rule_set()))

    return await backtest(side(asked.old), side(asked.new), source, asked.night, order.until_ms, show)
