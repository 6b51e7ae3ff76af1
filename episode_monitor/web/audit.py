"""What a mutation leaves behind: who, what, on what, with which result, when."""

from typing import Any

import msgspec
import structlog

log = structlog.get_logger(__name__)


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One mutation that was tried by somebody who may. `result` is `done` or the code of the problem."""

    at: str
    by: str  # the name the caller gave: a statement, not a proof
    role: str
    peer: str
    action: str
    target: str
    details: dict[str, Any]
    result: str


def log_entry(entry: AuditEntry) -> None:
    """The default audit: the log."""
    log.info("audit", **msgspec.to_builtins(entry))
