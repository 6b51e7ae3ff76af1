"""The basic check: the fleet's sums as the stream has them. It costs next to nothing, so it runs often."""

import time
from collections.abc import Awaitable
from typing import Protocol

from models.views import BasicCheckResult, CheckSummary, IntegritySummary


class Stream(Protocol):
    """What the check asks of the fleet."""

    def summary(self) -> Awaitable[IntegritySummary]:
        """The fleet at a glance."""


async def basic_check(stream: Stream) -> BasicCheckResult:
    """Raises CheckFailed."""
    began = time.monotonic()
    found = await stream.summary()
    return BasicCheckResult(
        status="completed",
        duration_seconds=round(time.monotonic() - began, 3),
        summary=CheckSummary(
            total_projects=found.total_projects,
            healthy_projects=found.healthy_projects,
            unhealthy_projects=found.unhealthy_projects,
            health_percentage=found.health_percentage,
            total_gaps=found.total_gaps,
            total_duplicates=found.total_duplicates,
        ),
    )
