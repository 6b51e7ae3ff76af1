"""One chain of audit checkpoints: each is readable, continues the one before it, and is signed where a key is given.

An unsigned checkpoint that a signed one follows is vouched for by it, because the signature covers the links.
"""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from models.audit_checkpoint import (
    NO_LINK,
    AuditCheckpoint,
    NotAnAuditCheckpoint,
    decode_audit_checkpoint,
    link_hash,
)
from models.audit_signature import fault_of_signature

MAX_FAULTS: Final = 1_000  # named in a chain; all are counted
_REMEMBERED: Final = 10_000  # links, to know a repetition by
_MAX_TEXT: Final = 100  # characters of a foreign key's id


class ChainFault(msgspec.Struct, frozen=True, kw_only=True):
    """Why the chain is not what its writer wrote, in one sentence. `sequence` is null where it cannot be read."""

    partition: int | None  # null: of an exported line that cannot be read
    sequence: int | None
    reason: str


class Signatures(msgspec.Struct):
    """Of one chain. `checked`: a public key was given."""

    signed: int = 0
    unsigned: int = 0
    checked: bool = False
    keys: list[str] = []  # ids of the keys that signed
    strange: list[str] = []  # those of them that were not given


class Chain:
    """Of one partition of one topic of one monitor. `take` each record in order, then `conclude`."""

    def __init__(
        self, monitor_id: str, topic: str, partition: int | None, keys: Mapping[str, Ed25519PublicKey], *,
        is_cut: bool = False, may_miss: bool = False,
    ) -> None:  # fmt: skip
        """`is_cut`: its first checkpoints may be gone. `may_miss`: so may others, which is noted and no fault."""
        self.faults: list[ChainFault] = []
        self.notes: list[str] = []  # what its writer states and an auditor must know
        self.fault_count = 0
        self.checkpoints = 0
        self.repetitions = 0
        self.signatures = Signatures(checked=bool(keys), keys=[], strange=[])
        self.lacks_before = False  # checkpoints are missing or damaged directly before the last one
        self.lacks_after = False  # and after it
        self.first: AuditCheckpoint | None = None
        self.last: AuditCheckpoint | None = None
        self._place = (monitor_id, topic, partition)
        self._keys = keys
        self._is_cut = is_cut
        self._may_miss = may_miss
        self._links: OrderedDict[str, None] = OrderedDict()
        self._stranger = ""  # the key of the last signature, where it was not given
        self._unvouched: list[int] = []  # the first and the last sequence since the last signed checkpoint

    def take(self, value: bytes | None, where: str = "A record of the chain") -> AuditCheckpoint | None:
        """The checkpoint that these bytes are; None: they are none, or one that was taken before."""
        checkpoint = decode_audit_checkpoint(value)
        if isinstance(checkpoint, NotAnAuditCheckpoint):
            self.lacks_after = True
            self._fault(None, f"{where} is no checkpoint that can be used. {checkpoint.reason}")
            return None
        link = link_hash(checkpoint)
        if link in self._links:
            self.repetitions += 1
            return None
        if not self._continues(checkpoint):
            return None
        self._check_signature(checkpoint)
        self._links[link] = None
        if len(self._links) > _REMEMBERED:
            self._links.popitem(last=False)
        self.first, self.last = self.first or checkpoint, checkpoint
        self.checkpoints += 1
        self.lacks_after = False
        return checkpoint

    def conclude(self) -> None:
        """No more follow, or none that is linked to those before."""
        if self.signatures.checked and self._unvouched:
            first, last = self._unvouched[0], self._unvouched[-1]
            which = f"checkpoint {first} is" if first == last else f"checkpoints {first} to {last} are"
            self._fault(first, f"{which.capitalize()} not signed, and no signed one follows.")
        self._unvouched.clear()

    def _continues(self, checkpoint: AuditCheckpoint) -> bool:
        """Notes what is wrong; False: it has no place in the chain."""
        before, sequence = self.last, checkpoint.sequence
        if (checkpoint.monitor_id, checkpoint.topic, checkpoint.partition) != self._place:
            self.lacks_after = True
            self._fault(sequence, f"Checkpoint {sequence} states another monitor, topic or partition than its key.")
            return False
        if before is None:
            self.lacks_before = bool(sequence) or checkpoint.previous != NO_LINK
            if self.lacks_before and not self._is_cut:
                self._fault(sequence, f"The chain begins with checkpoint {sequence}; what was before it is missing.")
            return True
        self.lacks_before = False
        if not sequence and checkpoint.previous == NO_LINK:
            self.conclude()
            self._note(f"begins anew at offset {checkpoint.offset_from}, after offset {before.offset_to - 1}: the "
                       "monitor's state of it was lost or deleted.")  # fmt: skip
            return True
        if sequence <= before.sequence:
            self._fault(sequence, f"Checkpoint {sequence} is there a second time, with other content.")
            return False
        is_linked = sequence == before.sequence + 1 and checkpoint.previous == link_hash(before)
        if not is_linked:
            self.lacks_before = True
            self.conclude()
        if sequence > before.sequence + 1:
            missing = f"{before.sequence + 1} to {sequence - 1}"
            if self._may_miss:
                self._note(f"lacks the checkpoints {missing} here.")
            else:
                self._fault(sequence, f"Checkpoints are missing before checkpoint {sequence}: {missing}.")
        elif not is_linked:
            self._fault(sequence, f"Checkpoint {sequence} does not continue checkpoint {before.sequence}: the hash of "
                        "one of them was changed, or its content.")  # fmt: skip
        elif checkpoint.offset_from != before.offset_to:  # linked, so its writer states it
            self._note(
                f"goes on at offset {checkpoint.offset_from} after offset {before.offset_to - 1}: the audit was off, "
                "records were deleted before they were processed, or the state was an older one."
            )
        return True

    def _note(self, what: str) -> None:
        if len(self.notes) < MAX_FAULTS:
            self.notes.append(f"The chain of partition {self._place[2]} {what}")

    def _check_signature(self, checkpoint: AuditCheckpoint) -> None:
        signatures, sequence = self.signatures, checkpoint.sequence
        if not checkpoint.signature:
            signatures.unsigned += 1
            self._unvouched.append(sequence)
            del self._unvouched[1:-1]
            return
        signatures.signed += 1
        if checkpoint.key_id not in signatures.keys and len(signatures.keys) < MAX_FAULTS:
            signatures.keys.append(checkpoint.key_id[:_MAX_TEXT])
        if not signatures.checked:
            return
        key = self._keys.get(checkpoint.key_id)
        if key is None:
            self._note_stranger(checkpoint)
            return
        self._stranger = ""
        why = fault_of_signature(checkpoint, key)
        if why:
            self._fault(sequence, f"Checkpoint {sequence} is not what was signed. {why}")
        else:
            self._unvouched.clear()

    def _note_stranger(self, checkpoint: AuditCheckpoint) -> None:
        """Once for a row of checkpoints with the same key."""
        stranger, strange = checkpoint.key_id[:_MAX_TEXT], self.signatures.strange
        if stranger not in strange and len(strange) < MAX_FAULTS:
            strange.append(stranger)
        if stranger != self._stranger:
            self._stranger = stranger
            self._fault(
                checkpoint.sequence,
                f"Checkpoint {checkpoint.sequence} of partition {checkpoint.partition} is signed with key {stranger}, "
                f"not with the given key {' or '.join(self._keys)}: either the key is the wrong one, or all "
                "checkpoints from there on were signed anew by another.",
            )

    def _fault(self, sequence: int | None, reason: str) -> None:
        self.fault_count += 1
        if len(self.faults) < MAX_FAULTS:
            self.faults.append(ChainFault(partition=self._place[2], sequence=sequence, reason=reason))
