"""The rules in force over HTTP: what each one is, how many projects it concerns now, and whether all workers agree."""

from decimal import Decimal
from typing import Any

import msgspec

from episode_monitor import __version__
from episode_monitor.fleet.local_state import RulesOrigin
from streams.project.state_digest import rules_digest
from tests.fleet.fleet import Fleet, Worker, json
from tests.streams_views.making import CONFLICTS, FAILURES, INTEGRITY, START, START_MS, make_core

PATH = "/monitoring/episodes/rules"


async def one_more(fleet: Fleet, name: str, partition: int) -> Worker:
    """A worker with two projects that lack the number 1, for longer than it takes to settle."""
    worker = await fleet.worker(name)
    worker.own.rules_origin = RulesOrigin(worker.url, f"{name}.yaml", START_MS)
    log = worker.own_partition(partition)
    for project in ("a", "b"):
        log.created(f"{name}-{project}", 2)
    log.settle(60)
    return worker


def by_id(answer: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {rule["rule_id"]: rule for rule in answer["rules"]}


async def test_any_worker_shows_each_rule_with_the_projects_of_all_workers_that_it_concerns() -> None:
    async with Fleet(2) as fleet:
        first, second = await one_more(fleet, "first", 0), await one_more(fleet, "second", 1)
        await fleet.publish()
        for worker, other in ((first, second), (second, first)):
            answer = json(await worker.get(PATH))
            assert (answer["version"], answer["rules_digest"]) == (
                fleet.core.rules.fingerprint, rules_digest(fleet.core),
            )  # fmt: skip
            assert (answer["file"], answer["loaded_at"]) == (f"{worker.name}.yaml", START)
            assert (answer["agree"], answer["disagreements"], answer["software"]) == (True, [], __version__)
            assert [each["url"] for each in answer["workers"]] == [worker.url, other.url]
            assert not answer["is_lower_bound"]
        failures, integrity = by_id(answer)["failures"], by_id(answer)["integrity"]
        assert (failures["threshold"], failures["unit"], failures["threshold_text"]) == (1.0, "%", "1 %")
        assert (failures["window_minutes"], failures["firing"], failures["alert_type"]) == (15, 0, "HIGH_FAILURE_RATE")
        assert (integrity["window_minutes"], integrity["unit"], integrity["firing"]) == (None, "findings", 4)


async def test_workers_with_other_rules_are_named_with_the_rules_that_differ() -> None:
    async with Fleet(2) as fleet:
        first = await one_more(fleet, "first", 0)
        laxer = msgspec.structs.replace(FAILURES, threshold=Decimal(7))
        fleet.core = make_core(laxer, INTEGRITY)
        second = await one_more(fleet, "second", 1)
        await fleet.publish()
        answer = json(await first.get(PATH))
        assert not answer["agree"]
        assert [each["differs_in"] for each in answer["workers"]] == [[], ["conflicts", "failures"]]
        assert answer["disagreements"] == [
            f"The worker at {second.url} differs from the one at {first.url} in the rules conflicts, failures: use the "
            f"same rules file and settings on all workers and restart them."
        ]
        assert by_id(answer)["failures"]["threshold"] == 1.0
        assert by_id(json(await second.get(PATH)))["failures"]["threshold"] == 7.0


async def test_equal_rules_under_other_settings_of_the_state_do_not_agree() -> None:
    async with Fleet(2) as fleet:
        first = await one_more(fleet, "first", 0)
        fleet.core = make_core(FAILURES, CONFLICTS, INTEGRITY, zone="Asia/Seoul")
        await one_more(fleet, "second", 1)
        await fleet.publish()
        answer = json(await first.get(PATH))
        assert (answer["agree"], len(answer["disagreements"])) == (False, 1)
        assert "in settings that decide what a state holds" in answer["disagreements"][0]


async def test_while_a_partition_has_no_owner_the_counts_are_not_known() -> None:
    async with Fleet(2) as fleet:
        first = await one_more(fleet, "first", 0)
        await fleet.publish()
        assert (await first.get(PATH)).status_code == 503


async def test_any_worker_says_where_each_rule_of_a_project_stands() -> None:
    async with Fleet(2) as fleet:
        first, second = await one_more(fleet, "first", 0), await one_more(fleet, "second", 1)
        await fleet.publish()
        path = "/monitoring/episodes/integrity/project/second-a/rules"
        answer = json(await first.get(path))
        assert answer == json(await second.get(path))
        assert [(one["rule_id"], one["state"]) for one in answer["rules"]] == [
            ("failures", "inactive"), ("conflicts", "inactive"), ("integrity", "firing"),
        ]  # fmt: skip
        assert (answer["project_id"], answer["applied"]["partition"]) == ("second-a", 1)
        unknown = await first.get("/monitoring/episodes/integrity/project/nobody/rules")
        assert json(unknown, 404)["code"] == "unknown_project"
