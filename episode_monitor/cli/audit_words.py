"""The findings of `audit verify` in sentences."""

from collections.abc import Iterator
from typing import Final

from episode_monitor.audit.chain import ChainFault, Signatures
from episode_monitor.audit.differences import RecordDifference
from episode_monitor.audit.verify_report import OffsetRange, PartitionReport, UnprovenRange, VerifyReport
from episode_monitor.cli.output import count

MOST_SHOWN: Final = 100  # of each kind and partition; --json has more


def sentences(report: VerifyReport) -> Iterator[str]:
    """One a line, the verdict last."""
    for each in report.partitions:
        yield from _partition(each)
    yield from sorted({note for each in report.partitions for note in each.notes})
    yield from _states(report)
    yield key_sentence(_signatures(report))
    yield from _verdict(report)


def _states(report: VerifyReport) -> Iterator[str]:
    states = [each.state for each in report.partitions]
    compared, without = sum(each.compared for each in states), sum(each.without_digest for each in states)
    other_rules = sum(each.other_rules for each in states)
    if not compared + without + other_rules:
        return
    reasons = [f"{number} {why}" for number, why in (
        (without, "without a state digest"), (other_rules, "written under other rules")) if number]  # fmt: skip
    left = f"; not compared: {', '.join(reasons)}" if reasons else ""
    yield f"The replayed state was compared at {count(compared, 'checkpoint')}{left}."


def _verdict(report: VerifyReport) -> Iterator[str]:
    is_intact = all(each.is_topic_intact for each in report.partitions)
    checked = f"{count(report.checkpoints, 'checkpoint')} of {report.monitor_id}"
    is_contradicted = any(each.is_contradicted for each in report.partitions)
    yield f"{report.topic}: {'intact' if is_intact else 'NOT intact' if is_contradicted else 'NOT PROVEN'}, {checked}."
    if report.copy is None:
        return
    ends = ",".join(f"{p.partition}:{p.copy_ends_before}" for p in report.partitions if p.copy_ends_before is not None)
    if ends:
        yield f"What the topic got after the copy was made is left out with --to {ends}."
    is_equal = all(each.is_copy_equal for each in report.partitions)
    yield f"{report.copy}: an exact copy." if is_equal else f"{report.copy}: NOT an exact copy."


def _partition(each: PartitionReport) -> Iterator[str]:
    where = f"Partition {each.partition}"
    if each.covered is None:
        none = "no checkpoint covers a record of this range" if each.checkpoints else "no checkpoints"
        yield f"{where}: {none}."
    else:
        yield f"{where}: {count(each.checkpoints, 'checkpoint')}, offsets {_span(each.covered)}, " + (
            "NOT intact." if each.is_contradicted else "intact." if not each.unproven else "intact where covered."
        )
    for fault in each.chain[:MOST_SHOWN]:
        yield fault_sentence(fault)
    for unproven in each.unproven[:MOST_SHOWN]:
        yield f"{where}: {_unproven(unproven)}"
    for broken in each.broken[:MOST_SHOWN]:
        yield (
            f"{where}: the records of offsets {_span(broken)} in the {broken.where} are not those of checkpoint "
            f"{broken.sequence}: {count(broken.records_found or 0, 'record')} of {broken.records_stated}."
        )
    for state in each.state.faults[:MOST_SHOWN]:
        yield f"{where}: the state replayed to offset {state.offset} is not that of checkpoint {state.sequence}."
    tail = each.copy_ends_before
    shown = [d for d in each.differences if tail is None or d.what != "removed" or d.offset < tail]
    for difference in shown[:MOST_SHOWN]:
        yield f"{where}: {_difference(difference)}"
    if tail is not None:
        missing = count(len(each.differences) - len(shown) + each.unnamed, "record")
        yield (
            f"{where}: the copy ends before offset {tail}, and the topic has {missing} from there on: removed, or "
            "written after the copy was made."
        )
    for region in each.regions[:MOST_SHOWN]:
        yield (
            f"{where}: offsets {region.offset_from} to {region.offset_to} have nothing in common with "
            f"{region.copy_from} to {region.copy_to} of the copy."
        )
    more = (each.unnamed if tail is None else 0) + sum(
        max(0, len(found) - MOST_SHOWN) for found in (shown, each.regions, each.broken)
    )
    if more:
        yield f"{where}: {count(more, 'more difference')}."
    for span in each.unchecked:
        yield f"{where}: offsets {_span(span)} cannot be checked any more: Kafka has deleted their records."
    for span in each.uncovered:
        is_tail = each.covered is None or span.offset_from >= each.covered.offset_to
        yield f"{where}: offsets {_span(span)} are " + (
            "not covered yet by a checkpoint." if is_tail else "covered by no checkpoint: the audit had not begun, was "
            "off, or did not read them."
        )  # fmt: skip


