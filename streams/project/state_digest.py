"""One number for the states of many projects: a sum, so that a project that changes is taken out and put in again.

Equal in live and in a replay at the same offsets, where `rules_digest` is equal.
"""

from collections.abc import Iterable
from hashlib import blake2b, sha256

import msgspec

from streams.alerting.core import Core
from streams.project.fingerprint import fingerprint
from streams.project.project_state import ProjectState

_BYTES = 16
_MASK = (1 << 8 * _BYTES) - 1


def project_digest(project_id: str, fingerprint_hex: str) -> int:
    """What a project adds to the sum."""
    return int.from_bytes(blake2b(f"{project_id}{fingerprint_hex}".encode(), digest_size=_BYTES).digest(), "big")


def digest_of_project(state: ProjectState) -> int:
    """`project_digest` of a decoded state."""
    return project_digest(state.project_id, fingerprint(state))


def exchanged(total: int, before: int, after: int) -> int:
    """The sum after one project's part has become another; 0 stands for a project that was not there."""
    return (total - before + after) & _MASK


def total_of(digests: Iterable[int]) -> int:
    """The sum of several projects' parts, or of several sums."""
    return sum(digests) & _MASK


def digest_text(total: int) -> str:
    """The sum as 32 hex digits, as checkpoints and views show it."""
    return f"{total:032x}"


def rules_digest(core: Core) -> str:
    """SHA-256 (hex): equal where rules, and the settings that a fingerprint depends on, are equal."""
    numbering = core.numbering
    decided = (
        core.packed_rules, core.grace_ms, core.resend_memory, core.open_conflicts_max, core.detail_seconds,
        core.calendar.zone_name, numbering.deleted.value, numbering.first_number, numbering.max_jump,
        numbering.max_episodes,
    )  # fmt: skip
    return sha256(msgspec.msgpack.encode(decided)).hexdigest()
