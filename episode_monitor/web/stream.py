"""Names what has changed to open pages, so that they ask again. It carries no data: a page is right without it.

Nothing is looked at while nobody listens. What a reader has not taken yet is kept once for each resource, so a slow one
costs no more than a quick one.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from hashlib import blake2b
from typing import NamedTuple

import msgspec
import structlog

from episode_monitor.fleet.errors import ViewError
from episode_monitor.web.problems import Problem, busy

log = structlog.get_logger(__name__)

HEARTBEAT_SECONDS = 15.0
MOST_READERS = 64  # of one worker
RECONNECT_MS = 3000
LOOKING = "changes for open pages"  # the task's name


class Source(NamedTuple):
    """A resource, how often to look at it, and what differs whenever an answer about it would. `value` may raise
    ViewError or Problem: then nothing is known to have changed. After a change it is not looked at for `rest_seconds`,
    which bounds what the questions of all pages cost while it changes all the time."""

    resource: str
    every_seconds: float
    rest_seconds: float
    value: Callable[[], Awaitable[object]]


class ResourceChanged(msgspec.Struct, frozen=True, kw_only=True):
    """One event. `version` only tells changes apart; the first events of a connection say where everything stands."""

    resource: str  # "alerts" | "integrity" | "jobs" | "performance"
    version: str


class Reader:
    """One connection."""

    def __init__(self, versions: dict[str, str]) -> None:
        self._pending = dict(versions)
        self._is_over = False
        self._news = asyncio.Event()
        self._news.set()

    @property
    def waiting(self) -> int:
        """Events that were not taken yet."""
        return len(self._pending)

    def note(self, resource: str, version: str) -> None:
        """It changed; an older version that was not taken is replaced."""
        self._pending[resource] = version
        self._news.set()

    def end(self) -> None:
        """No further events come."""
        self._is_over = True
        self._news.set()

    async def lines(self, heartbeat_seconds: float) -> AsyncIterator[bytes]:
        """What to send, until the feed ends."""
        yield b"retry: %d\n\n" % RECONNECT_MS
        while not self._is_over:
            try:
                await asyncio.wait_for(self._news.wait(), heartbeat_seconds)
            except TimeoutError:
                yield b": nothing has changed\n\n"
                continue
            self._news.clear()
            pending, self._pending = self._pending, {}
            if pending:
                yield b"".join(_event(resource, version) for resource, version in sorted(pending.items()))


def _event(resource: str, version: str) -> bytes:
    return b"data: %s\n\n" % msgspec.json.encode(ResourceChanged(resource=resource, version=version))


class ChangeFeed:
    """The readers of one worker, and one task that looks at the sources while there are any."""

    def __init__(
        self,
        sources: Sequence[Source] = (),
        *,
        most_readers: int = MOST_READERS,
        heartbeat_seconds: float = HEARTBEAT_SECONDS,
    ) -> None:
        self._sources = sources
        self._most_readers = most_readers
        self._heartbeat_seconds = heartbeat_seconds
        self._versions: dict[str, str] = {}
        self._readers: set[Reader] = set()
        self._looking: asyncio.Task[None] | None = None
        self._is_closed = False

    @property
    def readers(self) -> int:
        """How many there are."""
        return len(self._readers)

    @property
    def is_looking(self) -> bool:
        """Whether sources are being looked at."""
        return self._looking is not None and not self._looking.done()

    def open(self) -> Reader:
        """A new reader, which must `leave`. Raises Problem 503 where there are too many, or where the worker stops."""
        if self._is_closed:
            raise busy("stopping", "This worker is stopping: connect again.", 2)
        if len(self._readers) >= self._most_readers:
            detail = f"{self._most_readers} pages listen to this worker already: this one is right without it."
            raise busy("too_many_streams", detail, 60)
        if not self.is_looking:
            self._versions.clear()  # nobody has looked meanwhile
            self._looking = asyncio.create_task(self._look(), name=LOOKING)
        reader = Reader(self._versions)
        self._readers.add(reader)
        return reader

    def lines(self, reader: Reader) -> AsyncIterator[bytes]:
        """What to send to a reader."""
        return reader.lines(self._heartbeat_seconds)

    def leave(self, reader: Reader) -> None:
        """Forget a reader; after the last one nothing is looked at any more."""
        self._readers.discard(reader)
        if not self._readers and self._looking is not None:
            self._looking.cancel()
            self._looking = None

    def close(self) -> None:
        """End all connections, and take no new one."""
        self._is_closed = True
        for reader in self._readers:
            reader.end()

    async def _look(self) -> None:
        loop = asyncio.get_running_loop()
        due = [loop.time()] * len(self._sources)
        try:
            while due:
                for at, source in enumerate(self._sources):
                    if due[at] <= loop.time():
                        has_changed = await self._look_at(source)
                        due[at] = loop.time() + (source.rest_seconds if has_changed else source.every_seconds)
                await asyncio.sleep(max(0.0, min(due) - loop.time()))
        except Exception:
            log.exception("what has changed is not known any more; open pages connect again")
            for reader in self._readers:
                reader.end()

    async def _look_at(self, source: Source) -> bool:
        try:
            value = await source.value()
        except (ViewError, Problem):
            return False
        version = blake2b(repr(value).encode(), digest_size=8).hexdigest()
        if self._versions.get(source.resource) == version:
            return False
        self._versions[source.resource] = version
        for reader in self._readers:
            reader.note(source.resource, version)
        return True
