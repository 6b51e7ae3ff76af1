"""The list of all questions and acts: what the files in `fleet/questions` and `fleet/acts` define. The routes between
workers are made from it."""

from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from episode_monitor.fleet import acts, questions
from episode_monitor.fleet.question import Question, Scope


@cache
def all_questions() -> dict[str, type[Question[Any, Any]]]:
    """By `wire_name`, which is part of the address between workers."""
    return {kind.wire_name(): kind for package in (questions, acts) for kind in _defined_in(package)}


def asked_by_peers() -> dict[str, type[Question[Any, Any]]]:
    """Those that go from one worker to another."""
    return {name: kind for name, kind in all_questions().items() if kind.scope is not Scope.LOCAL}


def _defined_in(package: Any) -> Iterator[type[Question[Any, Any]]]:
    for info in iter_modules(package.__path__, f"{package.__name__}."):
        module = import_module(info.name)
        for one in vars(module).values():
            if isinstance(one, type) and issubclass(one, Question) and one.__module__ == module.__name__:
                yield one
