"""Ed25519 signatures of audit checkpoints; their keys in the forms that settings have: base64 of 32 bytes, and PEM."""

import base64
import binascii
import hashlib

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from models.audit_checkpoint import AuditCheckpoint, signed_bytes

_PEM = b"-----BEGIN"


class NotAKey(ValueError):
    """A text that is no key of the expected kind; the message never contains it."""


def private_key(text: bytes) -> Ed25519PrivateKey:
    """From base64 of the seed of 32 bytes, or an unencrypted PEM. Raises NotAKey."""
    if not text.strip().startswith(_PEM):
        return Ed25519PrivateKey.from_private_bytes(_raw(text, "private"))
    try:
        key = load_pem_private_key(text, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise NotAKey("it is no unencrypted PEM of an Ed25519 private key") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise NotAKey("it is a private key, but not an Ed25519 one")
    return key


def public_key(text: bytes) -> Ed25519PublicKey:
    """From base64 of its 32 bytes, or a PEM. Raises NotAKey."""
    if not text.strip().startswith(_PEM):
        return Ed25519PublicKey.from_public_bytes(_raw(text, "public"))
    try:
        key = load_pem_public_key(text)
    except (ValueError, UnsupportedAlgorithm):
        raise NotAKey("it is no PEM of an Ed25519 public key") from None
    if not isinstance(key, Ed25519PublicKey):
        raise NotAKey("it is a public key, but not an Ed25519 one")
    return key


def public_text(key: Ed25519PublicKey) -> str:
    """Base64 of the 32 bytes, as `public_key` reads it."""
    return base64.b64encode(key.public_bytes_raw()).decode()


def key_id(key: Ed25519PublicKey) -> str:
    """What a checkpoint names its key by: the first 16 hex digits of the SHA-256 of its 32 bytes."""
    return hashlib.sha256(key.public_bytes_raw()).hexdigest()[:16]


def signed(checkpoint: AuditCheckpoint, key: Ed25519PrivateKey) -> AuditCheckpoint:
    """The same checkpoint with key id and signature. The same key signs the same bytes alike."""
    signature = base64.b64encode(key.sign(signed_bytes(checkpoint))).decode()
    return msgspec.structs.replace(checkpoint, key_id=key_id(key.public_key()), signature=signature)


def fault_of_signature(checkpoint: AuditCheckpoint, key: Ed25519PublicKey) -> str:
    """Why the checkpoint is not known to be signed with this key, in one sentence; "" where it is. Never raises."""
    if not checkpoint.signature:
        return "It is not signed."
    if checkpoint.key_id != key_id(key):
        return f"It names the key {checkpoint.key_id[:32]!r}; the public key given is {key_id(key)!r}."
    try:
        key.verify(base64.b64decode(checkpoint.signature, validate=True), signed_bytes(checkpoint))
    except (InvalidSignature, binascii.Error, ValueError):
        return f"Its signature is not of the key {key_id(key)!r}."
    return ""


def _raw(text: bytes, kind: str) -> bytes:
    try:
        raw = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        raise NotAKey(f"it is neither base64 nor a PEM of an Ed25519 {kind} key") from None
    if len(raw) != 32:
        raise NotAKey(f"an Ed25519 {kind} key has 32 bytes, it has {len(raw)}")
    return raw
