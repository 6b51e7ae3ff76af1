"""Requests that cost much: what a route asks before it begins one, and what it documents."""

import math

from fastapi import Request

from episode_monitor.web.context import context_of
from episode_monitor.web.problems import Problem
from episode_monitor.web.schemas import Responses, problem
from episode_monitor.web.security import caller_of

TOO_OFTEN: Responses = {
    429: problem("The caller asks for this too often, or as many jobs wait as may wait; see Retry-After.")
}


def spend(request: Request, kind: str) -> None:
    """Count a costly request. Raises Problem 429."""
    caller = caller_of(request)
    wait_seconds = context_of(request).rates.wait_seconds(caller.name or caller.peer, kind)
    if wait_seconds:
        seconds = max(1, math.ceil(wait_seconds))
        raise Problem(
            429, "too_many_requests", f"This worker does it only so often for one caller: try again in {seconds} s, or "
            "raise COSTLY_REQUESTS_PER_MINUTE.",
            headers={"retry-after": str(seconds)}, extra={"retry_after_seconds": seconds},
        )  # fmt: skip
