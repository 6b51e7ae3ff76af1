"""The process in which one alert handler lives: alerts come in as lines of JSON, and each is answered by a line.

`python -m episode_monitor_client.handler_process NAME` serves; with `--check` it only makes the handler. What the
handler prints goes to standard error, so that it cannot be taken for an answer.
"""

import asyncio
import importlib
import inspect
import json
import os
import sys
from collections.abc import Callable, Iterable
from importlib.metadata import entry_points
from typing import Any, TextIO

from .alerts import Alert

ENTRY_POINTS = "episode_monitor.alert_handlers"
MAX_REASON_CHARACTERS = 300

Handle = Callable[[Alert], Any]


class HandlerError(Exception):
    """The handler cannot be had; the message is one sentence."""


def find_handler(name: str) -> Handle:
    """The callable behind `package.module:Name`, `package.module.Name`, or an entry point's name. Raises HandlerError.

    A class is made without arguments, and its `handle` is called; anything else is called itself or by its `handle`.
    """
    for point in entry_points(group=ENTRY_POINTS, name=name):
        return _callable(name, _guarded(name, point.load))
    module_name, separator, attribute = name.partition(":") if ":" in name else name.rpartition(".")
    if not separator or not module_name or not attribute:
        raise HandlerError(f"There is no alert handler {name!r}; write package.module:Name or an entry point's name.")
    module = _guarded(name, lambda: importlib.import_module(module_name))
    found: Any = module
    for part in attribute.split("."):
        found = getattr(found, part, None)
        if found is None:
            raise HandlerError(f"Module {module_name} has no {attribute}; correct the alert handler {name!r}.")
    return _callable(name, found)


def _guarded(name: str, load: Callable[[], Any]) -> Any:
    try:
        return load()
    except Exception as error:
        raise HandlerError(f"The alert handler {name!r} cannot be loaded: {_reason(error)}.") from error


def _callable(name: str, found: Any) -> Handle:
    if inspect.isclass(found):
        found = _guarded(name, found)
    handle = getattr(found, "handle", found)
    if not callable(handle):
        raise HandlerError(f"The alert handler {name!r} has no method `handle` and cannot be called.")
    found_handle: Handle = handle
    return found_handle


def _reason(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:MAX_REASON_CHARACTERS].rstrip(".")


def serve(handle: Handle, lines: Iterable[str], answers: TextIO) -> None:
    """Take alerts until the lines end. An answer has the line's `id`, and `error` where the handler raised."""
    with asyncio.Runner() as runner:
        for line in lines:
            task = json.loads(line)
            answer: dict[str, Any] = {"id": task["id"]}
            try:
                taken = handle(Alert(task["alert"]))
                if inspect.isawaitable(taken):
                    runner.run(_awaited(taken))
            except Exception as error:
                answer["error"] = _reason(error)
            answers.write(json.dumps(answer) + "\n")
            answers.flush()


async def _awaited(taken: Any) -> None:
    await taken


def main(arguments: list[str]) -> int:
    """2, and a sentence on standard error, where the handler cannot be had."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # also for what is printed by C code and by children
    sys.stdout = sys.stderr
    sys.path.append(os.getcwd())  # last: a module there must not stand in for an installed one
    name, is_check = arguments[-1], "--check" in arguments
    try:
        handle = find_handler(name)
    except HandlerError as error:
        print(error, file=sys.stderr)
        return 2
    if not is_check:
        serve(handle, sys.stdin, answers)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
