"""Keys of a partition's stored values. The first byte says what it is, so that all of a kind can be picked out."""

import struct

HEAD = b"p"  # a project's state
CHUNK = b"c"  # numbers of a project, stored apart
CURSOR = b"o"  # up to where the partition is complete
TOTALS = b"t"  # what its projects add up to
DRIFT = b"d"  # alerts about drift, of the whole fleet
FLEET = b"f"  # rules on all projects: where they stand; followed by a minute: the sums of its seconds
SPLIT = b"s"  # the partitions of a project that is in several
AUDIT = b"a"  # the chain of audit checkpoints; followed by a sequence number: one that was not sent yet

_CHUNK = struct.Struct(">cIq")
_CHECKPOINT = struct.Struct(">cq")


def head(project_id: str) -> bytes:
    """Key of a project's state."""
    return HEAD + project_id.encode()


def project_of(head_key: bytes) -> str:
    """The project of a key that `head` or `split` made."""
    return head_key[1:].decode()


def split(project_id: str) -> bytes:
    """Key of a split project's partitions; `project_of` works for it too."""
    return SPLIT + project_id.encode()


def chunk(project_id: str, index: int, version: int) -> bytes:
    """Key of one version of one chunk."""
    return _CHUNK.pack(CHUNK, index, version) + project_id.encode()


def audit_checkpoint(sequence: int) -> bytes:
    """Key of an audit checkpoint that was not sent yet."""
    return _CHECKPOINT.pack(AUDIT, sequence)


def fleet_minute(minute: int) -> bytes:
    """Key of the sums of a minute."""
    return _CHECKPOINT.pack(FLEET, minute)


def checkpoint_of(key: bytes) -> int:
    """The sequence number in a key that `audit_checkpoint` made."""
    return int(_CHECKPOINT.unpack(key)[1])
