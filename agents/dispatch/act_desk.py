"""Acts of people: any worker sends them to the acts topic, and answers when its copy has what became of them."""

import uuid
from collections.abc import Callable

from aiokafka.errors import KafkaConnectionError

from agents.dispatch.codecs import StampedAct, encode_act
from agents.dispatch.read_model import ReadModel
from agents.engine.producer import Producer
from streams.dispatch.inputs import Act
from streams.dispatch.table import Refusal

PATIENCE_SECONDS = 10.0  # a new owner may have to read the state back


class ActDesk:
    """One worker's. `now_ms` is the wall clock."""

    def __init__(self, topic: str, producer: Producer, model: ReadModel, now_ms: Callable[[], int]) -> None:
        self._topic = topic
        self._producer = producer
        self._model = model
        self._now_ms = now_ms

    async def perform(self, act: Act, patience_seconds: float = PATIENCE_SECONDS) -> Refusal | None:
        """Have it done; why it was refused, or None: then this worker's copy shows it.

        Raises TimeoutError where it is not done yet, and may still be; KafkaError where it was not sent.
        """
        if not self._producer.is_started:  # the copy may be read before the worker has started, and after it ended
            raise KafkaConnectionError("this worker is not connected")
        act_id = uuid.uuid4().hex
        with self._model.awaited(act_id) as outcome:
            value = encode_act(StampedAct(act_id=act_id, at_ms=self._now_ms(), act=act))
            await (await self._producer.send(self._topic, value, None, partition=0))
            refusal = (await outcome(patience_seconds)).refusal
        return Refusal(refusal) if refusal else None
