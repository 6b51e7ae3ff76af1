"""Turns of the event loop that several coroutines share."""

import asyncio

from agents.time_slices import Turns


async def test_of_several_that_ask_one_runs_in_each_turn_of_the_loop_and_all_in_their_order() -> None:
    turns, now, ran = Turns(), 0, []

    async def works(name: str) -> None:
        for _ in range(2):
            await turns.mine()
            ran.append((now, name))
            await asyncio.sleep(0)

    working = asyncio.gather(*(works(name) for name in "abc"))
    while not working.done():
        await asyncio.sleep(0)
        now += 1
    assert [name for _, name in ran] == ["a", "b", "c", "a", "b", "c"]
    assert len({turn for turn, _ in ran}) == 6, "no two in the same turn"


async def test_one_that_is_alone_need_not_wait() -> None:
    turns, ran = Turns(), []

    async def works() -> None:
        for _ in range(3):
            await turns.mine()
            ran.append("slice")
            await asyncio.sleep(0)

    working = asyncio.create_task(works())
    for _ in range(4):
        await asyncio.sleep(0)
    assert (ran, working.done()) == (["slice"] * 3, True)


async def test_the_turn_of_one_that_was_cancelled_goes_to_the_next() -> None:
    turns, ran = Turns(), []

    async def works(name: str) -> None:
        await turns.mine()
        ran.append(name)

    await turns.mine()
    first, second, third = (asyncio.create_task(works(name)) for name in "abc")
    await asyncio.sleep(0)  # all ask
    first.cancel()
    await asyncio.sleep(0)  # the second has its turn, and is cancelled before it runs
    second.cancel()
    await asyncio.wait_for(third, 10)
    assert ran[-1] == "c"
    await asyncio.wait_for(turns.mine(), 10)
