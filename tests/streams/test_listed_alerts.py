"""A partition describes its active alerts anew only where a project has changed: the list is as if all were."""

from random import Random

import pytest

from models.alert import Alert
from streams.base.steps import finish
from streams.partition import summary
from streams.partition.partition import Partition
from streams.partition.summary import active_alerts_of, alerts_of, most_severe_first
from streams.project.findings import BeforeWaiving, findings_of, waive_and_judge
from streams.project.rule_evaluator import active_alerts
from tests.streams_views.making import START_MS, Log, new_log, store

PROJECTS = [f"p{number}" for number in range(6)]


def listed(partition: Partition) -> list[Alert]:
    return finish(alerts_of(partition, 500))[0]


def made_anew(partition: Partition) -> list[Alert]:
    states = [partition.look(project_id) for project_id in partition.index.alerting]
    return most_severe_first([one for state in states if state for one in active_alerts(partition.core, state)])


def waive(log: Log, project_id: str, *, is_undone: bool = False) -> None:
    """As a person does, asked about by others before it is kept or undone."""
    partition = log.partition
    state = partition.state_to_change(project_id)
    if state is None:
        return
    before, now_ms = BeforeWaiving.of(state), max(partition.clock_ms, state.now_ms)
    for one in list(findings_of(project_id, state.numbering)):
        if one.state == "open":
            done = waive_and_judge(partition.core, state, one.finding_id, "kim", "known", now_ms, now_ms + 600_000)
            if not isinstance(done, tuple):
                return  # refused: nothing was changed
            assert listed(partition) == made_anew(partition)
            assert done[0].waiver is not None
            if is_undone:
                before.restore(state, done[0].waiver)
            break
    if not is_undone:
        partition.touch(state)


def change(log: Log, random: Random, at: float) -> None:
    project_id = random.choice(PROJECTS)
    match random.randrange(12):
        case 0:
            store(log)
        case 1:
            log.settle(at)
        case 2:
            waive(log, project_id)
        case 3:
            waive(log, project_id, is_undone=True)
        case 4 if random.randrange(8) == 0:
            log.partition.note_split(project_id, [0, 1])
        case 4 | 5 | 6:
            log.failed(project_id, at)
        case _:
            log.created(project_id, random.randrange(1, 40), at, episode=f"{project_id}-{random.randrange(60)}")


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("cached_projects", [100, 2])
def test_after_each_change_the_list_is_as_if_every_project_were_described_anew(seed: int, cached_projects: int) -> None:
    random, log, at, seen = Random(seed), new_log(cached_projects=cached_projects), 0.0, set[str]()
    for _ in range(400):
        at += random.choice([0, 0, 0.5, 20, 400])
        change(log, random, at)
        assert listed(log.partition) == made_anew(log.partition)
        seen.update(one.description for one in listed(log.partition))
    assert len(seen) > 50, "many different alerts were listed"


def test_a_restored_partition_lists_what_is_stored() -> None:
    log = new_log()
    log.numbers("p1", 1, 2, 4)
    log.settle()
    store(log)
    again = Partition(log.partition.core, 0, log.partition._store, 1000)
    finish(again.restore())
    assert listed(again) == listed(log.partition) == made_anew(again) != []


def test_what_has_not_changed_is_not_described_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    log = new_log()
    for project_id in ("p1", "p2"):
        log.numbers(project_id, 1, 2, 4)
    log.settle()
    before, described = listed(log.partition), list[str]()

    def noted(core: object, state: object) -> list[Alert]:
        described.append(state.project_id)  # type: ignore[attr-defined]
        return active_alerts(core, state)  # type: ignore[arg-type]

    monkeypatch.setattr(summary, "active_alerts", noted)
    assert (listed(log.partition), described) == (before, [])
    store(log)
    log.created("p2", 9, 3600)
    listed(log.partition)
    assert described == ["p2"]
    assert active_alerts_of(log.partition, "p3") == []


def test_counts_are_of_all_alerts_also_of_those_that_were_described_before() -> None:
    log = new_log()
    for project_id in ("p1", "p2"):
        log.numbers(project_id, 1, 2, 4)
    log.settle()
    for _ in range(2):
        (alert,), (count,) = finish(alerts_of(log.partition, 1))
        assert (alert.updated_at_ms, count.severity, count.count) == (START_MS + 60_000, "critical", 2)
