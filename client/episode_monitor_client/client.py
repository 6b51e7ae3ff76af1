"""The one client of a process: where events go, or nowhere when nothing is configured. It never raises."""

import atexit
import logging
import os
import threading
from dataclasses import dataclass
from typing import Protocol

from .events import EpisodeEvent
from .security import SettingsError
from .sender import Sender
from .settings import ClientSettings

log = logging.getLogger("episode_monitor_client")


class EventSink(Protocol):
    """Takes events. `emit` neither waits nor raises; where nothing is `enabled` no event is made at all."""

    @property
    def enabled(self) -> bool:
        """Whether events go anywhere."""

    def emit(self, event: EpisodeEvent) -> bool:
        """Takes an event; False where it goes nowhere."""


@dataclass(frozen=True, slots=True)
class ClientStats:
    """Counts since the start of this client."""

    enabled: bool
    sent: int = 0
    waiting: int = 0
    dropped: int = 0
    fault: str | None = None


class EpisodeMonitorClient:
    """Made of settings, or of the sentence why there are none: then it takes events and forgets them."""

    def __init__(self, settings: ClientSettings | str, sender: Sender | None = None) -> None:
        self._why_not = settings if isinstance(settings, str) else None
        self.sender = sender or (None if isinstance(settings, str) else Sender(settings))
        if self._why_not is not None:
            log.info("episode events are not sent: %s", self._why_not)

    @classmethod
    def from_environment(cls) -> "EpisodeMonitorClient":
        """As the environment says. A wrong setting is one line in the log, and nothing is sent."""
        try:
            return cls(ClientSettings.from_environment())
        except SettingsError as error:
            log.error("episode events are not sent: %s", error)
            return cls("a setting is wrong")
        except Exception as error:  # aiokafka that is not there, for one
            log.error("episode events are not sent: %r", error)
            return cls("the client could not be made")

    @property
    def enabled(self) -> bool:
        """Whether events go anywhere."""
        return self.sender is not None

    def emit(self, event: EpisodeEvent) -> bool:
        """Queues an event; False where it goes nowhere."""
        try:
            return self.sender is not None and self.sender.emit(event)
        except Exception:
            log.debug("an event was not queued", exc_info=True)
            return False

    def start(self) -> None:
        """Begins to look for Kafka now rather than at the first event."""
        if self.sender is not None:
            self.sender.start()

    def close(self, timeout_seconds: float | None = None) -> int:
        """Sends what waits within the time limit and ends; answers how many events were left. Blocks."""
        return 0 if self.sender is None else self.sender.close(timeout_seconds)

    async def aclose(self, timeout_seconds: float | None = None) -> int:
        """The same for a loop, which goes on meanwhile."""
        return 0 if self.sender is None else await self.sender.aclose(timeout_seconds)

    def stats(self) -> ClientStats:
        """For health checks and metrics."""
        if self.sender is None:
            return ClientStats(False, fault=self._why_not)
        now = self.sender.stats()
        return ClientStats(True, now.sent, now.waiting, now.dropped, now.fault)


_lock = threading.RLock()  # reentrant: a finalizer of the service may send an event
_current: EpisodeMonitorClient | None = None


def _after_fork() -> None:
    """The holder of the lock does not exist in the child."""
    global _lock
    _lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def current_client() -> EpisodeMonitorClient:
    """The process's client, made of the environment when it is first asked for."""
    global _current
    client = _current
    if client is None:
        with _lock:
            client = _current = _current or EpisodeMonitorClient.from_environment()
    return client


def use_client(client: EpisodeMonitorClient | None) -> EpisodeMonitorClient | None:
    """Makes this the process's client, None for a new one when it is asked for; answers the one before."""
    global _current
    with _lock:
        before, _current = _current, client
    return before


@atexit.register
def _close_at_exit() -> None:
    """For hosts that forget to: what waits is sent, within the time limit."""
    if _current is not None:
        _current.close()
