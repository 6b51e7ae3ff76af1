"""What a monitor stands on fails and comes back: a few scenarios of `python -m tests.faults.infra`."""

from pathlib import Path

import pytest

from tests.faults import infra_all
from tests.faults.infra import INFRA_SCENARIOS, play_infra
from tests.support.toxiproxy import ServerError, toxiproxy_program

pytestmark = pytest.mark.apache

assert infra_all.__all__, "imported, so that all are registered"


async def wrong_with(name: str, folder: Path, broker: str) -> list[str]:
    return (await play_infra(name, 1, folder, broker)).wrong


async def test_receivers_that_ask_for_a_rest_get_everything_in_the_end(tmp_path: Path, broker: str) -> None:
    assert await wrong_with("receiver-429", tmp_path, broker) == []


async def test_a_changelog_whose_beginning_was_deleted_is_refused_and_counted_anew_without_it(
    tmp_path: Path, broker: str
) -> None:
    assert await wrong_with("changelog-cut", tmp_path, broker) == []


async def test_the_history_is_whole_after_postgresql_was_away(tmp_path: Path, broker: str) -> None:
    assert await wrong_with("postgres-restarted", tmp_path, broker) == []


async def test_a_way_to_the_broker_that_is_cut_costs_nothing_but_time(tmp_path: Path, broker: str) -> None:
    try:
        toxiproxy_program()
    except ServerError as error:
        pytest.skip(str(error))
    assert await wrong_with("broker-unreachable", tmp_path, broker) == []


def test_every_scenario_says_what_it_does() -> None:
    assert len(INFRA_SCENARIOS) >= 15
    assert [name for name, one in INFRA_SCENARIOS.items() if not one.does] == []
