"""What leaves the tracking agent at once: alert transitions and dead letters. A flush waits for the broker."""

import asyncio
from collections.abc import Awaitable, Iterable, Sequence
from typing import Any

import msgspec
import structlog
from aiokafka.errors import MessageSizeTooLargeError

from agents.alerts.alert_headers import mark_headers
from agents.engine.ownership import Change
from agents.engine.producer import Producer
from agents.fetching.reading import Record
from agents.tracing import TRACEPARENT, TracePoints
from models.alert import Alert
from models.alert_codec import encode_alert
from models.dead_letter import LETTER_MONITOR_ID, DeadLetter

log = structlog.get_logger(__name__)


class Writer:
    """Sends without waiting; `settled` waits for what is still in flight."""

    def __init__(
        self, producer: Producer, alerts_topic: str, dead_letters_topic: str, monitor_id: str,
        traces: TracePoints | None = None,
    ) -> None:  # fmt: skip
        self.monitor_id = monitor_id
        self._producer = producer
        self._traces = traces or TracePoints()
        self._alerts_topic = alerts_topic
        self._dead_letters_topic = dead_letters_topic
        self.letters_end = -1  # no letter sent from now on lies before this offset of their topic; -1: not known
        self._in_flight: list[Awaitable[object]] = []

    async def emit(
        self, change: Change, alerts: Iterable[Alert], events_partition: int | None = None, *, is_behind: bool = False,
        records: Sequence[Record] = (),
    ) -> None:  # fmt: skip
        """Send the transitions of a change, keyed by alert, so that those of one alert stay in order.

        `is_behind`: the partition of events that caused them is still catching up with the past. `records`: the events
        that were taken just now.
        """
        change.check()
        for alert in alerts:
            headers = mark_headers(self.monitor_id, events_partition, is_behind)
            if self._traces.is_on:
                headers.append((TRACEPARENT, self._traces.emitted(alert, records).encode()))
            key = alert.alert_key.encode()
            self._in_flight.append(await self._producer.send(self._alerts_topic, encode_alert(alert), key, headers))

    async def send_to_dead_letters(self, change: Change, letters: Iterable[DeadLetter]) -> None:
        """Send dead letters with their headers."""
        change.check()
        ours: tuple[str, bytes | None] = (LETTER_MONITOR_ID, self.monitor_id.encode())
        for letter in letters:
            letter = msgspec.structs.replace(letter, headers=[*letter.headers, ours])
            sent = await self._producer.send(self._dead_letters_topic, letter.value, letter.key, letter.headers)
            self._in_flight.append(asyncio.create_task(self._dead_letter_sent(letter, sent)))

    async def _dead_letter_sent(self, letter: DeadLetter, sent: Awaitable[Any]) -> int:
        """Wait for a dead letter and answer the offset after it. What is too large for its topic goes without its
        original headers.

        A record that the topic of the events took may be too large, with our headers, for the topic of dead letters.
        """
        try:
            metadata = await sent
        except MessageSizeTooLargeError:
            ours = [(name, value) for name, value in letter.headers if name.startswith("dl_")]
            log.warning("a dead letter was too large for its topic; its original headers were left out",
                        headers=len(letter.headers) - len(ours))  # fmt: skip
            again: Awaitable[Any] = await self._producer.send(self._dead_letters_topic, letter.value, letter.key, ours)
            metadata = await again
        return int(metadata.offset) + 1

    async def settled(self) -> None:
        """Wait until the broker has all that was sent before this call. Raises KafkaError."""
        in_flight, self._in_flight = self._in_flight, []
        ends = [end for end in await asyncio.gather(*in_flight) if isinstance(end, int)]
        if self.letters_end >= 0:
            self.letters_end = max(self.letters_end, *ends) if ends else self.letters_end
