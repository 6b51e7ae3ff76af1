"""What a scenario is, the list of all, and the fault that several of them share."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from faults.stage import Stage

Play = Callable[[Stage], Awaitable[None]]


class Scenario(msgspec.Struct, frozen=True):
    """`weight`: how often it is chosen among the others. `plan`: what differs from the default plan."""

    name: str
    play: Play
    weight: int
    plan: dict[str, Any]


SCENARIOS: dict[str, Scenario] = {}


def scenario(name: str, weight: int = 1, **plan: Any) -> Callable[[Play], Play]:
    """Register a scenario under its name."""

    def register(play: Play) -> Play:
        SCENARIOS[name] = Scenario(name, play, weight, plan)
        return play

    return register


def dies_at(place: str, most: int, deaths: int) -> Play:
    """Two workers die by `kill -9` at a failpoint, so many times in all, each at one of its first `most` passes."""

    async def play(stage: Stage) -> None:
        def next_fault() -> tuple[str, int]:
            return (place, stage.rnd.randint(1, most)) if stage.deaths[place] < deaths else ("", 1)

        stage.next_fault = next_fault
        await stage.start("a", fault=place, on=stage.rnd.randint(1, most))
        await stage.start("b", fault=place, on=stage.rnd.randint(1, most))
        await stage.feeding

    return play


async def die_at_random(stage: Stage) -> None:
    """Two workers die by `kill -9` at any moment, also while they start, join or recover."""
    await stage.start("a", "b")
    await stage.live("a", "b")
    while not stage.feeding.done():
        await asyncio.sleep(stage.rnd.uniform(0.2, 1.2))
        name = stage.rnd.choice(("a", "b"))
        await stage.kill(name)
        await asyncio.sleep(stage.rnd.choice((0.0, 0.0, 0.1, 0.5)))
        await stage.start(name)
