"""How a sink answers when misbehaviour was ordered. Steps are used up in the order in which they were given."""

import asyncio
from collections import deque
from typing import Annotated, Literal, get_args

from fastapi import Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.types import Receive, Scope, Send

STEPS_MAX = 100

Sink = Literal["slack", "webhook", "pagerduty"]


class Step(BaseModel):
    """What happens to the next `times` requests of a sink; `times` null: to all of them until the program is cleared.

    The answer is `status` with `body`, `delay_seconds` late. `close_midway` sends half of it and drops the connection.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    sink: Sink
    status: Annotated[int, Field(ge=200, le=599)] = 200
    body: Annotated[str, Field(max_length=100_000)] | None = None  # null: what the sink says in good health
    delay_seconds: Annotated[float, Field(ge=0, le=300, allow_inf_nan=False)] = 0.0
    retry_after: int | str | None = None  # seconds, or an HTTP date
    location: str | None = None  # for redirects
    close_midway: bool = False
    times: Annotated[int, Field(ge=1, le=1_000_000)] | None = 1


class Programs:
    """The steps each sink still has before it."""

    def __init__(self) -> None:
        self._steps: dict[Sink, deque[tuple[Step, int | None]]] = {sink: deque() for sink in get_args(Sink)}

    def add(self, step: Step) -> None:
        """Appends a step. Raises OverflowError when too many wait."""
        if len(self._steps[step.sink]) >= STEPS_MAX:
            raise OverflowError(f"{STEPS_MAX} steps wait already: clear them first.")
        self._steps[step.sink].append((step, step.times))

    def next(self, sink: Sink) -> Step | None:
        """The step for one request; None in good health."""
        steps = self._steps[sink]
        if not steps:
            return None
        step, left = steps[0]
        if left is not None:
            steps.popleft()
            if left > 1:
                steps.appendleft((step, left - 1))
        return step

    def clear(self, sink: Sink | None) -> None:
        """Back to good health, one sink or both."""
        for name in self._steps if sink is None else (sink,):
            self._steps[name].clear()


class BrokenResponse(Response):
    """Promises its whole body, sends half, and leaves: the server then drops the connection."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends the half."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        half = bytes(self.body)[: len(self.body) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})


async def perform(step: Step, healthy_body: str) -> Response:
    """The response of a step, after its delay."""
    await asyncio.sleep(step.delay_seconds)
    headers = {}
    if step.retry_after is not None:
        headers["Retry-After"] = str(step.retry_after)
    if step.location is not None:
        headers["Location"] = step.location
    kind = BrokenResponse if step.close_midway else Response
    body = healthy_body if step.body is None else step.body
    if step.close_midway and len(body) < 2:
        body = "broken off"
    if step.status in (204, 304):
        body = ""  # HTTP allows none there
    return kind(body, step.status, headers, "text/plain")
