"""What a sink is, and its four outcomes. It never raises for a failure of its destination; it returns an outcome."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, runtime_checkable

import httpx
import msgspec

from alert_sinks.address_guard import AddressGuard
from alert_sinks.digest import Digest
from alert_sinks.environment import nothing_forbids
from alert_sinks.pace import Rate
from alert_sinks.receivers import ReceiverConfig, ReceiverKind
from alert_sinks.settings import SinkSettings
from alert_sinks.texts.catalogue import Texts
from alert_sinks.texts.english import ENGLISH
from models.alert import Alert
from streams.routing.alerting import ON_CALL, TEAM


class Attempt(msgspec.Struct, frozen=True):
    """One try at delivering one message. `message_id` names it; "" where the transitions in it do.

    `group_key` names the group of alerts that the message is about; "" where there is none.

    A sink calls `check` right before each write that leaves the process, after it has connected or started what it
    needs: a worker that was frozen meanwhile is no longer the one that delivers, and `check` raises.
    """

    number: int  # from 1
    at_ms: int  # wall clock of the try, epoch milliseconds
    check: Callable[[], None] = nothing_forbids
    message_id: str = ""
    group_key: str = ""
    texts: Texts = ENGLISH  # the language in which people read it


class Delivered(msgspec.Struct, frozen=True):
    """The destination took it."""


class Retry(msgspec.Struct, frozen=True):
    """Not now. `after_seconds` is what the destination asked for, None if it asked for nothing.

    `holds_sink` means that the destination refuses us, not this alert (429): nothing else should be sent to it either.
    """

    after_seconds: float | None
    reason: str
    holds_sink: bool = False


class Rejected(msgspec.Struct, frozen=True):
    """Never: another try would end the same way. The transition is a dead letter."""

    reason: str


class Disabled(msgspec.Struct, frozen=True):
    """The destination is gone for good; the sink stays off until the monitor starts again."""

    reason: str


Outcome = Delivered | Retry | Rejected | Disabled


class Sink(Protocol):
    """A destination of alerts."""

    @property
    def name(self) -> str:
        """Names the sink in the ledger, in metrics and logs; it never changes over restarts."""
        ...

    async def deliver(self, alert: Alert, attempt: Attempt) -> Outcome:
        """Tries once, within a bounded time."""
        ...

    async def aclose(self) -> None:
        """Lets go of what the sink itself opened."""
        ...


@runtime_checkable
class TakesDigests(Protocol):
    """A sink that can put many alerts in one message; every other one gets them one by one."""

    async def deliver_digest(self, digest: Digest, attempt: Attempt) -> Outcome:
        """Tries once, within a bounded time."""
        ...


@dataclass(frozen=True)
class ReceiverSink:
    """One way of a receiver. `config`: what the file has for it; None: it is one of the settings."""

    sink: Sink
    config: ReceiverConfig | None = None
    keeps_incidents: bool = False  # it has an incident for each group of alerts, and learns of what people do

    @property
    def sends_resolved(self) -> bool:
        """Whether it is sent the ends of alerts."""
        return self.config is None or self.config.send_resolved


Receivers = Mapping[str, Sequence[ReceiverSink]]  # by the receiver's name


@dataclass(frozen=True)
class Destinations:
    """The team's sinks get every alert, those of on-call the escalated ones. No two sinks have the same name.

    `receivers` are those of the alerting file; None: `team` and `on-call`. `stand_ins`: the first of these that has a
    sink gets what is for a receiver that has none.
    """

    team: Sequence[Sink] = ()
    on_call: Sequence[Sink] = ()
    receivers: Receivers | None = None
    stand_ins: tuple[str, ...] = (ON_CALL, TEAM)

    @property
    def by_receiver(self) -> Receivers:
        """All receivers."""
        if self.receivers is not None:
            return self.receivers
        return {name: [ReceiverSink(sink) for sink in sinks]
                for name, sinks in ((TEAM, self.team), (ON_CALL, self.on_call))}  # fmt: skip


class SinkParts(NamedTuple):
    """What a sink of the alerting file is built with, besides its config."""

    client: httpx.AsyncClient
    name: str
    timeout_seconds: float
    has_buttons: bool = False  # presses of Slack's buttons are taken

    @property
    def guard(self) -> AddressGuard:
        """That of the client, for sinks that do not post."""
        guard = getattr(self.client, "guard", None)
        return guard if isinstance(guard, AddressGuard) else AddressGuard()


def _none(_: Any, client: httpx.AsyncClient) -> Destinations:
    return Destinations()


@dataclass(frozen=True)
class SinkKind:
    """What the file of a kind of sink gives as `KIND`: its part of the settings, its part of `alerting.yaml`, or both.

    `build` returns the sinks that are set, and raises ValueError with one sentence if one cannot be made. The first
    setting in `settings` is the one to name to an operator who has set none. `configs` says what a file of receivers
    would say of the same settings: the ways of the team, and those of on-call. `receiver` declares the keys that a file
    of receivers may have, and `of_config` returns the sink of one such way; it raises as `build` does.
    """

    settings: type[SinkSettings] = SinkSettings
    build: Callable[[Any, httpx.AsyncClient], Destinations] = _none  # of an instance of `settings`
    configs: Callable[[Any], tuple[Sequence[ReceiverConfig], Sequence[ReceiverConfig]]] = lambda _: ((), ())
    receiver: ReceiverKind | None = None
    keeps_incidents: Callable[[Any], bool] = lambda _: False  # of such a config: one for each group, told of acts
    takes_all: bool = False  # each alert of a group, in several messages where it has to be
    rate: Callable[[Any], Rate | None] = lambda _: None  # of such a config's destination; None: as fast as it answers
    of_config: Callable[[Any, SinkParts], Sink] | None = None  # of an instance of `receiver.config`

    @property
    def first_setting(self) -> str:
        """Its name in the environment; "" for a kind that only a file configures."""
        return next((name for name in self.settings.model_fields if name not in SinkSettings.model_fields), "").upper()
