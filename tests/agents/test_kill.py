"""Workers that are killed leave nothing lost and nothing doubled. `python -m tests.faults.kill` does it for longer."""

from pathlib import Path

import pytest

from tests.faults.kill import Round
from tests.faults.verdict import Plan

pytestmark = pytest.mark.broker


@pytest.mark.apache
async def test_two_workers_killed_ten_times_end_where_one_undisturbed_run_does(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    plan = Plan(bootstrap_servers=broker, prefix=topic_prefix, seed=20, kills=10, records=6_000, seconds=20.0)
    report = await Round(plan, tmp_path).run()
    assert report.wrong == []
    assert report.deaths.total() >= 10
    assert report.projects == 60
    assert report.transitions > 50
    assert report.letters > 10


async def test_workers_on_the_embedded_broker_lose_and_double_nothing_either(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    plan = Plan(
        bootstrap_servers=broker, prefix=topic_prefix, seed=21, kills=2, records=2_000, seconds=5.0, partitions=2,
        transactions=False, letters_once=False, session_timeout_seconds=4.0,
    )  # fmt: skip
    report = await Round(plan, tmp_path).run()
    assert report.wrong == []
    assert report.deaths.total() >= 2
    assert report.projects == 60
