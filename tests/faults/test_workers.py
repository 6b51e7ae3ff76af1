"""Workers that come to harm leave nothing lost and nothing doubled: thirty deaths in a few minutes. `./run faults`
plays the same scenarios for longer."""

import pytest

from faults.runner import chosen, play_rounds, summary
from faults.scenarios import SCENARIOS

pytestmark = [pytest.mark.broker, pytest.mark.apache]

SEED = 20
AT_ONCE = 3
SHORT = [name for name, scenario in SCENARIOS.items() if scenario.weight]


async def test_every_scenario_and_thirty_deaths_end_where_one_undisturbed_run_does(broker: str) -> None:
    lines: list[str] = []
    picked = [*SHORT, *(name for name in SHORT if name.startswith("kill-"))]
    reports = await play_rounds(
        broker, range(SEED, SEED + len(picked)), picked=picked, at_once=AT_ONCE, write=lines.append
    )
    whole = summary(reports, 0.0)
    wrong = [f"{report.scenario} (seed {report.seed}): {sentence}" for report in reports for sentence in report.wrong]
    assert not wrong, "\n".join([" | ".join(wrong), *lines])  # the first line is all that a summary shows
    assert {report.scenario for report in reports} == set(SHORT)
    deaths = whole["kills"]
    assert isinstance(deaths, int)
    assert deaths >= 30
    for report in reports:
        assert report.counts["acknowledged"] > 1000
        assert report.counts["transitions"] > 50
        assert report.counts["dead letters"] > 3
        assert report.counts["commits"] > 4


def test_a_seed_chooses_the_same_scenario_every_time() -> None:
    assert [chosen(seed).name for seed in range(40)] == [chosen(seed).name for seed in range(40)]
    assert {chosen(seed).name for seed in range(400)} == set(SHORT)
