"""Every contender of the equal work comes to what plain Python comes to. Needs a JDK of 17 and Maven."""

import pytest

from benchmarks import rig
from benchmarks.peers.contender import CannotRun
from benchmarks.peers.contenders import CONTENDERS, Work
from benchmarks.peers.equal.shape import EQUAL
from benchmarks.peers.race import race


@pytest.mark.apache
def test_every_contender_that_can_run_comes_to_the_right_answer() -> None:
    ready = []
    for contender in CONTENDERS[Work.EQUAL]:
        try:
            contender.prepare()
        except CannotRun as reason:
            print(f"{contender.title}: {reason}")
        else:
            ready.append(contender)
    with rig.kafka() as kafka:
        measured = race(kafka, ready, EQUAL, 3000, 3000, partitions=4, workers=2, rounds=1, warm_up=1000)
    assert {each.name for each in measured if each.figures} >= {"monitor", "streams-seconds"}
    assert [(each.name, each.problem, each.wrong) for each in measured if each.problem or each.wrong] == []
