"""The audit of the demo, as docs/audit.md does it: what happened, the proof, a changed copy, and the folder."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.demo_process import Demo, Ran
from tests.system.running import until

FAULTS = {("proj_lost_number", "gap"), ("proj_used_twice", "duplicate"), ("proj_repaired", "gap")}


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    running = Demo(tmp_path / "output", seconds=300)
    try:
        yield running
    finally:
        running.interrupt()


def test_an_audit_of_the_demo_finds_its_faults_proves_the_rest_and_names_one_altered_byte(
    demo: Demo, tmp_path: Path
) -> None:
    def found() -> Ran | None:
        ran = demo.run("episode-monitor replay --json")
        kinds = {(each["project_id"], each["kind"]) for each in json.loads(ran.out or "{}").get("findings", [])}
        return ran if kinds == FAULTS else None

    until(found, "the injected faults", 90)
    until(lambda: demo.run("episode-monitor replay --against live").code == 0, "state that is equal in both")

    def proven() -> bool:
        ran = demo.run("episode-monitor audit verify --json")
        assert ran.code in (0, 1, 2), ran  # 1, 2: a partition, or all, have no checkpoint yet
        return ran.code == 0 and json.loads(ran.out)["checkpoints"] >= 6

    until(proven, "proof with some checkpoints", 90)
    copied = demo.run("python -m examples.copy_topic altered --alter 1:50")
    ends = copied.out.rstrip(".\n").rpartition(" ")[2]
    verified = demo.run(f"episode-monitor audit verify --topic altered --to {ends} --json")
    assert verified.code == 1
    [record] = json.loads(verified.out)["records"]
    assert (record["what"], record["partition"], record["offset"]) == ("altered", 1, 50)
    exact = demo.run(f"python -m examples.copy_topic exact; episode-monitor audit verify --topic exact --to {ends}")
    assert exact.code == 0, exact
    assert exact.out.endswith("exact: an exact copy.\n")

    folder = tmp_path / "audit"
    acknowledged = demo.run("episode-monitor alerts ack episode_integrity:proj_lost_number --by mina")
    assert acknowledged.code == 0, acknowledged
    until(lambda: "mina" in demo.run("episode-monitor audit list").out, "act in the audit")
    exported = demo.run(f"episode-monitor audit export {folder} --from -1h --json")
    assert exported.code == 0, exported
    rows = json.loads(exported.out)["rows"]
    assert rows["findings"] >= 3
    assert rows["acts"] >= 1  # kim of the demo may have acted as well
    assert demo.run(f"episode-monitor audit verify --export {folder}").code == 0
