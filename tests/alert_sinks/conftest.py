"""What the tests of delivery share: a signal, a receiver and the client that all sinks use."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from alert_sinks.posting import new_client
from tests.alert_sinks.desk import Desk
from tests.alert_sinks.receiver import Receiver, receiving
from tests.alert_sinks.support import Signal


@pytest.fixture
def signal() -> Signal:
    """Fires when the receiver, the clock or a callback has seen something."""
    return Signal()


@pytest.fixture
async def receiver(signal: Signal) -> AsyncIterator[Receiver]:
    """A real HTTP server on loopback."""
    async with receiving(signal) as server:
        yield server


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """The client as the monitor makes it."""
    async with new_client() as shared:
        yield shared


@pytest.fixture
async def new_desk(signal: Signal, client: httpx.AsyncClient, receiver: Receiver) -> AsyncIterator[Callable[..., Desk]]:
    """Makes couriers at work; they end with the test."""
    desks: list[Desk] = []

    def make(**options: Any) -> Desk:
        desks.append(Desk(signal, client, receiver, **options))
        return desks[-1]

    yield make
    for desk in desks:
        await desk.close()


@pytest.fixture
def desk(new_desk: Callable[..., Desk]) -> Desk:
    """A fan-out with one webhook, and a clock that stands still."""
    return new_desk()
