"""`audit export` of a worker with a gap, an alert that a person acknowledged, and checkpoints; and its verification."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from testbed.monitor_settings import monitor_settings
from tests.agents.support import created, producing
from tests.system.running import ready, until, view, worker
from tests.system.test_commands import Ran, run

pytestmark = pytest.mark.broker
AUDIT = {"AUDIT_CHECKPOINT_SECONDS": "1", "GAP_SETTLE_SECONDS": "0"}


def lines(folder: Path, name: str) -> list[Any]:
    return [json.loads(line) for line in (folder / f"{name}.jsonl").read_bytes().splitlines()]


async def test_an_export_has_what_happened_in_its_range_and_is_verified_without_kafka(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    own = AUDIT | {"AUDIT_TOPIC": f"{topic_prefix}audit"}
    with worker(broker, topic_prefix, **own) as program:
        until(lambda: ready(program), "ready worker")
        there = monitor_settings(broker, topic_prefix) | own | {"MONITORING_PORT": program.url.rpartition(":")[2]}
        async with producing(broker) as producer:
            for number in (1, 3):
                await producer.send_and_wait(there["EVENTS_TOPIC"], created("=team", number), key=b"=team")
        until(lambda: view(program, "/alerts/active")["total"], "alert")
        assert run("alerts", "ack", "episode_integrity:=team", "--by", "kim", **there).code == 0
        until(lambda: run("audit", "verify", "--json", **there).code == 0, "checkpoints")

        folder = tmp_path / "audit"
        said = run("audit", "export", str(folder), "--from", "-1h", "--json", **there)
        assert (said.code, said.err) == (0, ""), said
        [finding] = lines(folder, "findings")
        assert (finding["project_id"], finding["first_number"], finding["last_number"]) == ("=team", 2, 2)
        assert lines(folder, "acts")[-1]["who"] == "kim"
        assert lines(folder, "alerts")[-1]["reason"] == "acknowledged_by_person"
        assert len(lines(folder, "checkpoints")) == said.json["rows"]["checkpoints"] > 0
        assert "'=team,gap," in (folder / "findings.csv").read_text()
        assert said.json["kept_in"] == "memory"
        assert any("MONITOR_DATABASE_URL is not set" in note for note in said.json["notes"])

        again = run("audit", "export", str(folder), **there)
        assert (again.code, again.out, again.err.count("\n")) == (4, "", 1)
        earlier = run("audit", "export", str(tmp_path / "earlier"), "--to", "-1h", "--json", **there)
        assert set(earlier.json["rows"].values()) == {0}
        refused = run("audit", "export", str(tmp_path / "none"), "--from", "5", **there)
        assert (refused.code, refused.err.count("\n")) == (2, 1)
    away = run("audit", "export", str(tmp_path / "away"), **there)
    assert (away.code, away.err.count("\n"), sorted(os.listdir(tmp_path))) == (3, 1, ["audit", "earlier"])

    def verified(*words: str) -> Ran:
        return run("audit", "verify", "--export", str(folder), "--json", *words)

    whole = verified()
    assert (whole.code, whole.json["manifest_sha256"]) == (0, said.json["manifest_sha256"])
    (folder / "acts.csv").write_bytes((folder / "acts.csv").read_bytes().replace(b"kim", b"lee"))
    altered = verified()
    assert (altered.code, altered.json["faults"]) == (1, [{"name": "acts.csv", "what": "altered"}])
    assert verified("--topic", "copy").code == 2
