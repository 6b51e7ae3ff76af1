"""The one producer of a worker: every record is acknowledged by all replicas, and idempotent where the broker can.

A broker that cannot (the embedded one) may see a record twice after a lost answer. State and alerts bear that: they are
keyed and their ids are computed.
"""

import asyncio
from collections.abc import Sequence

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, UnknownError, UnsupportedVersionError
from aiokafka.producer.message_accumulator import BatchBuilder

log = structlog.get_logger(__name__)

MAX_BATCH_BYTES = 512 * 1024  # of a changelog batch; brokers take a megabyte unless told otherwise
IDEMPOTENCE_PATIENCE_SECONDS = 15.0

Headers = Sequence[tuple[str, bytes | None]]


class Producer:
    """To be started before anything is sent."""

    def __init__(self, bootstrap_servers: str) -> None:
        self.is_idempotent = True
        self._bootstrap_servers = bootstrap_servers
        self._client: AIOKafkaProducer | None = None

    async def start(self) -> None:
        """Connect. Raises KafkaError where the broker is away."""
        client = self._new(idempotent=True)
        try:
            await asyncio.wait_for(client.start(), IDEMPOTENCE_PATIENCE_SECONDS)
        except (UnknownError, UnsupportedVersionError, TimeoutError) as error:
            await client.stop()
            log.warning("the broker refuses idempotent producers; going on without", error=type(error).__name__)
            client, self.is_idempotent = self._new(idempotent=False), False
            await client.start()
        except KafkaError:
            await client.stop()
            raise
        self._client = client

    def _new(self, *, idempotent: bool) -> AIOKafkaProducer:
        return AIOKafkaProducer(
            bootstrap_servers=self._bootstrap_servers,
            acks="all",
            enable_idempotence=idempotent,
            linger_ms=0,
            max_batch_size=MAX_BATCH_BYTES,
            max_request_size=2 * MAX_BATCH_BYTES,
        )

    @property
    def client(self) -> AIOKafkaProducer:
        """The started client."""
        if self._client is None:
            raise RuntimeError("the producer was not started")
        return self._client

    def create_batch(self) -> BatchBuilder:
        """An empty batch of records for one partition."""
        return self.client.create_batch()

    async def send_batch(self, batch: BatchBuilder, topic: str, partition: int) -> asyncio.Future[object]:
        """Queue a batch; the future is done when the broker has it."""
        sent: asyncio.Future[object] = await self.client.send_batch(batch, topic, partition=partition)
        return sent

    async def send(
        self, topic: str, value: bytes | None, key: bytes | None, headers: Headers = ()
    ) -> asyncio.Future[object]:
        """Queue a record, its partition chosen by its key; the future is done when the broker has it."""
        sent: asyncio.Future[object] = await self.client.send(topic, value, key, headers=list(headers))
        return sent

    async def stop(self) -> None:
        """Send what is queued and disconnect."""
        if self._client is not None:
            await self._client.stop()
