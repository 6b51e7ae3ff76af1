"""Threads for a loop that may outlive the interpreter's own: once the process exits, none can be started any more.

A login to Kafka (SASL) computes in such a thread. Without this a short process with a login sends nothing at its end.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any


class LateThreads(ThreadPoolExecutor):
    """As its base while the process runs; afterwards the caller's own thread does the work."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        """The result to come; after the end of threads, one that is there."""
        try:
            return super().submit(fn, *args, **kwargs)
        except RuntimeError:  # of the interpreter: "cannot schedule new futures after interpreter shutdown"
            done: Future[Any] = Future()
            try:
                done.set_result(fn(*args, **kwargs))
            except BaseException as error:
                done.set_exception(error)
            return done
