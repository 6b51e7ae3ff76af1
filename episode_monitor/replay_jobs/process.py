"""The process of a job as its worker sees it: started, heard, and ended when it is wanted no more."""

import asyncio
import pickle  # only to its own child  # nosec B403
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import msgspec

from episode_monitor.replay_jobs.orders import MAX_RESULT_BYTES, Failed, Finished, Order, Progressed, Told

MAX_SECONDS: Final = 6 * 3600.0  # of one job
_COMMAND: Final = (sys.executable, "-P", "-m", "episode_monitor.replay_jobs")
_told = msgspec.json.Decoder(Told)


class JobFailed(Exception):
    """The message is a sentence."""


async def run_in_process(order: Order, hear: Callable[[Progressed], None]) -> bytes:
    """The result as JSON. Raises JobFailed. Where the caller is cancelled, the process is gone before it returns."""
    # The output is read line by line, and its last line is the result.
    process = await asyncio.create_subprocess_exec(*_COMMAND, stdin=PIPE, stdout=PIPE, limit=MAX_RESULT_BYTES + 1024)
    try:
        assert process.stdin is not None
        with suppress(BrokenPipeError, ConnectionResetError, RuntimeError):  # it ended (the last is uvloop's word)
            process.stdin.write(pickle.dumps(order))
            await process.stdin.drain()
        async with asyncio.timeout(MAX_SECONDS):
            return await _heard(process, hear)
    except TimeoutError:
        raise JobFailed(f"It was not done after {MAX_SECONDS / 3600:g} hours; use a shorter range.") from None
    finally:
        await _end(process)


async def _heard(process: Process, hear: Callable[[Progressed], None]) -> bytes:
    assert process.stdout is not None
    while line := await process.stdout.readline():
        match _told.decode(line):
            case Progressed() as progressed:
                hear(progressed)
            case Finished(result):
                return bytes(result)
            case Failed(sentence):
                raise JobFailed(sentence)
    code = await process.wait()
    if code < 0:
        raise JobFailed(f"Its process was ended by signal {-code}, perhaps for want of memory; use a shorter range.")
    raise JobFailed(f"Its process ended with {code}: see the log of the worker that ran it.")


async def _end(process: Process) -> None:
    """It holds nothing that must be given back."""
    with suppress(ProcessLookupError):
        if process.returncode is None:
            process.kill()
    await process.wait()