def fault_sentence(fault: ChainFault) -> str:
    """With the partition, where it does not name it."""
    where = f"partition {fault.partition}"
    return fault.reason if fault.partition is None or f" {where} " in fault.reason else f"P{where[1:]}: {fault.reason}"


def _unproven(span: UnprovenRange) -> str:
    match span.why:
        case "missing":
            why = "their checkpoints are missing or damaged. Try the other copy: --checkpoints database or topic."
        case "none":
            why = (
                "the partition has records and no checkpoint, because checkpoints are missing, the audit was off, or "
                "the topic is older than the audit. Try --checkpoints database, and check AUDIT_CHECKPOINT_SECONDS."
            )
        case "old":
            why = (
                "no checkpoint covers them although they are not new, because the last checkpoints are missing, the "
                "audit was off, or no worker has read them. Try --checkpoints database, and check the workers."
            )
        case "nothing":
            return "NOT PROVEN, because there is nothing to check in this range; name a later --to."
    return f"offsets {_span(span)} are NOT PROVEN: {why}"


def _difference(each: RecordDifference) -> str:
    event = "" if each.event_id is None else f" (event {each.event_id})"
    between = f"between offsets {_or(each.after, 'the beginning')} and {_or(each.before, 'the end')}"
    match each.what:
        case "removed":
            return f"offset {each.offset} is not in the copy{event}: removed."
        case "inserted":
            return f"the copy has a record at {each.offset}, {between}, that the topic has not{event}: inserted."
        case "moved":
            return f"offset {each.offset} is at {each.copy_offset} of the copy, {between}{event}: moved."
        case "altered":
            return f"offset {each.offset} has another content at {each.copy_offset} of the copy{event}: altered."


def _signatures(report: VerifyReport) -> Signatures:
    """Of all chains."""
    each = [partition.signatures for partition in report.partitions]
    return Signatures(
        signed=sum(one.signed for one in each), unsigned=sum(one.unsigned for one in each),
        checked=all(one.checked for one in each), keys=sorted({key for one in each for key in one.keys}),
        strange=sorted({key for one in each for key in one.strange}),
    )  # fmt: skip


def key_sentence(signatures: Signatures) -> str:
    """What is known of the keys that signed."""
    if not signatures.signed:
        return "The checkpoints are linked by hash, but not signed: who can write the audit topic can make them anew."
    keys = ", ".join(signatures.keys)
    rest = f"; {count(signatures.unsigned, 'checkpoint')} not signed" if signatures.unsigned else ""
    if not signatures.checked:
        return f"Signed by key {keys}, which was not checked: give --public-key or AUDIT_PUBLIC_KEY{rest}."
    if signatures.strange:
        return f"There are signatures of a key that was not given: {', '.join(signatures.strange)}{rest}."
    return f"The signatures are of the key {keys}{rest}."


def _span(span: OffsetRange) -> str:
    return f"{span.offset_from} to {span.offset_to - 1}"


def _or(offset: int | None, otherwise: str) -> str:
    return otherwise if offset is None else str(offset)
