"""A round with violations can be judged again from what is kept of it."""

from pathlib import Path

from faults.evidence import Answer, Commit, Kept, Sent
from faults.kept_round import judged_again, keep
from faults.plan import Plan
from faults.stage import Stage


def test_the_kept_evidence_gives_the_same_verdict(tmp_path: Path) -> None:
    stage = Stage(Plan(bootstrap_servers="127.0.0.1:1", prefix="kept-", seed=7), tmp_path)
    stage.configure("http://127.0.0.1:2")
    stage.evidence.acknowledged.append(Sent(0, 0, b"p", b"lost"))
    stage.evidence.events = {0: []}
    stage.evidence.unsure = {b"unsure"}
    stage.evidence.commits += [Commit("kept-events", 0, 5), Commit("kept-events", 0, 3)]
    stage.evidence.acts.append(Kept(0, b"a", None, (("x", b"y"),), 12))
    stage.evidence.answers.append(Answer("a", "", 503, {"detail": "no"}))
    wrong = stage.judge(stage.evidence).verdict()
    assert any("went back from 5 to 3" in sentence for sentence in wrong)
    keep(stage, wrong)
    assert judged_again(tmp_path) == wrong
