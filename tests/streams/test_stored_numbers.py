"""The stored form of numbers, byte for byte: what one version has written every later one must read, and a chunk that
did not change must not look as if it had.
"""

import random
from collections.abc import Callable
from hashlib import blake2b
from uuid import UUID

import msgspec
import pytest

from streams.base.ids import pack_id
from streams.base.numbering_rules import DeletedNumbers
from streams.numbering.numbering import Numbering
from streams.numbering.waivers import DUPLICATE, GAP, Waiver
from streams.project.project_state import ProjectState
from streams.project.state_codec import HEADER_BYTES, checkpoint, decode
from tests.streams.driving import core_with

Hold = Callable[[Numbering], None]


def hold(numbering: Numbering, episode: str, number: int, at_ms: int = 1000) -> None:
    numbering.hold(pack_id(episode), number, at_ms, at_ms, 5000 - 10_000)


def in_order(name: Callable[[int], str], last: int) -> Hold:
    def held(numbering: Numbering) -> None:
        for number in range(1, last + 1):
            hold(numbering, name(number), number)

    return held


def uuid(number: int) -> str:
    return str(UUID(int=random.Random(number).getrandbits(128)))


def nothing(numbering: Numbering) -> None:
    pass


def with_holes(numbering: Numbering) -> None:
    for number in (3, 4, 9, 300, 301, 702):
        hold(numbering, f"ep_{number:06d}", number, 1000 + number)
    numbering.settle(70_000)
    hold(numbering, "late", 5, 70_001)


def with_every_trouble(numbering: Numbering) -> None:
    in_order(lambda n: f"episode-{n:05d}", 600)(numbering)
    for at, number in enumerate((610, 620, 640)):
        hold(numbering, f"above-{number}", number, 2000 + at)
    hold(numbering, "second", 10)
    hold(numbering, "third", 10, 900)
    hold(numbering, "fourth", 300)
    numbering.settle(62_000)
    hold(numbering, "fifth", 301, 2000)
    hold(numbering, "far", 1_000_000)
    numbering.delete(pack_id("episode-00256"), 3000, 3000, 5000 - 10_000)
    numbering.delete(pack_id("episode-00600"), 3001, 3001, 5000 - 10_000)
    numbering.renumber(pack_id("episode-00007"), 650, 3002, 3002, 5000 - 10_000)
    numbering.delete(pack_id("unknown"), 3003, 3003, 5000 - 10_000)
    numbering.own().waive(Waiver(GAP, 601, 609, 3000, 99_000, "kim", "known"))
    numbering.own().waive(Waiver(DUPLICATE, 300, 300, 3000, 99_000, "kim", "known too"))


def at_random(numbering: Numbering) -> None:
    rnd = random.Random(5)
    names = [f"ep-{n}" for n in range(400)] + [uuid(n) for n in range(400)]
    for at_ms in range(1000, 4000):
        episode, number, what = pack_id(rnd.choice(names)), rnd.randint(1, 900), rnd.random()
        if what < 0.6:
            numbering.hold(episode, number, at_ms, at_ms, at_ms - 500)
        elif what < 0.8:
            numbering.delete(episode, at_ms, at_ms, at_ms - 500)
        else:
            numbering.renumber(episode, number, at_ms, at_ms, at_ms - 500)


STORED: dict[str, tuple[Hold, str]] = {
    "nothing": (nothing, "e00edb4ebb19068b341616a9"),
    "one episode": (in_order(lambda n: f"ep_{n:06d}", 1), "baec6e83ba3ec3a9198794e8"),
    "ids of one length": (in_order(lambda n: f"ep_{n:06d}", 700), "4c8c5dc80013b8fe00f8dabd"),
    "ids that grow": (in_order(lambda n: f"ep-{n}", 1100), "f7ec9acc2936dbfe290aa44f"),
    "ids beside each other": (in_order(lambda n: f"{n:03d}"[::-1], 200), "be7c2aaad46830ebe56febb7"),
    "UUIDs": (in_order(uuid, 600), "7777611979ba9a567e0f56fd"),
    "UUIDs beside others": (in_order(lambda n: uuid(n) if n % 3 else f"ep-{n}", 300), "eb15eb6c4038a744c5d4ccb9"),
    "ids of 17 bytes beside UUIDs": (
        in_order(lambda n: uuid(n) if n % 3 else f"ep-{n:014d}", 300),
        "ce4f1d78f5bc9aa9a45ce66c",
    ),
    "ids that begin others": (in_order(lambda n: "x" * n, 20), "89ff3f1816d32705b4508efa"),
    "long ids": (in_order(lambda n: f"{n:03d}" + "y" * 300, 40), "7004cf5afdd9102b2093fa0d"),
    "long ids alike": (in_order(lambda n: "y" * 300 + f"{n:03d}", 40), "7b35d83f491fbf574dc4c49c"),
    "holes": (with_holes, "a004f58aa346aa2bab84f4cc"),
    "every trouble": (with_every_trouble, "2b81f4da5a7be2224ba6b3ea"),
    "at random": (at_random, "0a7e5331acff496084a24266"),
}


def stored(state: ProjectState) -> bytes:
    """The numbers of the head, the chunks in it, and those apart."""
    found = checkpoint(state)
    body, versions, inline, *_ = msgspec.msgpack.decode(found.head[HEADER_BYTES:])
    return msgspec.msgpack.encode([body[16], versions, inline, found.chunks])


def state_with(held: Hold) -> ProjectState:
    core = core_with(settle_ms=60_000, deleted=DeletedNumbers.HOLE)
    state = ProjectState(core, "p")
    state.applied = 7
    held(state.numbering)
    return state


@pytest.mark.parametrize("name", STORED)
def test_numbers_are_stored_as_they_always_were(name: str) -> None:
    held, expected = STORED[name]
    assert blake2b(stored(state_with(held)), digest_size=12).hexdigest() == expected


@pytest.mark.parametrize("name", STORED)
def test_what_was_stored_and_read_is_stored_as_before(name: str) -> None:
    state = state_with(STORED[name][0])
    found = checkpoint(state)
    chunks = {(index, version): content for index, version, content in found.chunks}
    read = decode(state.core, "p", found.head, lambda index, version: chunks[index, version])
    assert checkpoint(read).head == found.head
    assert checkpoint(read).chunks == []
    assert sorted(read.numbering.episodes.items()) == sorted(state.numbering.episodes.items())
