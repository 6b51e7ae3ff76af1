"""One chain of checkpoints: what breaks it, and what a signature says."""

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from episode_monitor.audit.chain import Chain
from models.audit_checkpoint import AuditCheckpoint, encode_audit_checkpoint
from models.audit_signature import key_id
from tests.audit.ledger import MONITOR, chain, events

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
KEYS = {key_id(KEY.public_key()): KEY.public_key()}
PLAIN, SIGNED = chain(events(50)), chain(events(50), key=KEY)


def taken(checkpoints: list[AuditCheckpoint | bytes], keys: object = None) -> Chain:
    found = Chain(MONITOR, "events", 0, keys or {})  # type: ignore[arg-type]
    for each in checkpoints:
        found.take(each if isinstance(each, bytes) else encode_audit_checkpoint(each))
    found.conclude()
    return found


def reasons(checkpoints: list[AuditCheckpoint | bytes], keys: object = None) -> list[str]:
    return [fault.reason for fault in taken(checkpoints, keys).faults]


def test_a_whole_chain_has_no_fault() -> None:
    found = taken([*PLAIN])
    assert (found.faults, found.checkpoints, found.signatures.unsigned) == ([], 5, 5)


def test_exact_repetitions_are_dropped() -> None:
    found = taken([PLAIN[0], PLAIN[1], PLAIN[0], PLAIN[1], PLAIN[2], PLAIN[2]])
    assert (found.faults, found.checkpoints, found.repetitions) == ([], 3, 3)


def test_a_missing_checkpoint_is_named() -> None:
    assert reasons([PLAIN[0], PLAIN[1], PLAIN[3], PLAIN[4]]) == ["Checkpoints are missing before checkpoint 3: 2 to 2."]
    assert reasons([*PLAIN[2:]]) == ["The chain begins with checkpoint 2; what was before it is missing."]


def test_a_chain_whose_beginning_kafka_has_deleted_begins_where_it_begins() -> None:
    found = Chain(MONITOR, "events", 0, {}, is_cut=True)
    for each in PLAIN[2:]:
        found.take(encode_audit_checkpoint(each))
    found.conclude()
    assert (found.faults, found.checkpoints, found.first) == ([], 3, PLAIN[2])


def test_a_copy_of_a_chain_may_lack_checkpoints_and_says_so() -> None:
    found = Chain(MONITOR, "events", 0, {}, is_cut=True, may_miss=True)
    for each in (PLAIN[1], PLAIN[3]):
        found.take(encode_audit_checkpoint(each))
    found.conclude()
    assert (found.faults, found.checkpoints) == ([], 2)
    assert found.notes == ["The chain of partition 0 lacks the checkpoints 2 to 2 here."]


def test_a_changed_checkpoint_breaks_the_link_behind_it() -> None:
    changed = msgspec.structs.replace(PLAIN[1], at="2026-01-02T00:00:00.000Z")
    [reason] = reasons([PLAIN[0], changed, PLAIN[2], PLAIN[3]])
    assert reason.startswith("Checkpoint 2 does not continue checkpoint 1:")


def test_a_second_statement_of_one_sequence_is_named_and_not_followed() -> None:
    other = msgspec.structs.replace(PLAIN[1], at="2026-01-02T00:00:00.000Z")
    assert reasons([PLAIN[0], PLAIN[1], other, PLAIN[2]]) == [
        "Checkpoint 1 is there a second time, with other content."
    ]


def test_a_chain_that_its_writer_began_anew_or_with_a_gap_is_intact_and_says_so() -> None:
    anew = chain(events(50), at="2026-01-02T00:00:00.000Z")
    found = taken([*PLAIN[:3], *anew])
    assert (found.faults, found.checkpoints) == ([], 8)
    [note] = found.notes
    assert note.startswith("The chain of partition 0 begins anew at offset 0, after offset 29: the monitor's state")
    gap = msgspec.structs.replace(
        PLAIN[3], sequence=2, previous=PLAIN[2].previous, offset_from=30, ranges=PLAIN[3].ranges
    )
    found = taken([*PLAIN[:2], gap])
    assert found.faults == []
    assert found.notes[0].startswith("The chain of partition 0 goes on at offset 30 after offset 19:")


def test_what_is_no_checkpoint_is_named() -> None:
    assert reasons([PLAIN[0], b"{}", PLAIN[1]])[0].startswith("A record of the chain is no checkpoint")
    newer = encode_audit_checkpoint(msgspec.structs.replace(PLAIN[1], version=2))
    assert "It has version 2" in reasons([PLAIN[0], newer])[0]
    strange = msgspec.structs.replace(PLAIN[1], monitor_id="other")
    assert "states another monitor" in reasons([PLAIN[0], strange])[0]


def test_signatures_of_the_given_key_are_checked() -> None:
    assert reasons([*SIGNED], KEYS) == []
    forged = msgspec.structs.replace(SIGNED[4], at="2026-01-02T00:00:00.000Z")
    assert "Checkpoint 4 is not what was signed." in reasons([*SIGNED[:4], forged], KEYS)[0]


def test_signatures_of_a_key_that_was_not_given_are_one_fault_where_they_begin() -> None:
    strange, given = key_id(OTHER.public_key()), key_id(KEY.public_key())
    anew = chain(events(50), key=OTHER)
    found = taken([*SIGNED[:2], *anew[2:]], KEYS)
    assert [(fault.sequence, fault.reason) for fault in found.faults] == [(
        2,
        f"Checkpoint 2 of partition 0 is signed with key {strange}, not with the given key {given}: either the key is "
        "the wrong one, or all checkpoints from there on were signed anew by another.",
    )]  # fmt: skip
    assert found.signatures.strange == [strange]


def test_what_lacks_a_checkpoint_before_or_after_the_last_one_is_known() -> None:
    def lacks(*checkpoints: AuditCheckpoint | bytes) -> tuple[bool, bool]:
        found = taken([*checkpoints])
        return found.lacks_before, found.lacks_after

    assert lacks(*PLAIN) == (False, False)
    assert lacks(PLAIN[0], PLAIN[2]) == (True, False)
    assert lacks(PLAIN[0], PLAIN[2], PLAIN[3]) == (False, False)
    assert lacks(PLAIN[2]) == (True, False)
    assert lacks(PLAIN[0], b"{") == (False, True)
    assert lacks(PLAIN[0], b"{", PLAIN[2]) == (True, False)


def test_unsigned_checkpoints_are_named_unless_a_signed_one_follows() -> None:
    unsigned = [msgspec.structs.replace(each, key_id="", signature="") for each in SIGNED]
    assert reasons([*unsigned[:3], SIGNED[3]], KEYS) == []
    assert reasons([SIGNED[0], *unsigned[1:3]], KEYS) == [
        "Checkpoints 1 to 2 are not signed, and no signed one follows."
    ]
    broken = reasons([unsigned[0], unsigned[1], SIGNED[3]], KEYS)
    assert broken[0] == "Checkpoints 0 to 1 are not signed, and no signed one follows."
