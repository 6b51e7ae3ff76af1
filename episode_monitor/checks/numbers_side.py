"""What a comparison with the project service's table asks of the other side: the fleet, or a replay."""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from streams.partition.drift_values import Holdings


class NumbersSide(Protocol):
    """Each method may raise CheckFailed."""

    async def compare(self, projects: Sequence[tuple[str, int]]) -> list[int]:
        """The places of the projects that differ from the digest that is given, or that are unknown."""

    async def holdings(self, projects: Sequence[str]) -> dict[str, Holdings]:
        """What these projects hold."""

    def known(self) -> AsyncIterator[list[str]]:
        """Every project that holds a number, in pages; some perhaps twice."""

    async def catch_up(self) -> None:
        """Returns when all that lies in the topic now is applied."""
