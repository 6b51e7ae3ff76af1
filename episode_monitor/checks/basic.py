"""The basic check: the fleet's sums as the stream has them. It costs next to nothing, so it runs often."""

import time

import msgspec

from episode_monitor.checks.stream_side import StreamSide
from models.check_views import BasicCheckResult, CheckSummary


async def basic_check(stream: StreamSide) -> BasicCheckResult:
    """Raises CheckFailed."""
    began = time.monotonic()
    found = await stream.summary()
    return BasicCheckResult(
        status="completed",
        duration_seconds=round(time.monotonic() - began, 3),
        summary=msgspec.convert(found, CheckSummary, from_attributes=True),
    )
