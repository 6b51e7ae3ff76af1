"""Retries: which pauses, for which errors, and when they end."""

import pytest
from aiokafka.errors import KafkaConnectionError, ProducerFenced

from agents.retrying import Pauses, retry


class Work:
    """Raises these errors, one a call, and then answers."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.slept: list[float] = []
        self.seen: list[BaseException] = []

    async def __call__(self) -> str:
        if self.errors:
            raise self.errors.pop(0)
        return "done"

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


async def test_pauses_grow_to_the_last_one_and_repeat_it() -> None:
    work = Work(*(KafkaConnectionError() for _ in range(6)))
    assert await retry(work, work.seen.append, Pauses(), sleep=work.sleep) == "done"
    assert work.slept == [0.5, 1.0, 2.0, 5.0, 5.0, 5.0]
    assert len(work.seen) == 6


async def test_what_notes_a_failure_may_wait() -> None:
    work = Work(OSError("away"))

    async def note(error: BaseException) -> None:
        await work.sleep(9.0)
        work.seen.append(error)

    await retry(work, note, Pauses(), sleep=work.sleep)
    assert work.slept == [9.0, 0.5]
    assert [str(error) for error in work.seen] == ["away"]


async def test_after_a_success_the_pauses_begin_anew() -> None:
    work, pauses = Work(OSError(), OSError(), OSError()), Pauses()

    async def half_done() -> str:
        if len(work.errors) == 1:
            pauses.reset()
        return await work()

    await retry(half_done, work.seen.append, pauses, sleep=work.sleep)
    assert work.slept == [0.5, 1.0, 0.5]


async def test_an_error_that_is_not_retried_is_raised_as_it_is() -> None:
    work = Work(OSError(), ValueError("ours"))
    with pytest.raises(ValueError, match="ours"):
        await retry(work, work.seen.append, Pauses(), sleep=work.sleep)
    assert work.slept == [0.5]


async def test_at_the_limit_the_last_error_is_raised() -> None:
    pauses = Pauses((1.0, 2.0))
    work = Work(OSError("first"), OSError("second"), ProducerFenced("third"))
    with pytest.raises(ProducerFenced, match="third"):
        await retry(work, work.seen.append, pauses, stop=pauses.is_over, sleep=work.sleep)
    assert work.slept == [1.0, 2.0]
