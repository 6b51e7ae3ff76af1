"""What `audit verify` found."""

from typing import Literal

import msgspec

from episode_monitor.audit.chain import ChainFault, Signatures
from episode_monitor.audit.differences import DifferingRegion, RecordDifference


class OffsetRange(msgspec.Struct, frozen=True, kw_only=True):
    """Offsets of the monitor's own topic, `offset_to` exclusive."""

    partition: int
    offset_from: int
    offset_to: int


class BrokenRange(OffsetRange, frozen=True, kw_only=True):
    """A stretch whose records are not those of the checkpoint, in the `topic` or, where that no longer has it, in the
    `copy` (`where`)."""

    sequence: int
    where: str
    records_stated: int
    records_found: int | None


class UnprovenRange(OffsetRange, frozen=True, kw_only=True):
    """Records that a checkpoint should cover and none does.

    `missing`: their checkpoints are missing or damaged; `none`: the partition has no checkpoint; `old`: they came after
    the last one, too long ago; `nothing`: the range asked for has no record that one covers.
    """

    why: Literal["missing", "none", "old", "nothing"]


class StateFault(msgspec.Struct, frozen=True, kw_only=True):
    """The replayed state at a checkpoint is another than the monitor's was."""

    partition: int
    sequence: int
    offset: int
    stated: str
    replayed: str


class StateCheck(msgspec.Struct, kw_only=True):
    """States replayed beside those of checkpoints. Not compared: checkpoints `without_digest`, and those written under
    `other_rules`."""

    compared: int = 0
    without_digest: int = 0
    other_rules: int = 0
    faults: list[StateFault] = []


class PartitionReport(msgspec.Struct, kw_only=True):
    """One partition. `covered`: what its checkpoints speak of; `unchecked`: ranges of it that Kafka has deleted;
    `uncovered`: what lies before the first checkpoint, between two by their writer's own statement, or lately after the
    last; `unproven`: what else no checkpoint covers."""

    partition: int
    checkpoints: int = 0
    repetitions: int = 0
    records: int = 0  # of the own topic, held against checkpoints
    copied: int = 0  # read of the copy
    covered: OffsetRange | None = None
    unchecked: list[OffsetRange] = []
    uncovered: list[OffsetRange] = []
    unproven: list[UnprovenRange] = []
    chain: list[ChainFault] = []
    chain_faults: int = 0
    signatures: Signatures = msgspec.field(default_factory=Signatures)
    broken: list[BrokenRange] = []
    broken_total: int = 0
    differences: list[RecordDifference] = []
    regions: list[DifferingRegion] = []
    unnamed: int = 0  # differences beyond those that are named
    copy_ends_before: int | None = None  # from this offset on the copy has nothing more
    state: StateCheck = msgspec.field(default_factory=StateCheck)
    notes: list[str] = []

    @property
    def is_intact(self) -> bool:
        """Whether nothing speaks against the history. What Kafka has deleted does not."""
        return self.is_topic_intact and self.is_copy_equal

    @property
    def is_copy_equal(self) -> bool:
        """Whether no difference of the copy was found."""
        is_found = any(each.where == "copy" for each in self.broken)
        return not (is_found or self.differences or self.regions or self.unnamed)

    @property
    def is_topic_intact(self) -> bool:
        """The same, whatever the copy is."""
        return not (self.is_contradicted or self.unproven)

    @property
    def is_contradicted(self) -> bool:
        """Whether a checkpoint, a signature or a state speaks against the topic."""
        return bool(self.chain_faults or self.state.faults or any(each.where == "topic" for each in self.broken))


class VerifyReport(msgspec.Struct, frozen=True, kw_only=True):
    """All of it; the first four fields are for programs."""

    intact: bool
    checkpoints: int
    first_broken: OffsetRange | None
    records: list[RecordDifference]
    monitor_id: str
    topic: str
    copy: str | None
    partitions: list[PartitionReport]
    other_monitors: list[str]


def first_broken(partitions: list[PartitionReport]) -> OffsetRange | None:
    """Of the lowest partition that has one: the range that differs, or the record, whichever is first."""
    for each in partitions:
        places = [OffsetRange(partition=b.partition, offset_from=b.offset_from, offset_to=b.offset_to)
                  for b in each.broken]  # fmt: skip
        places += [OffsetRange(partition=u.partition, offset_from=u.offset_from, offset_to=u.offset_to)
                   for u in each.unproven]  # fmt: skip
        places += [_of_record(d) for d in each.differences]
        places += [OffsetRange(partition=r.partition, offset_from=r.offset_from, offset_to=r.offset_to + 1)
                   for r in each.regions]  # fmt: skip
        places += [OffsetRange(partition=s.partition, offset_from=s.offset - 1, offset_to=s.offset)
                   for s in each.state.faults]  # fmt: skip
        if places:
            return min(places, key=lambda place: place.offset_from)
    return None


def _of_record(each: RecordDifference) -> OffsetRange:
    if each.what != "inserted":
        return OffsetRange(partition=each.partition, offset_from=each.offset, offset_to=each.offset + 1)
    start = 0 if each.after is None else each.after + 1
    return OffsetRange(
        partition=each.partition, offset_from=start, offset_to=start if each.before is None else each.before
    )
