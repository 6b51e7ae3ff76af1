"""The list of questions: one file each, all of them can travel, and what one adds is in few files."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from agents.fleet_topic.fleet_view import Owner
from episode_monitor.fleet import acts, questions
from episode_monitor.fleet.ask import Fleet as Asked
from episode_monitor.fleet.catalogue import all_questions, asked_by_peers
from episode_monitor.fleet.peer_client import PeerClient
from episode_monitor.fleet.question import PartialAnswer, Question
from episode_monitor.fleet.questions.project import ProjectQuestion
from episode_monitor.fleet.transaction import Act
from tests.fleet.fleet import Fleet
from tests.fleet.questions import NoJobs, sample_of

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = [Path(package.__path__[0]) for package in (questions, acts)]
FILES = [path for folder in FOLDERS for path in sorted(folder.glob("*.py")) if path.stem != "__init__"]
# What every question passes through. None of these files may know one by name.
PLUMBING = [
    "fleet/ask.py", "fleet/catalogue.py", "fleet/errors.py", "fleet/local_state.py", "fleet/peer_client.py",
    "fleet/question.py", "fleet/transaction.py", "web/answers.py", "web/app.py", "web/context.py",
    "web/peer_routes.py", "web/problems.py", "web/schemas.py", "worker.py",
]  # fmt: skip


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_file_has_a_question_of_the_list(path: Path) -> None:
    module = f"episode_monitor.fleet.{path.parent.name}.{path.stem}"
    assert [kind for kind in all_questions().values() if kind.__module__ == module]


@pytest.mark.parametrize("name", all_questions())
def test_a_question_arrives_as_it_was_sent(name: str) -> None:
    question = sample_of(all_questions()[name])
    assert msgspec.json.decode(msgspec.json.encode(question), type=type(question)) == question


@pytest.mark.parametrize("name", asked_by_peers())
def test_what_goes_to_other_workers_says_what_they_find(name: str) -> None:
    assert all_questions()[name].found is not None


@pytest.mark.parametrize("kind", all_questions().values(), ids=lambda kind: kind.__name__)
def test_a_question_is_known_by_name_only_to_its_file_and_to_those_that_ask_it(kind: type[Question[Any, Any]]) -> None:
    """A reading endpoint is three files: the question, its answer's shape, the route. An act is five: the act, what it
    does to the state, the answer's shape, the request's body, the route."""
    word = re.compile(rf"\b{kind.__name__}\b")
    for path in PLUMBING:
        assert not word.search((ROOT / "episode_monitor" / path).read_text(encoding="utf-8")), path
    routes = [
        path.name
        for path in (ROOT / "episode_monitor/web").rglob("*.py")
        if word.search(path.read_text(encoding="utf-8"))
    ]
    assert len(routes) <= 1


@pytest.mark.parametrize("name", asked_by_peers())
async def test_other_workers_may_ask_it_and_no_one_else(name: str) -> None:
    async with Fleet(1) as fleet:
        worker = await fleet.worker("only")
        worker.own.jobs = worker.own.replays = NoJobs()
        address, question = f"{worker.url}/internal/v1/{name}", msgspec.to_builtins(sample_of(all_questions()[name]))
        assert (await fleet.client.post(address, json=question)).status_code == 403
        asked = await fleet.client.post(address, json=question, headers={"authorization": f"Bearer {worker.token}"})
        assert asked.status_code == 200
        assert msgspec.json.decode(asked.content)["partitions"] == []


def test_acts_and_questions_are_in_folders_of_their_own() -> None:
    for kind in all_questions().values():
        assert not (issubclass(kind, Act) and kind.__module__.startswith(questions.__name__))


class Peer(PeerClient):
    """Another worker that answers every question with these bytes."""

    def __init__(self, content: bytes) -> None:
        super().__init__(httpx.AsyncClient())
        self.content = content

    async def ask_all(
        self, owners: Sequence[Owner], question: Question[Any, Any], kind: Any, *, is_first_enough: bool = False,
        are_all_needed: bool = True,
    ) -> list[PartialAnswer[Any]]:  # fmt: skip
        found: Any = self.content if kind is msgspec.Raw else msgspec.json.decode(self.content, type=kind)
        return [PartialAnswer(partitions=[0, 1], found=msgspec.Raw(found) if kind is msgspec.Raw else found)]


async def test_an_answer_of_another_worker_passes_through_byte_by_byte() -> None:
    content = b'{"of a newer version" : [1,2]}'
    async with Fleet(2) as fleet:
        worker = await fleet.worker("only")
        asked = Asked(worker.own, Peer(content))
        assert await asked.encoded(ProjectQuestion(project_id="p")) == content
