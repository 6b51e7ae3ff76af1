"""Escalation chains: what happens, and after how long, while nobody acknowledges an alert."""

import msgspec

from streams.routing.labels import Labels
from streams.routing.matcher import Matcher, matches_all


class Notify(msgspec.Struct, frozen=True, tag="notify"):
    """Notify a receiver."""

    receiver: str


class Wait(msgspec.Struct, frozen=True, tag="wait"):
    """Wait before the next step."""

    wait_ms: int


class Page(msgspec.Struct, frozen=True, tag="page"):
    """Notify the person who is on call in a schedule at that moment."""

    schedule: str


class OnlyIfFiring(msgspec.Struct, frozen=True, tag="only_if_firing"):
    """The chain ends here unless the alert still fires."""


Step = Notify | Wait | Page | OnlyIfFiring


class Chain(msgspec.Struct, frozen=True, kw_only=True):
    """Steps for the alerts that match; of several chains the first that matches is taken. An acknowledgement stops it.

    After the last step it begins again, `repeat` times at most.
    """

    name: str
    matchers: tuple[Matcher, ...] = ()
    steps: tuple[Step, ...] = ()
    repeat: int = 0

    def takes(self, labels: Labels) -> bool:
        """Whether it is for an alert with these labels."""
        return matches_all(self.matchers, labels)

    def due(self) -> tuple[tuple[int, Step], ...]:
        """Each step but the waits, and how many milliseconds after the start it is due, repetitions included."""
        found, at_ms = [], 0
        for step in self.steps * (self.repeat + 1):
            if isinstance(step, Wait):
                at_ms += step.wait_ms
            else:
                found.append((at_ms, step))
        return tuple(found)


def chain_for(chains: tuple[Chain, ...], labels: Labels) -> Chain | None:
    """The first chain that takes an alert with these labels."""
    return next((chain for chain in chains if chain.takes(labels)), None)
