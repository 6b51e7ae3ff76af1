"""Brings the outbox to Kafka: takes a slot, sends its oldest rows, and deletes them only when the broker has them.

Any number of relays may run. All events of a project are in one slot and one relay at a time has it, by a row lock, so
their order stays; a killed relay frees its slot. What was sent and not deleted is sent again, under the
same ids.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from aiokafka.errors import KafkaError

from .encoding import Record, record_from_body
from .kafka import OrderedProducer, Producer, send_or_refuse
from .outbox import SLOTS
from .refusals import why
from .settings import ClientSettings

log = logging.getLogger(__name__)

BATCH_EVENTS = 500
POLL_SECONDS = 0.2  # between two looks at an empty table
SEND_SECONDS = 30.0  # for one batch; then the slot is let go and a new connection to Kafka is made
PAUSES_SECONDS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)

# A relay that stands still with a slot in its hands loses its session, and the slot, after this.
# Said after connecting: a pooler between may refuse settings that come with the connection.
_SESSION = "SET application_name TO 'episode-outbox-relay'; SET idle_in_transaction_session_timeout TO '60s'"

# From the slot after the last one on, so that none is left waiting for a busy one.
_TAKE_SLOT = f"""
SELECT slot FROM episode_event_outbox_slots AS slots
WHERE EXISTS (SELECT 1 FROM episode_event_outbox AS waiting WHERE waiting.slot = slots.slot AND waiting.failure IS NULL)
ORDER BY (slot - $1::int - 1 + {SLOTS}) % {SLOTS} LIMIT 1 FOR UPDATE SKIP LOCKED
"""
_READ = """
SELECT id, project_id, source, sequence, body, traceparent FROM episode_event_outbox
WHERE slot = $1 AND failure IS NULL ORDER BY id LIMIT $2
"""
_DELETE = "DELETE FROM episode_event_outbox WHERE id = ANY($1::bigint[])"
_REFUSE = "UPDATE episode_event_outbox SET failure = $2 WHERE id = $1"


class KafkaAway(Exception):
    """Kafka cannot be used; the message is a sentence."""


class OutboxRelay:
    """One relay: `run` it as a task of the service, or as a process of its own (`episode-outbox-relay`)."""

    def __init__(
        self,
        database_url: str,
        settings: ClientSettings,
        *,
        batch_events: int = BATCH_EVENTS,
        poll_seconds: float = POLL_SECONDS,
        connect: Callable[[ClientSettings], Awaitable[Producer]] = OrderedProducer.connect,
    ) -> None:
        self._database_url = database_url
        self._settings = settings
        self._batch_events = batch_events
        self._poll_seconds = poll_seconds
        self._connect = connect
        self._last_slot = -1
        self.sent = 0
        self.fault: str | None = "waits for PostgreSQL and Kafka"

    async def run(self, stop: asyncio.Event | None = None) -> None:
        """Relays until `stop` is set or it is cancelled. An outage of either side is waited for, and logged."""
        stop = stop or asyncio.Event()
        pauses = iter(PAUSES_SECONDS)
        while not stop.is_set():
            before = self.sent
            try:
                await self._run_connected(stop)
            except Exception as error:  # whatever it was, the rows that wait are worth another try
                if self.sent > before:
                    pauses = iter(PAUSES_SECONDS)
                pause = next(pauses, PAUSES_SECONDS[-1])
                self.fault = str(error) if isinstance(error, KafkaAway) else f"{type(error).__name__}: {error}"
                log.warning("the outbox relay waits (%s), retrying in %g s", self.fault, pause)
                await _wait(stop, pause)

    async def _run_connected(self, stop: asyncio.Event) -> None:
        import asyncpg

        connection = await asyncpg.connect(self._database_url, timeout=10, command_timeout=30)
        try:
            await connection.execute(_SESSION)
            producer = await self._connected()
            try:
                self.fault = None
                log.info("the outbox relay sends to %s", self._settings.topic)
                while not stop.is_set():
                    if not await self.relay_once(connection, producer):
                        await _wait(stop, self._poll_seconds)
            finally:
                await producer.stop()
        finally:
            connection.terminate()  # whatever it holds is let go at once

    async def _connected(self) -> Producer:
        try:
            return await self._connect(self._settings)
        except (KafkaError, OSError, TimeoutError) as error:
            raise KafkaAway(await why(error, self._settings)) from error

    async def relay_once(self, connection: Any, producer: Producer) -> int:
        """One batch of one slot; answers how many rows were dealt with, 0 where nothing waits that others have not."""
        async with connection.transaction():
            slot = await connection.fetchval(_TAKE_SLOT, self._last_slot)
            if slot is None:
                return 0
            self._last_slot = slot
            rows = await connection.fetch(_READ, slot, self._batch_events)  # sees what the slot's last holder did
            records, refused = _records(rows)
            async with asyncio.timeout(SEND_SECONDS):
                refused |= await _send(producer, records)
            for row_id, failure in refused.items():
                log.error("outbox row %d can never be sent (%s); it stays in the table", row_id, failure)
                await connection.execute(_REFUSE, row_id, failure)
            await connection.execute(_DELETE, [row["id"] for row in rows if row["id"] not in refused])
        self.sent += len(rows) - len(refused)
        return len(rows)


def _records(rows: Sequence[Any]) -> tuple[list[tuple[int, Record]], dict[int, str]]:
    """The records of the rows, and those rows (not written by this library) that are not events."""
    records: list[tuple[int, Record]] = []
    refused: dict[int, str] = {}
    for row in rows:
        try:
            record = record_from_body(json.loads(row["body"]), row["traceparent"], row["source"], row["sequence"])
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            refused[row["id"]] = f"the body is no event: {error!r}"[:500]
        else:
            records.append((row["id"], record))
    return records, refused


async def _send(producer: Producer, records: list[tuple[int, Record]]) -> dict[int, str]:
    """Sends all in order; answers the rows that Kafka finds too large."""
    if not records:
        return {}
    refused = await send_or_refuse(producer, [record for _, record in records])
    return {records[place][0]: why for place, why in refused.items()}


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        pass
