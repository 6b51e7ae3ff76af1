"""What a monitor stands on fails and comes back: a few scenarios of `python -m faults.infra_all`."""

from pathlib import Path

import pytest

from episode_monitor.demo.guarded import ServerError
from faults.infra_all import INFRA_SCENARIOS, play_infra
from testbed.toxiproxy import toxiproxy_program

pytestmark = pytest.mark.apache


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
