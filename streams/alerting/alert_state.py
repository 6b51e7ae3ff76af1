"""What is remembered of a rule of one project that is crossed, or fires still. `alert_life` changes it."""

from typing import Any

import msgspec

from streams.alerting.verdict import Reason


class AlertState(msgspec.Struct, array_like=True):
    """The state of a rule of a project that is crossed, or fires still. Event times in ms; 0: none."""

    since_ms: int  # crossed since
    named_ms: int = 0  # its id is made of this: `since_ms`, or the next that is free if another began just then
    starts_at_ms: int = 0  # of this firing; 0: it is pending, crossed but not for long enough
    calm_since_ms: int = 0  # while it is kept firing
    findings: int = 0  # as last emitted, or fewer if there were fewer since; 0 of a rule with a window
    rose_at_ms: int = 0  # when more of them were last emitted
    trace_ids: list[str] = []

    @property
    def reason(self) -> Reason:
        """Why it had its newest transition."""
        if self.rose_at_ms:
            return Reason.FINDINGS_ROSE
        has_waited = self.starts_at_ms > self.since_ms
        return Reason.CROSSED_FOR_LONG_ENOUGH if has_waited else Reason.THRESHOLD_CROSSED


def read_alert(stored: list[Any], findings: int) -> AlertState:
    """One that was stored as an array. Of an older version, which stored what people did as well, the rule's part is
    read; `findings` is what there is now."""
    if len(stored) > len(AlertState.__struct_fields__):
        since_ms, named_ms, starts_at_ms, calm_since_ms = stored[1:5]
        resolved_at, trace_ids = stored[7], stored[11]  # findings when a person resolved it, 0 if nobody did
        stored = [since_ms, named_ms, starts_at_ms, calm_since_ms, resolved_at or findings, 0, trace_ids]
    return msgspec.convert(stored, AlertState)
