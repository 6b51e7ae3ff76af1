"""A handler of alerts that the team wrote itself, in a process apart: it can neither block nor break other deliveries.

One alert is with the handler at a time. What it raises is a try that failed; a process that takes too long is ended,
and the next alert starts it anew.
"""

import asyncio
import contextlib
import re
import subprocess
import sys
from typing import Annotated, Any

import httpx
import msgspec
import structlog
from pydantic import AfterValidator

from alert_sinks.settings import SinkSettings, sink_setting
from alert_sinks.sink import Attempt, Delivered, Destinations, Outcome, Retry, SinkKind
from models.alert import Alert

_log = structlog.get_logger(__name__)

HANDLE_SECONDS = 30.0  # for one alert, the start of the process among them
CHECK_SECONDS = 30.0
STOP_SECONDS = 5.0
MAX_ANSWER_BYTES = 65_536
_PROGRAM = (sys.executable, "-P", "-m", "episode_monitor_client.handler_process")


class _Answer(msgspec.Struct):
    id: int
    error: str | None = None


def check_handler(name: str) -> None:
    """Raises ValueError with one sentence if no handler can be created by that name."""
    try:
        done = subprocess.run(
            [*_PROGRAM, "--check", name], capture_output=True, text=True, timeout=CHECK_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise ValueError(
            f"ALERT_HANDLERS: {name} was not loaded within {CHECK_SECONDS:.0f} s; make its import quicker."
        ) from None
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["its process ended without an answer"])[-1]
        raise ValueError(f"ALERT_HANDLERS: {last}")


class HandlerSink:
    """Sends each alert to the process of one handler, and waits for its answer."""

    def __init__(self, handler: str, *, handle_seconds: float = HANDLE_SECONDS) -> None:
        """`handler` as `ALERT_HANDLERS` names it."""
        self.name = f"handler:{handler}"
        self._handler = handler
        self._handle_seconds = handle_seconds
        self._process: asyncio.subprocess.Process | None = None
        self._lock = asyncio.Lock()
        self._sent = 0

    async def deliver(self, alert: Alert, attempt: Attempt) -> Outcome:
        """Hands the alert over once."""
        async with self._lock:
            try:
                async with asyncio.timeout(self._handle_seconds):
                    answer = await self._handled(alert, attempt)
            except TimeoutError:
                await self._end()
                return Retry(None, f"the handler took longer than {self._handle_seconds:g} s and was stopped")
            except (OSError, EOFError, ValueError) as error:
                await self._end()
                return Retry(None, f"the handler's process ended: {error}")
        return Delivered() if answer.error is None else Retry(None, f"the handler raised {answer.error}")

    async def _handled(self, alert: Alert, attempt: Attempt) -> _Answer:
        process = await self._running()
        assert process.stdin is not None
        assert process.stdout is not None
        self._sent += 1
        task: dict[str, Any] = {"id": self._sent, "alert": alert.to_dict()}
        attempt.check()
        process.stdin.write(msgspec.json.encode(task) + b"\n")
        await process.stdin.drain()
        line = await process.stdout.readline()
        if not line:
            raise EOFError(f"exit code {await process.wait()}")
        answer = msgspec.json.decode(line, type=_Answer)
        if answer.id != self._sent:
            raise ValueError(f"it answered alert {answer.id} in place of {self._sent}")
        return answer

    async def _running(self) -> asyncio.subprocess.Process:
        if self._process is None or self._process.returncode is not None:
            pipe = asyncio.subprocess.PIPE
            self._process = await asyncio.create_subprocess_exec(
                *_PROGRAM, self._handler, stdin=pipe, stdout=pipe, limit=MAX_ANSWER_BYTES
            )
            _log.info("alert handler started", handler=self._handler, pid=self._process.pid)
        return self._process

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def aclose(self) -> None:
        """Lets the process end by itself, and ends it if it does not."""
        process = self._process
        if process is None or process.stdin is None:
            return
        process.stdin.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_SECONDS):
                await process.wait()
        await self._end()


def _well_named(text: str) -> str:
    for name in text.split(","):
        if not re.fullmatch(r"[\w.\-]+(:[\w.]+)?", name.strip()):
            raise ValueError("must be package.module:Name or the name of an entry point, several separated by commas")
    return text


class HandlerSettings(SinkSettings):
    """The names of the team's handlers; whether they can be loaded is seen when they are made."""

    alert_handlers: Annotated[str, AfterValidator(_well_named)] | None = sink_setting(
        None,
        "Your own alert handlers, each run in a process of its own (docs/client.md).",
        form="package.module:Name or the name of an entry point, several separated by commas",
    )


def _sinks(settings: HandlerSettings, client: httpx.AsyncClient) -> Destinations:
    names = [name.strip() for name in (settings.alert_handlers or "").split(",") if name.strip()]
    for name in names:
        check_handler(name)
    return Destinations([HandlerSink(name) for name in names])


KIND = SinkKind(HandlerSettings, _sinks)
