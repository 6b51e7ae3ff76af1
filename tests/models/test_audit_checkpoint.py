"""The bytes of audit checkpoints: canonical, linked by hash, signed; and what the digest of a range is made of."""

import base64
import hashlib
import json

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from models.audit_checkpoint import (
    AuditCheckpoint,
    AuditRange,
    NotAnAuditCheckpoint,
    checkpoint_key,
    decode_audit_checkpoint,
    digest_of_ranges,
    encode_audit_checkpoint,
    link_hash,
    signed_bytes,
)
from models.audit_digest import audited_bytes, range_digest
from models.audit_signature import NotAKey, fault_of_signature, key_id, private_key, public_key, public_text, signed
from testbed.properties import examples

SEED = bytes(range(32))
KEY = Ed25519PrivateKey.from_private_bytes(SEED)
A, B = hashlib.sha256(b"a").hexdigest(), hashlib.sha256(b"b").hexdigest()


class Record(msgspec.Struct, frozen=True):
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()


def checkpoint(**changed: object) -> AuditCheckpoint:
    ranges = [AuditRange(7, 5, A), AuditRange(12, 5, B)]
    plain = AuditCheckpoint(
        monitor_id="episode-monitor", topic="episode-events", partition=3, sequence=1, offset_from=2, offset_to=12,
        records=10, ranges=ranges, digest=digest_of_ranges(ranges), state_digest=None, rules_digest="r", projects=2,
        at="2026-01-01T00:00:00.000Z", software="0.1.0", previous="p",
    )  # fmt: skip
    return msgspec.structs.replace(plain, **changed)


def reason(value: bytes | None) -> str:
    found = decode_audit_checkpoint(value)
    assert isinstance(found, NotAnAuditCheckpoint)
    return found.reason


def test_the_bytes_are_fields_in_order_without_blanks() -> None:
    digest = hashlib.sha256(bytes.fromhex(A) + bytes.fromhex(B)).hexdigest()
    assert encode_audit_checkpoint(checkpoint()).decode() == (
        '{"version":1,"monitor_id":"episode-monitor","topic":"episode-events","partition":3,"sequence":1,'
        f'"offset_from":2,"offset_to":12,"records":10,"ranges":[[7,5,"{A}"],[12,5,"{B}"]],"digest":"{digest}",'
        '"state_digest":null,"rules_digest":"r","projects":2,"at":"2026-01-01T00:00:00.000Z","software":"0.1.0",'
        '"previous":"p","key_id":"","signature":""}'
    )
    assert checkpoint_key("m", "t", 3) == b"m/t/3"


def test_what_is_linked_and_signed_ends_before_the_key_id() -> None:
    odd = checkpoint(monitor_id='a","key_id":"b')
    before = signed_bytes(odd)
    assert before == encode_audit_checkpoint(odd).removesuffix(b',"key_id":"","signature":""}')
    assert link_hash(odd) == hashlib.sha256(before).hexdigest()
    assert link_hash(signed(odd, KEY)) == link_hash(odd)
    hostile = msgspec.structs.replace(odd, signature='","key_id":')
    assert signed_bytes(hostile) == before


def test_what_was_encoded_is_read_back() -> None:
    ours = signed(checkpoint(), KEY)
    assert decode_audit_checkpoint(encode_audit_checkpoint(ours)) == ours


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"version": 2}, "It has version 2; this program reads version 1."),
        ({"partition": -1}, "It has a negative number."),
        ({"ranges": []}, "Its ranges do not end at its offset_to."),
        ({"offset_to": 13}, "Its ranges do not end at its offset_to."),
        ({"offset_from": 7}, "The offsets of its ranges do not rise."),
        ({"offset_from": 3}, "A range has more records than offsets."),
        ({"records": 9}, "Its ranges have another number of records than it says."),
        ({"ranges": [AuditRange(12, 10, "zz")]}, "The digest of a range is not a SHA-256."),
        ({"digest": A}, "Its digest is not that of its ranges."),
    ],
)
def test_fields_that_contradict_each_other_are_refused(changed: dict[str, object], expected: str) -> None:
    assert reason(encode_audit_checkpoint(checkpoint(**changed))) == expected


def test_bytes_that_are_not_canonical_are_refused() -> None:
    plain = encode_audit_checkpoint(checkpoint())
    not_canonical = "Its bytes are not the canonical form of what they state."
    assert reason(json.dumps(json.loads(plain)).encode()) == not_canonical
    assert reason(plain[:-1] + b',"more":1}') == not_canonical
    assert reason(None) == "The record has no value."
    assert reason(b"[" * 100_000).startswith("It cannot be read: ")
    assert reason(b"\xff").startswith("It cannot be read: ")


