"""States replayed beside the state digests of checkpoints: by an independent sum over the projects."""

import msgspec
import pytest

from episode_monitor.audit import state_check
from episode_monitor.audit.records import Bare
from episode_monitor.audit.state_check import StateReplay
from episode_monitor.audit.verify_report import PartitionReport, StateCheck, VerifyReport
from episode_monitor.cli.audit_words import sentences
from episode_monitor.replay.partition_replay import PartitionReplay
from episode_monitor.replay.source import Line
from models.audit_checkpoint import AuditCheckpoint
from streams.project.state_digest import digest_text, project_digest, rules_digest, total_of
from testbed.worker_process import make_core
from tests.audit.ledger import chain, events
from tests.replay.support import WRITTEN_MS

CORE = make_core()


def mixed() -> list[Line]:
    """Of three projects in turn."""
    rows = zip(events(20, "a"), events(20, "b"), events(20, "c"), strict=True)
    return [Line(at, each.value or b"", WRITTEN_MS) for at, each in enumerate(one for row in rows for one in row)]


def stated(records: list[Line], **fields: object) -> list[AuditCheckpoint]:
    """Checkpoints whose state digests are sums over the projects of a replay of their own."""
    found = []
    for each in chain([Bare(r.offset, None, r.value) for r in records], rules_digest=rules_digest(CORE)):
        replay = PartitionReplay(CORE, 0, 0)
        replay.take(records[: each.offset_to])
        digests = (project_digest(project.project_id, project.digest) for project in replay.projects())
        found.append(msgspec.structs.replace(each, **{"state_digest": digest_text(total_of(digests)), **fields}))
    return found


def compared(records: list[Line], checkpoints: list[AuditCheckpoint]) -> state_check.StateReplay:
    replay, at = StateReplay(CORE, 0), 0
    for each in checkpoints:
        replay.take(records[at : each.offset_to])
        at = each.offset_to
        replay.compare(each)
    return replay


@pytest.mark.parametrize("most_decoded", [1, 20_000])
def test_the_state_at_each_checkpoint_is_that_of_a_replay(most_decoded: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_check, "MOST_DECODED", most_decoded)
    records = mixed()
    check = compared(records, stated(records)).check
    assert (check.compared, check.without_digest, check.other_rules, check.faults) == (6, 0, 0, [])


def test_a_state_that_no_replay_reaches_is_named_with_its_offset() -> None:
    records = mixed()
    checkpoints = stated(records)
    checkpoints[2] = msgspec.structs.replace(checkpoints[2], state_digest="0" * 32)
    [fault] = compared(records, checkpoints).check.faults
    assert (fault.sequence, fault.offset, fault.stated) == (2, 30, "0" * 32)


def test_checkpoints_of_other_rules_or_without_a_state_are_counted_and_not_compared() -> None:
    records = mixed()
    check = compared(
        records, [*stated(records, rules_digest="other")[:1], *stated(records, state_digest=None)[1:]]
    ).check
    assert (check.compared, check.without_digest, check.other_rules, check.faults) == (0, 5, 1, [])


def test_what_was_compared_and_what_was_not_is_one_sentence_for_all_partitions() -> None:
    states = [StateCheck(compared=3, without_digest=2), StateCheck(compared=1, other_rules=1), StateCheck()]
    report = VerifyReport(
        intact=True, checkpoints=7, first_broken=None, records=[], monitor_id="m", topic="events", copy=None,
        partitions=[PartitionReport(partition=n, state=state) for n, state in enumerate(states)], other_monitors=[],
    )  # fmt: skip
    said = "The replayed state was compared at 4 checkpoints"
    (found,) = [sentence for sentence in sentences(report) if sentence.startswith(said)]
    assert found == f"{said}; not compared: 2 without a state digest, 1 written under other rules."
