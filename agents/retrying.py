"""Retries failed work with growing pauses, for ever unless a limit is given."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from aiokafka.errors import KafkaError
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception
from tenacity.stop import StopBaseT, stop_never
from tenacity.wait import WaitBaseT, wait_base

T = TypeVar("T")

KAFKA_PAUSES_SECONDS = (0.5, 1.0, 2.0, 5.0)


class Pauses(wait_base):
    """Seconds to wait after failures in a row; the last value repeats. `reset` begins the row anew after a success."""

    def __init__(self, seconds: tuple[float, ...] = KAFKA_PAUSES_SECONDS) -> None:
        self.failures = 0  # in a row
        self._seconds = seconds

    def __call__(self, retry_state: RetryCallState) -> float:
        self.failures += 1
        return self._seconds[min(self.failures, len(self._seconds)) - 1]

    def reset(self) -> None:
        """The work succeeded."""
        self.failures = 0

    def is_over(self, retry_state: RetryCallState) -> bool:
        """A limit: no pause is left."""
        return self.failures > len(self._seconds)


def is_kafka_failure(error: BaseException) -> bool:
    """Whether Kafka, or the connection to it, is the cause."""
    return isinstance(error, KafkaError | OSError)


async def retry(
    work: Callable[[], Awaitable[T]],
    on_failure: Callable[[BaseException], Awaitable[None] | None],
    pauses: WaitBaseT,
    *,
    is_retried: Callable[[BaseException], bool] = is_kafka_failure,
    stop: StopBaseT = stop_never,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> T:
    """Return the result of `work`. `on_failure` is called before each pause; an error that is not retried, and the last
    one at the limit, is raised unchanged."""

    async def failed(state: RetryCallState) -> None:
        if state.outcome is not None and (error := state.outcome.exception()) is not None:
            waiting = on_failure(error)
            if waiting is not None:
                await waiting

    async def attempt() -> T:  # tenacity awaits nothing but coroutine functions
        return await work()

    retrying = AsyncRetrying(
        retry=retry_if_exception(is_retried), wait=pauses, stop=stop, sleep=sleep, before_sleep=failed, reraise=True
    )
    try:
        return await retrying(attempt)
    finally:  # a cycle, which would keep what `on_failure` knows: no collection looks at what `spare_the_state` froze
        retrying.iter_state.reset()
