"""aiokafka's client and fetcher, extended; every consumer, producer and admin client of the process uses them.

They close in bounded time, retry a failing address with growing pauses, ask the bootstrap list again when no known
broker answers, and record why a connection failed. aiokafka has no hook for that, so its classes are replaced.
"""

import asyncio
import logging
import random
import time
from contextvars import ContextVar
from typing import Any

import aiokafka.client
import structlog
from aiokafka import AIOKafkaClient
from aiokafka.admin import client as admin_module
from aiokafka.client import ConnectionGroup
from aiokafka.cluster import ClusterMetadata
from aiokafka.conn import AIOKafkaConnection, CloseReason
from aiokafka.consumer import consumer as consumer_module
from aiokafka.consumer.fetcher import Fetcher
from aiokafka.errors import KafkaConnectionError, KafkaError
from aiokafka.producer import producer as producer_module
from aiokafka.protocol.metadata import MetadataRequest

from agents.kafka.ending import FAREWELL_SECONDS, end_tasks, farewell
from episode_monitor_client.tokens import BearerAuthenticator

log = structlog.get_logger(__name__)

FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 1.0
REPEATED_SECONDS = 2.0  # questions about topics closer than this are a row of repetitions
FREE_REPETITIONS = 6

Failures = list[tuple[str, BaseException]]  # address, and what came of connecting there


class _Noting:
    """Tasks created meanwhile keep the context, and must not note for ever."""

    def __init__(self) -> None:
        self.failures: Failures = []
        self.is_over = False


_logged: set[str] = set()
_noting: ContextVar[_Noting | None] = ContextVar("noting", default=None)


class KafkaUnreachable(KafkaConnectionError):  # type: ignore[misc]
    """No address could be used; `failures` has the cause of each."""

    def __init__(self, failures: Failures) -> None:
        super().__init__("; ".join(f"{address}: {_plain(error)}" for address, error in failures) or "no address")
        self.failures = failures


class NotServed(KafkaConnectionError):  # type: ignore[misc]
    """A broker accepted the connection and answered no request."""

    def __init__(self) -> None:
        super().__init__("the connection was closed at the first question")


def _is_said_by_the_caller(record: logging.LogRecord) -> bool:
    """Each address that fails while no cluster is known yet: the caller gets all of them, and words them."""
    return record.funcName == "bootstrap" and record.levelno > logging.DEBUG


def _log_others(failures: Failures) -> None:
    """Those beside the one that answered, each once in the life of the process, which has many clients."""
    for address, error in failures:
        if address in _logged:
            continue
        _logged.add(address)
        log.warning("an address of KAFKA_BOOTSTRAP_SERVERS cannot be used", address=address, error=_plain(error))


def _plain(error: BaseException) -> str:
    return str(error) or type(error).__name__


class Connection(AIOKafkaConnection):  # type: ignore[misc]
    """A connection that is lost at most FAREWELL_SECONDS after it is closed."""

    def authenticator_oauth(self) -> BearerAuthenticator:
        """With a token."""
        return BearerAuthenticator(sasl_oauth_token_provider=self._sasl_oauth_token_provider)

    def close(self, reason: Any = None, exc: BaseException | None = None) -> Any:
        """Returns the future of the loss."""
        transport = None if self._writer is None else self._writer.transport
        closed = super().close(reason, exc)
        if transport is not None and closed is not None and not closed.done() and not self._loop.is_closed():
            aborting = self._loop.call_later(FAREWELL_SECONDS, transport.abort)
            closed.add_done_callback(lambda _: aborting.cancel())
        return closed


async def create_connection(host: str, port: int, **options: Any) -> Connection:
    """Replaces aiokafka's function; failures are noted for the caller of `noting`."""
    connection = Connection(host, port, **options)
    try:
        await connection.connect()
    except (OSError, KafkaError, TimeoutError) as error:
        _note(host, port, error)
        raise
    return connection


def _note(host: str, port: int, error: BaseException) -> None:
    noting = _noting.get()
    if noting is not None and not noting.is_over:
        noting.failures.append((f"{host}:{port}", error))


class Pause:
    """How long a failed address is not retried: longer after each failure, up to a limit."""

    def __init__(self) -> None:
        self.until = 0.0  # monotonic
        self._seconds = 0.0

    @property
    def remaining(self) -> float:
        """Seconds until the next try."""
        return max(0.0, self.until - time.monotonic())

    def longer(self) -> None:
        """The address failed, or is being tried."""
        self._seconds = min(LONGEST_PAUSE_SECONDS, 2 * self._seconds or FIRST_PAUSE_SECONDS)
        self.until = time.monotonic() + self._seconds * random.uniform(0.8, 1.2)


