"""What leaves the tracking agent at once: alert transitions and dead letters. A flush waits for the broker."""

import asyncio
from collections.abc import Iterable

from agents.engine.producer import Producer
from models.alert import Alert
from models.alert_codec import encode_alert
from models.dead_letter import DeadLetter


class Writer:
    """Sends without waiting; `settled` gives what is still under way."""

    def __init__(self, producer: Producer, alerts_topic: str, dead_letters_topic: str) -> None:
        self._producer = producer
        self._alerts_topic = alerts_topic
        self._dead_letters_topic = dead_letters_topic
        self._under_way: list[asyncio.Future[object]] = []

    async def tell(self, alerts: Iterable[Alert]) -> None:
        """Send transitions, keyed by alert, so that those of one alert stay in order."""
        for alert in alerts:
            key = alert.alert_key.encode()
            self._under_way.append(await self._producer.send(self._alerts_topic, encode_alert(alert), key))

    async def bury(self, letters: Iterable[DeadLetter]) -> None:
        """Send dead letters with their headers."""
        for letter in letters:
            self._under_way.append(
                await self._producer.send(self._dead_letters_topic, letter.value, letter.key, letter.headers)
            )

    async def settled(self) -> None:
        """Wait until the broker has all that was sent before this call. Raises KafkaError."""
        under_way, self._under_way = self._under_way, []
        await asyncio.gather(*under_way)
