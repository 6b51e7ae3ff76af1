"""What the start of a worker waits for: brokers that answer, and that can be used."""

from collections.abc import Awaitable, Callable

import structlog

from agents.kafka.access import Kafka
from agents.kafka.refusals import why
from agents.retrying import Pauses, retry

log = structlog.get_logger(__name__)


class KafkaWait:
    """`sentence`: what is waited for, "" where nothing is. `trouble`: why no broker can be used, in one sentence."""

    def __init__(self, kafka: Kafka) -> None:
        self.sentence = f"waiting for Kafka at {kafka}"
        self.trouble = ""
        self._kafka = kafka

    async def until_it_answers(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do the work, again and again while Kafka is away or refuses it."""
        pauses = Pauses()

        async def failed(error: BaseException) -> None:
            before, self.trouble = self.trouble, (reason := await why(error, self._kafka))
            self.sentence = f"waiting for Kafka at {self._kafka}: {reason}"
            if reason != before:  # a broker that came up may refuse the login, which has another mend
                event = "Kafka is unavailable" if reason.startswith("Kafka does not answer") else "Kafka cannot be used"
                log.warning(f"{event}; waiting for it", kafka=str(self._kafka), reason=reason)

        await retry(work, failed, pauses)
        if pauses.failures:
            self.trouble = ""
            log.info("Kafka answers again")

    def is_over(self) -> None:
        """The worker runs."""
        self.sentence = ""

    def end(self) -> None:
        """The worker stops: it is not ready from now on."""
        self.sentence = "stopping"