class Client(AIOKafkaClient):  # type: ignore[misc]
    """The network client of one consumer, producer or admin client."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._pauses: dict[Any, Pause] = {}  # by node, and of the bootstrap list
        self._updated_at = 0.0
        self._updates_in_a_row = 0

    async def close(self) -> None:
        """Closes in bounded time."""
        await end_tasks([self._sync_task])  # type: ignore[has-type]
        self._sync_task = None
        await farewell([connection.close(reason=CloseReason.SHUTDOWN) for connection in self._conns.values()])

    async def bootstrap(self) -> None:
        """Raises KafkaUnreachable with the causes."""
        noting = _Noting()
        token = _noting.set(noting)
        try:
            await super().bootstrap()
            _log_others(noting.failures)
        except KafkaConnectionError:
            known = {address for address, _ in noting.failures}
            hosts = [f"{host}:{port}" for host, port, _ in self.hosts]
            raise KafkaUnreachable(
                [*noting.failures, *((host, NotServed()) for host in hosts if host not in known)]
            ) from None
        finally:
            noting.is_over = True
            _noting.reset(token)

    async def _get_conn(
        self, node_id: Any, *, group: Any = ConnectionGroup.DEFAULT, no_hint: bool = False
    ) -> Connection | None:
        connection = self._conns.get((node_id, group))
        if connection is not None and connection.connected():
            return connection  # type: ignore[no-any-return]
        pause = self._pauses.get(node_id)
        if pause is not None and pause.remaining:
            if asyncio.current_task() is self._sync_task:
                return None  # others may know the cluster; none of them must wait for this one
            await asyncio.sleep(pause.remaining)
            if pause.remaining:  # another has just tried
                return None
            pause.longer()
        connection = await super()._get_conn(node_id, group=group, no_hint=no_hint)
        if connection is not None:
            self._pauses.pop(node_id, None)
        elif pause is None:
            self._pauses.setdefault(node_id, Pause()).longer()
        return connection  # type: ignore[no-any-return]

    async def _metadata_update(self, cluster_metadata: ClusterMetadata, topics: Any) -> bool:
        await self._not_too_often()
        if await super()._metadata_update(cluster_metadata, topics):
            return True
        return await self._ask_bootstrap_list(cluster_metadata, topics)

    async def _not_too_often(self) -> None:
        """A client without a leader asks again at once, as fast as the broker answers: slow it down."""
        now = time.monotonic()
        self._updates_in_a_row = self._updates_in_a_row + 1 if now - self._updated_at < REPEATED_SECONDS else 0
        beyond = self._updates_in_a_row - FREE_REPETITIONS
        if beyond > 0:
            await asyncio.sleep(min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** min(beyond, 10)))
        self._updated_at = time.monotonic()

    async def _ask_bootstrap_list(self, cluster_metadata: ClusterMetadata, topics: Any) -> bool:
        """All known brokers may be gone, and others, or the same at other addresses, may be there."""
        pause = self._pauses.setdefault("bootstrap list", Pause())
        await asyncio.sleep(pause.remaining)
        pause.longer()
        for host, port, _ in self.hosts:
            try:
                connection = await create_connection(host, port, **self._connection_options())
            except (OSError, KafkaError, TimeoutError):
                continue
            try:
                metadata = await connection.send(MetadataRequest(list(topics) if topics else None))
            except (KafkaError, TimeoutError):
                continue
            finally:
                connection.close()
            if metadata.brokers:
                cluster_metadata.update_metadata(metadata)
                self._pauses.clear()
                return True
        return False

    def _connection_options(self) -> dict[str, Any]:
        return {
            "client_id": self._client_id, "request_timeout_ms": self._request_timeout_ms,
            "ssl_context": self._ssl_context, "security_protocol": self._security_protocol,
            "max_idle_ms": self._connections_max_idle_ms, "sasl_mechanism": self._sasl_mechanism,
            "sasl_plain_username": self._sasl_plain_username, "sasl_plain_password": self._sasl_plain_password,
            "sasl_oauth_token_provider": self._sasl_oauth_token_provider,
        }  # fmt: skip


class EndingFetcher(Fetcher):  # type: ignore[misc]
    """A fetcher that ends when it is closed, also right after `assign` or `seek`."""

    async def close(self) -> None:
        """Closes within seconds."""
        self._closed = True
        await end_tasks([self._fetch_task])
        for waiter in list(self._fetch_waiters):
            self._notify(waiter)
        await end_tasks(list(self._pending_tasks))


def take_their_place() -> None:
    """From now on every aiokafka client of this process uses the classes above."""
    for module in (consumer_module, producer_module, admin_module):
        module.AIOKafkaClient = Client
    consumer_module.Fetcher = EndingFetcher
    aiokafka.client.create_conn = create_connection
    aiokafka.client.log.addFilter(lambda record: not _is_said_by_the_caller(record))


take_their_place()
