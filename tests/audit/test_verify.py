"""`audit verify` on a broker: the own topic, copies of it, and what cannot be verified."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from episode_monitor.audit.records import Bare
from episode_monitor.storage.storage import open_storage
from models.audit_checkpoint import AuditCheckpoint, checkpoint_key
from models.audit_signature import public_text
from testbed.databases import PATIENT
from tests.agents.support import producing
from tests.audit.interruption import pressed_ctrl_c
from tests.audit.ledger import MONITOR, chain, events, make_topic, write, write_ledger
from tests.system.test_commands import ROOT, Ran, run

pytestmark = pytest.mark.broker
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


class Case:
    """A topic of one partition, its ledger, and copies."""

    def __init__(self, broker: str, prefix: str) -> None:
        self.broker = broker
        self.topic, self.ledger, self.copy = f"{prefix}events", f"{prefix}audit", f"{prefix}copy"

    async def make(
        self, records: list[Bare], copy: list[Bare] | None = None, ledger: list[AuditCheckpoint] | None = None
    ) -> None:
        for name, content in ((self.topic, records), (self.copy, copy)):
            if content is not None:
                await make_topic(self.broker, name)
                await write(self.broker, name, content)
        await make_topic(self.broker, self.ledger)
        await write_ledger(self.broker, self.ledger, chain(records, self.topic) if ledger is None else ledger)

    def verify(self, *words: str, **settings: str) -> Ran:
        given = {"EVENTS_TOPIC": self.topic, "AUDIT_TOPIC": self.ledger, "KAFKA_BOOTSTRAP_SERVERS": self.broker}
        return run("audit", "verify", *words, **(given | settings))

    def report(self, *words: str, **settings: str) -> tuple[int, Any]:
        ran = self.verify("--json", *words, **settings)
        assert ran.err == ""
        return ran.code, json.loads(ran.out)


@pytest.fixture
def case(broker: str, topic_prefix: str) -> Case:
    return Case(broker, topic_prefix)


def found(report: Any) -> list[tuple[str, int]]:
    return [(each["what"], each["offset"]) for each in report["records"]]


def altered(record: Bare) -> Bare:
    """One byte is another."""
    assert record.value is not None
    return Bare(record.offset, record.key, record.value.replace(b'"created', b'"Created').replace(b"T", b"t", 1)
                if b"T" in record.value else record.value[:-2] + b" }")  # fmt: skip


async def test_a_topic_that_is_as_its_checkpoints_say_is_intact(case: Case) -> None:
    await case.make(events(53))
    code, report = case.report()
    assert (code, report["intact"], report["checkpoints"], report["first_broken"]) == (0, True, 5, None)
    [partition] = report["partitions"]
    assert partition["covered"] == {"partition": 0, "offset_from": 0, "offset_to": 50}
    assert partition["uncovered"] == [{"partition": 0, "offset_from": 50, "offset_to": 53}]
    assert partition["records"] == 50
    told = case.verify().out
    assert "Partition 0: 5 checkpoints, offsets 0 to 49, intact.\n" in told
    assert "Partition 0: offsets 50 to 52 are not covered yet by a checkpoint.\n" in told
    assert "not signed" in told


async def test_the_first_range_that_differs_is_named_and_the_others_are_listed(case: Case) -> None:
    records = events(50)
    stated = chain(records, case.topic)
    records[12], records[41] = altered(records[12]), altered(records[41])
    await case.make(records, ledger=stated)
    code, report = case.report()
    assert (code, report["intact"]) == (1, False)
    assert report["first_broken"] == {"partition": 0, "offset_from": 10, "offset_to": 15}
    assert [(b["offset_from"], b["offset_to"], b["sequence"]) for b in report["partitions"][0]["broken"]] == [
        (10, 15, 1), (40, 45, 4),
    ]  # fmt: skip


async def test_a_topic_that_is_shorter_than_its_ledger_is_not_intact(case: Case) -> None:
    records = events(50)
    await case.make(records[:43], ledger=chain(records, case.topic))
    code, report = case.report()
    assert (code, report["first_broken"]) == (1, {"partition": 0, "offset_from": 40, "offset_to": 45})


async def test_each_difference_of_a_copy_is_named_by_its_offset(case: Case) -> None:
    records = events(400)
    copy = [*records]
    copy[300], copy[350] = copy[350], copy[300]
    copy[200], copy[201] = copy[201], copy[200]
    copy[100] = altered(copy[100])
    copy.insert(60, Bare(0, b"p", b'{"event_id":"forged","project_id":"p"}'))
    del copy[20]
    await case.make(records, copy)
    code, report = case.report("--topic", case.copy)
    assert (code, report["intact"], report["copy"]) == (1, False, case.copy)
    assert found(report) == [
        ("removed", 20), ("inserted", 59), ("altered", 100), ("moved", 200), ("moved", 201), ("moved", 300),
        ("moved", 350),
    ]  # fmt: skip
    inserted = report["records"][1]
    assert (inserted["after"], inserted["before"], inserted["event_id"]) == (59, 60, "forged")
    assert report["first_broken"] == {"partition": 0, "offset_from": 20, "offset_to": 21}
    assert report["partitions"][0]["broken"] == []  # the own topic is as it was
    told = case.verify("--topic", case.copy).out
    assert "Partition 0: offset 100 has another content at 100 of the copy (event" in told
    assert "Partition 0: the copy has a record at 59, between offsets 59 and 60, that the topic has not" in told


async def test_one_altered_byte_of_a_copy_is_named_and_an_exact_copy_is_intact(case: Case) -> None:
    records = events(120)
    await case.make(records, records)
    assert case.report("--topic", case.copy)[0] == 0
    second = f"{case.copy}2"
    await make_topic(case.broker, second)
    await write(case.broker, second, [*records[:77], altered(records[77]), *records[78:]])
    code, report = case.report("--topic", second)
    assert (code, found(report)) == (1, [("altered", 77)])


async def test_what_the_topic_got_after_the_copy_was_made_is_one_sentence_and_can_be_left_out(case: Case) -> None:
    records = events(100)
    await case.make(records, records[:70])
    code, report = case.report("--topic", case.copy)
    assert (code, found(report)) == (1, [("removed", offset) for offset in range(70, 100)])
    assert report["partitions"][0]["copy_ends_before"] == 70
    told = case.verify("--topic", case.copy).out
    assert "the copy ends before offset 70, and the topic has 30 records from there on: removed, or" in told
    assert "offset 70 is not in the copy" not in told
    assert "What the topic got after the copy was made is left out with --to 0:70.\n" in told
    assert f"{case.topic}: intact, 10 checkpoints of episode-monitor.\n" in told
    assert told.endswith(f"{case.copy}: NOT an exact copy.\n")
    assert case.report("--topic", case.copy, "--to", "0:70")[0] == 0
    second = f"{case.copy}2"
    await make_topic(case.broker, second)
    await write(case.broker, second, [*records[:30], *records[31:]])
    code, report = case.report("--topic", second, "--to", "65")
    assert (code, found(report)) == (1, [("removed", 30)])
    empty = case.verify("--to", "0")
    assert (empty.code, "Partition 0: no checkpoint covers a record of this range.\n" in empty.out) == (1, True)
    assert empty.out.endswith(f"{case.topic}: NOT PROVEN, 10 checkpoints of episode-monitor.\n")
    assert report["partitions"][0]["covered"] == {"partition": 0, "offset_from": 0, "offset_to": 65}


async def test_ctrl_c_ends_it_with_a_sentence(case: Case, tmp_path: Path) -> None:
    await case.make(events(20))
    file = tmp_path / "lines"
    os.mkfifo(file)
    words = [sys.executable, "-m", "episode_monitor", "audit", "verify", "--jsonl", str(file), "--partition", "0"]
    there = {"EVENTS_TOPIC": case.topic, "AUDIT_TOPIC": case.ledger, "KAFKA_BOOTSTRAP_SERVERS": case.broker}
    with (
        subprocess.Popen(  # noqa: ASYNC220
            words, cwd=ROOT, env={**os.environ, **there}, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as running,
        file.open("wb"),
    ):  # which opens when it is read
        out, err = pressed_ctrl_c(running)
    assert (running.returncode, out) == (130, "")
    assert err == "episode-monitor: The audit was interrupted, so it says nothing; nothing was written.\n"


async def test_a_copy_without_headers_is_compared_by_key_and_value(case: Case) -> None:
    records = [Bare(r.offset, r.key, r.value, (("ce_id", b"%d" % r.offset), ("trace", b"x"))) for r in events(60)]
    await case.make(records, [Bare(r.offset, r.key, r.value) for r in records])
    code, report = case.report("--topic", case.copy)
    assert (code, found(report)) == (0, [])
    assert "has no CloudEvents headers" in report["partitions"][0]["notes"][0]


async def test_a_file_of_lines_is_held_against_one_partition(case: Case, tmp_path: Path) -> None:
    records = events(100)
    await case.make(records)
    file = tmp_path / "copy.jsonl"
    lines = [record.value or b"" for record in records]
    file.write_bytes(b"\n".join(lines) + b"\n")
    words = ("--jsonl", str(file), "--partition", "0")
    assert case.report(*words)[0] == 0
    del lines[40]
    lines[70] = lines[70].replace(b"71", b"72")
    file.write_bytes(b"\n".join(lines))
    code, report = case.report(*words)
    assert (code, found(report)) == (1, [("removed", 40), ("altered", 71)])
    refused = case.verify("--jsonl", str(file))
    assert (refused.code, refused.err.count("\n")) == (2, 1)


async def test_each_partition_has_its_own_chain_and_one_can_be_chosen(case: Case) -> None:
    left, right = events(20, "a"), events(30, "b")
    for name in (case.topic, case.copy):
        await make_topic(case.broker, name, 2)
    await make_topic(case.broker, case.ledger, 2)
    stated = chain(left, case.topic, 0) + chain(right, case.topic, 1) + chain(right, case.topic, 1, monitor="other")
    await write_ledger(case.broker, case.ledger, stated, 2)
    await write(case.broker, case.topic, left, 0)
    await write(case.broker, case.topic, right, 1)
    await write(case.broker, case.copy, left, 0)
    await write(case.broker, case.copy, [*right[:7], *right[8:]], 1)
    code, report = case.report("--topic", case.copy)
    assert (code, report["checkpoints"]) == (1, 5)
    assert [(d["partition"], d["offset"]) for d in report["records"]] == [(1, 7)]
    assert report["other_monitors"] == [f"other/{case.topic}"]
    assert case.report("--topic", case.copy, "--partition", "0")[0] == 0


async def test_signatures_are_checked_with_the_key_that_is_given(case: Case) -> None:
    records = events(30)
    await case.make(records, ledger=chain(records, case.topic, key=KEY))
    right = public_text(KEY.public_key())
    other = public_text(Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key())
    assert case.report("--public-key", right)[0] == 0
    assert case.report(AUDIT_PUBLIC_KEY=right)[0] == 0
    wrong = case.verify("--public-key", other)
    assert (wrong.code, wrong.err) == (1, "")
    assert "\nCheckpoint 0 of partition 0 is signed with key " in wrong.out
    assert "There are signatures of a key that was not given: " in wrong.out
    assert wrong.out.endswith(f"{case.topic}: NOT intact, 3 checkpoints of episode-monitor.\n")
    assert "which was not checked" in case.verify().out
    nowhere = case.verify("--public-key", "/nowhere.pub")
    assert (nowhere.code, "there is no file /nowhere.pub" in nowhere.err) == (2, True)


async def test_missing_checkpoints_are_not_proven_and_named(case: Case) -> None:
    left, right = events(20, "a"), events(30, "b")
    await make_topic(case.broker, case.topic, 2)
    await make_topic(case.broker, case.ledger, 2)
    await write_ledger(case.broker, case.ledger, chain(left, case.topic, 0), 2)
    await write(case.broker, case.topic, left, 0)
    assert case.report()[0] == 0  # a partition without records needs no checkpoint
    await write(case.broker, case.topic, right, 1)
    code, report = case.report()
    assert (code, report["intact"]) == (1, False)
    assert report["first_broken"] == {"partition": 1, "offset_from": 0, "offset_to": 30}
    told = case.verify().out
    assert "Partition 1: offsets 0 to 29 are NOT PROVEN: the partition has records and no checkpoint, because" in told
    assert told.endswith(f"{case.topic}: NOT PROVEN, 2 checkpoints of episode-monitor.\n")


async def test_a_tail_of_old_records_is_not_proven(case: Case) -> None:
    records = [msgspec.structs.replace(each, timestamp=1_700_000_000_000) for each in events(50)]
    await case.make(records, ledger=chain(records, case.topic)[:4])
    code, report = case.report()
    assert (code, report["first_broken"]) == (1, {"partition": 0, "offset_from": 40, "offset_to": 50})
    assert "offsets 40 to 49 are NOT PROVEN: no checkpoint covers them although they are not new" in case.verify().out


async def test_a_record_of_the_audit_topic_that_is_no_checkpoint_is_named_by_its_offset(case: Case) -> None:
    records = events(50)
    await case.make(records, ledger=chain(records, case.topic)[:4])
    async with producing(case.broker) as producer:
        await producer.send_and_wait(case.ledger, b"{}", key=checkpoint_key(MONITOR, case.topic, 0), partition=0)
    told = case.verify()
    assert (told.code, told.err) == (1, "")
    assert f"The record at offset 4 of partition 0 of {case.ledger} is no checkpoint that can be used." in told.out
    assert "offsets 40 to 49 are NOT PROVEN: their checkpoints are missing or damaged." in told.out
    assert "not covered yet" not in told.out


async def test_a_broken_link_is_named_with_partition_and_sequence(case: Case) -> None:
    records = events(50)
    stated = chain(records, case.topic)
    stated[2] = msgspec.structs.replace(stated[2], at="2026-02-01T00:00:00.000Z")
    await case.make(records, ledger=stated)
    code, report = case.report()
    assert code == 1
    [fault] = report["partitions"][0]["chain"]
    assert (fault["partition"], fault["sequence"]) == (0, 3)


async def test_a_chain_begun_anew_covers_records_twice_and_is_intact(case: Case) -> None:
    records = events(50)
    stated = chain(records[:30], case.topic) + chain(records, case.topic, at="2026-01-02T00:00:00.000Z")
    await case.make(records, ledger=stated)
    code, report = case.report()
    assert (code, report["checkpoints"]) == (0, 8)
    [partition] = report["partitions"]
    assert partition["covered"] == {"partition": 0, "offset_from": 0, "offset_to": 50}
    assert (partition["records"], partition["uncovered"], len(partition["notes"])) == (50, [], 2)


async def test_the_checkpoints_in_the_database_prove_the_topic_when_the_ledger_was_made_anew(
    case: Case, database_url: str
) -> None:
    records = events(50)
    await case.make(records, ledger=[])
    await _store(database_url, chain(records, case.topic))
    words = ("--checkpoints", "database")
    whole = case.verify(*words, "--json", MONITOR_DATABASE_URL=database_url, AUDIT_TOPIC="nowhere")
    assert (whole.code, whole.json["checkpoints"]) == (0, 5), whole
    other = case.verify(*words, MONITOR_DATABASE_URL=database_url, MONITOR_ID="other")
    assert (other.code, other.err.count("\n")) == (2, 1)
    assert f"It has those of {MONITOR}/{case.topic} (monitor/topic)" in other.err
    assert case.verify(*words).code == 2
    away = case.verify(*words, MONITOR_DATABASE_URL="postgresql://m:secret@127.0.0.1:1/m")
    assert (away.code, away.err.count("\n"), "secret" in away.err) == (3, 1, False)


async def _store(url: str, checkpoints: list[AuditCheckpoint]) -> None:
    storage = open_storage(url, PATIENT)
    await storage.database.connect()
    for each in checkpoints:
        storage.note_checkpoint(each)
    await storage.database.close()


async def test_what_cannot_be_verified_is_one_sentence_and_exit_code_2(case: Case) -> None:
    await case.make(events(10), ledger=chain(events(10), case.topic, monitor="other"))
    for words, settings, sentence in [
        ((), {}, f"has no audit checkpoints of monitor episode-monitor and topic {case.topic}. It has those of other/"),
        (("--topic", "nowhere"), {}, "There is no topic nowhere"),
        ((), {"EVENTS_TOPIC": "nowhere"}, "There is no topic nowhere"),
        ((), {"AUDIT_TOPIC": "nowhere"}, "There is no topic nowhere"),
        (("--partition", "4"), {}, "check --partition."),
        (("--manifest-sha256", "0" * 64), {}, "give it with --export"),
        (("--export", "nofolder", "--manifest-sha256", "0"), {}, "takes the 64 hex digits"),
        (("--jsonl", "nofile", "--partition", "0"), {"MONITOR_ID": "other"}, "nofile cannot be read"),
    ]:
        refused = case.verify(*words, **settings)
        assert (refused.code, refused.out) == (2, ""), (words, settings, refused)
        assert sentence in refused.err
        assert refused.err.count("\n") == 1
    assert case.verify(KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1").code == 3
