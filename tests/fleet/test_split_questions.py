"""Every question of the list, asked about a project whose events are in two partitions of two workers."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import msgspec
import pytest

from agents.engine.ownership import PartitionPhase
from episode_monitor.fleet.catalogue import all_questions
from episode_monitor.fleet.errors import Recovering, Refused
from episode_monitor.fleet.question import Question, Scope
from episode_monitor.fleet.questions.compare import CompareQuestion
from episode_monitor.fleet.questions.project_list import ProjectListQuestion
from episode_monitor.fleet.questions.rules import RulesQuestion
from episode_monitor.fleet.questions.split_parts import SplitPartsQuestion
from episode_monitor.fleet.transaction import Act
from tests.fleet.fleet import Fleet, Worker
from tests.fleet.questions import NoJobs, sample_of

PROJECT = "halved"
NOT_ABOUT_IT = {
    RulesQuestion,  # names the worker that was asked first
    SplitPartsQuestion,  # finds the parts; its answers are not merged
}
KINDS = [kind for kind in all_questions().values() if not issubclass(kind, Act) and kind not in NOT_ABOUT_IT]


async def two_halves(fleet: Fleet, *, are_known: bool) -> tuple[Worker, Worker]:
    """`left` has numbers in partition 0, `right` in partition 1; both parts lack one and have an alert."""
    left, right = await fleet.worker("left"), await fleet.worker("right")
    for worker, number, numbers in ((left, 0, (1, 3)), (right, 1, (4, 6, 8))):
        worker.own.jobs = worker.own.replays = NoJobs()
        log = worker.own_partition(number)
        for episode in numbers:
            log.created(PROJECT, episode)
        log.settle(120)
    await fleet.publish()
    if are_known:
        await left.splits.look(0.0)
        await fleet.publish()
    return left, right


def about_it(kind: type[Question[Any, Any]]) -> Question[Any, Any]:
    """The question with the project in each parameter that takes one."""
    projects: list[Any] = [(PROJECT, 1)] if kind is CompareQuestion else [PROJECT]
    given = {"project_id": PROJECT, "projects": projects}
    return sample_of(kind, **{name: value for name, value in given.items() if name in kind.__struct_fields__})


def lists_in(answer: Any) -> Iterator[list[Any]]:
    """All lists in an answer, at any depth."""
    if isinstance(answer, dict):
        for value in answer.values():
            yield from lists_in(value)
    elif isinstance(answer, list):
        yield answer
        for value in answer:
            yield from lists_in(value)


def times_named(entries: list[Any]) -> int:
    """How many entries of one list are about the project."""
    return sum(PROJECT in (one, one.get("project_id") if isinstance(one, dict) else None) for one in entries)


@pytest.mark.parametrize("are_known", [True, False], ids=["noticed", "not noticed yet"])
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
async def test_no_list_names_it_twice(kind: type[Question[Any, Any]], are_known: bool) -> None:
    async with Fleet(2) as fleet:
        for worker in await two_halves(fleet, are_known=are_known):
            with suppress(Refused):  # it has no finding of the sample's id
                answer = msgspec.to_builtins(await worker.model.ask(about_it(kind)))
                assert max(map(times_named, lists_in(answer)), default=0) <= 1, answer


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
async def test_both_workers_give_the_same_answer(kind: type[Question[Any, Any]]) -> None:
    async with Fleet(2) as fleet:
        answers = []
        for worker in await two_halves(fleet, are_known=True):
            try:
                answers.append(msgspec.to_builtins(await worker.model.ask(about_it(kind))))
            except Refused as refused:
                answers.append(msgspec.to_builtins(refused.refusal))
        assert answers[0] == answers[1]


@pytest.mark.parametrize(
    "kind", [kind for kind in KINDS if kind.scope is Scope.EVERY_OWNER], ids=lambda kind: kind.__name__
)
async def test_a_partition_that_leaves_while_it_answers_makes_no_half_an_answer(
    kind: type[Question[Any, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Fleet(2) as fleet:
        left, _ = await two_halves(fleet, are_known=True)
        answer = kind.answer

        async def answer_and_lose(question: Question[Any, Any], here: Any) -> Any:
            found = await answer(question, here)
            left.engine.owned[0].phase = PartitionPhase.GONE
            return found

        monkeypatch.setattr(kind, "answer", answer_and_lose)
        with pytest.raises(Recovering):
            await about_it(kind).partial_answer(left.own)


async def test_the_list_of_projects_has_it() -> None:
    async with Fleet(2) as fleet:
        for worker in await two_halves(fleet, are_known=True):
            page = await worker.model.ask(ProjectListQuestion())
            assert [(row.project_id, row.is_split) for row in page.projects] == [(PROJECT, True)]
