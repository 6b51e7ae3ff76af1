"""The partitions of the events topic that this worker owns now, and the consumer that reads them."""

from collections.abc import Awaitable, Callable

from faust.types import TP

from agents.engine.ownership import Owned
from agents.fetching.transport import Consumer

Compare = Callable[[Owned, list[str], bool], Awaitable[None]]
"""Ask all other partitions whether they have a part of these projects, and note what they say; for a limited time.
The last argument: wait until they have taken what lies in their logs now. Never raises."""


class Assignment:
    """Filled by the engine; the consumer comes with the Faust app."""

    def __init__(self, events_topic: str) -> None:
        self.events_topic = events_topic
        self.owned: dict[int, Owned] = {}
        self.consumer: Consumer | None = None
        self.partitions = 0  # of the changelog; 0: not known
        self.compare: Compare | None = None  # None: there is no way to ask, so nothing is held back for it

    def tp(self, number: int) -> TP:
        """The partition as the consumer names it."""
        return TP(self.events_topic, number)

    @property
    def live(self) -> list[Owned]:
        """Those that may take, emit and write, as of now."""
        return [owned for owned in self.owned.values() if owned.is_live]
