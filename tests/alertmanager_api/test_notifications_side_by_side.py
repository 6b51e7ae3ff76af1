"""The same plays before a real Alertmanager and the dispatcher: both notify the same receivers of the same, in the same
order and at the same second, except where a play says why not."""

import asyncio
import time

import httpx
import pytest
import pytest_asyncio

from streams.dispatch.config import DispatchConfig
from tests.alertmanager_api.playing import END_SECONDS, Message, Stage, config_of, dispatch_config, wanted
from tests.alertmanager_api.plays import PLAYS
from tests.alertmanager_api.real import Received, receiving, running

Played = tuple[DispatchConfig, dict[str, Stage], list[Received]]
TOLERANCE_SECONDS = 1.0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """All plays at once: they do not see each other."""
    with receiving() as (url, received):
        text = config_of(url)
        with running(text, tmp_path_factory.mktemp("alertmanager")) as client:
            began_ms = time.time_ns() // 1_000_000 + 500
            stages = {name: Stage(name, play, began_ms) for name, play in PLAYS.items()}
            async with httpx.AsyncClient(base_url=client.base_url, trust_env=False) as caller:
                await asyncio.gather(*(stage.play(caller) for stage in stages.values()))
            await asyncio.sleep(began_ms / 1000 + END_SECONDS - time.time())
        return dispatch_config(text), stages, list(received)


def in_order(found: list[Message]) -> list[Message]:
    """Messages of one second come in any order."""
    return sorted(found, key=lambda one: (round(one.at), one.text))


def compare(found: list[Message], lines: str) -> None:
    """The texts in order, and the times."""
    expected = wanted(lines)
    assert [one.text for one in found] == [text for _, text in expected], [f"{one.at:g} {one.text}" for one in found]
    late = {one.text: one.at - at for one, (at, _) in zip(found, expected, strict=True)}
    assert {text: by for text, by in late.items() if abs(by) >= TOLERANCE_SECONDS} == {}


@pytest.mark.parametrize("name", PLAYS)
async def test_receivers_are_notified_as_by_alertmanager(played: Played, name: str) -> None:
    config, stages, received = played
    play, stage = PLAYS[name], stages[name]
    ours, theirs = in_order(stage.ours(config)), in_order(stage.theirs(received))
    compare(ours, play.expected)
    compare(theirs, play.theirs if play.why else play.expected)
    for one, other in zip(ours, theirs, strict=False):
        if one.text == other.text:
            assert one.content == other.content


def test_most_plays_are_the_same_for_both() -> None:
    assert all((play.theirs != play.expected) == bool(play.why) for play in PLAYS.values() if play.why or play.theirs)
    assert sum(bool(play.why) for play in PLAYS.values()) < len(PLAYS) / 2