@given(st.binary(max_size=200))
@examples(200)
def test_any_bytes_are_decoded_or_refused(value: bytes) -> None:
    assert isinstance(decode_audit_checkpoint(value), NotAnAuditCheckpoint)


@given(st.integers(min_value=0), st.integers(1, 255))
@examples(200)
def test_one_changed_byte_is_noticed(place: int, change: int) -> None:
    ours = signed(checkpoint(), KEY)
    value = bytearray(encode_audit_checkpoint(ours))
    value[place % len(value)] ^= change
    found = decode_audit_checkpoint(bytes(value))
    assert isinstance(found, NotAnAuditCheckpoint) or fault_of_signature(found, KEY.public_key())


# --- digests of records


def test_a_range_is_lengths_keys_values_and_cloudevents_headers() -> None:
    plain, bare = Record(b"k", b"value"), Record(None, None, (("other", b"x"),))
    event = Record(b"k", b"", (("ce_type", None), ("trace", b"t"), ("ce_id", b"1")))
    expected = (
        b"\0\0\0\1k\0\0\0\5value" b"\xff\xff\xff\xff\xff\xff\xff\xff"
        b"\0\0\0\1k\0\0\0\0\xff\xff\xff\xfe\0\0\0\2\0\0\0\5ce_id\0\0\0\0011\0\0\0\7ce_type\xff\xff\xff\xff"
    )  # fmt: skip
    assert audited_bytes([plain, bare, event]) == expected
    assert range_digest([plain, bare, event]) == hashlib.sha256(expected).hexdigest()
    assert audited_bytes([plain, plain]) == expected[:14] * 2


def test_headers_cannot_pass_for_a_record() -> None:
    with_header = [Record(b"k", b"v", (("ce_id", b"1"),)), Record(b"ce_z", b"w")]
    moved = [Record(b"k", b"v"), Record(b"ce_id", b"1", (("ce_z", b"w"),))]
    assert range_digest(with_header) != range_digest(moved)


_RECORDS = st.lists(
    st.builds(
        Record,
        st.none() | st.binary(max_size=5),
        st.none() | st.binary(max_size=5) | st.just(b"x" * 5000),
        st.just(()) | st.lists(st.tuples(st.sampled_from(["ce_a", "ce_b", "x"]), st.none() | st.binary(max_size=3)))
        .map(tuple),
    )
)  # fmt: skip


@given(_RECORDS, _RECORDS)
@examples(100)
def test_the_bytes_of_a_list_are_those_of_its_parts(first: list[Record], second: list[Record]) -> None:
    together = audited_bytes(first) + audited_bytes(second)
    assert audited_bytes([*first, *second]) == together
    assert range_digest([*first, *second]) == hashlib.sha256(together).hexdigest()


# --- keys


def test_keys_are_base64_or_pem() -> None:
    pem = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public_pem = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    for text in (base64.b64encode(SEED), base64.b64encode(SEED) + b"\n", pem):
        assert private_key(text).private_bytes_raw() == SEED
    for text in (public_text(KEY.public_key()).encode(), public_pem):
        assert public_key(text).public_bytes_raw() == KEY.public_key().public_bytes_raw()


@pytest.mark.parametrize("text", [b"", b"short", base64.b64encode(b"x" * 31), b"-----BEGIN PRIVATE KEY-----\nx\n"])
def test_what_is_no_key_is_refused_without_showing_it(text: bytes) -> None:
    for read in (private_key, public_key):
        with pytest.raises(NotAKey) as refused:
            read(text)
        assert not text or text.decode() not in str(refused.value)


def test_a_signature_of_another_key_or_text_does_not_fit() -> None:
    ours, other = signed(checkpoint(), KEY), Ed25519PrivateKey.from_private_bytes(bytes(32))
    assert fault_of_signature(ours, KEY.public_key()) == ""
    assert fault_of_signature(checkpoint(), KEY.public_key()) == "It is not signed."
    assert "It names the key" in fault_of_signature(ours, other.public_key())
    moved = msgspec.structs.replace(ours, records=9)
    not_of = f"Its signature is not of the key {key_id(KEY.public_key())!r}."
    assert fault_of_signature(moved, KEY.public_key()) == not_of
    assert fault_of_signature(msgspec.structs.replace(ours, signature="?"), KEY.public_key()) == not_of
