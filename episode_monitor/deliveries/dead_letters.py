"""Dead letters of both topics: listed, sent again, discarded. Any worker answers, because Kafka has all of it."""

from collections.abc import Callable

from aiokafka.errors import KafkaError

from agents.dead_letter_topic import KeptLetter, handled_headers, open_letters
from agents.engine.producer import Producer
from agents.kafka.access import Kafka
from agents.kafka.refusals import why
from agents.kafka.topics import TopicNames
from alert_sinks.sink import Sink
from alert_sinks.texts.catalogue import Texts
from alert_sinks.trial import tried
from episode_monitor.deliveries.views import DeadLetterView, Handled, Kind, Origin
from episode_monitor.web.problems import Problem
from models.alert import Alert
from models.alert_codec import decode_alert
from models.dead_letter import DeadLetterReason
from models.times import rfc3339

FIRST_BYTES = 1024
_KINDS: tuple[Kind, ...] = ("event", "alert")


class DeadLetterDesk:
    """`sink_of` finds the sink of this name among those in force."""

    def __init__(
        self, kafka: Kafka, topics: TopicNames, monitor_id: str, producer: Callable[[], Producer],
        sink_of: Callable[[str], Sink | None], now_ms: Callable[[], int], texts: Texts,
    ) -> None:  # fmt: skip
        self._kafka = kafka
        self._topics = topics
        self._monitor_id = monitor_id
        self._producer = producer
        self._sink_of = sink_of
        self._now_ms = now_ms
        self._texts = texts

    async def listed(self, kind: Kind | None) -> list[DeadLetterView]:
        """Those that nobody has handled, newest first. Raises Problem 503."""
        kinds = _KINDS if kind is None else (kind,)
        found = [_view(each, letter) for each in kinds for letter in await self._open(each)]
        return sorted(found, key=lambda view: (view.at, view.id), reverse=True)

    async def retry(self, letter_id: str, by: str, comment: str) -> Handled:
        """Sends an event to its topic again, or an alert to its sink; only what was taken is handled."""
        kind, letter = await self._letter(letter_id)
        if kind == "alert":
            reason = await self._deliver(letter)
            if reason:
                return Handled(id=letter_id, outcome="failed", reason=reason)
            await self._note(kind, letter, "retried", by, comment)
            return Handled(id=letter_id, outcome="delivered")
        if letter.about.get("reason") == DeadLetterReason.TOO_LARGE.value or "last_offset" in letter.about:
            raise Problem(
                409, "letter_not_whole", "The letter has only the beginning of the record; send the event again itself."
            )
        producer = self._producer()
        await (await producer.send(self._topics.events, letter.value, letter.key, letter.own_headers))
        await self._note(kind, letter, "retried", by, comment)
        return Handled(id=letter_id, outcome="sent")

    async def discard(self, letter_id: str, by: str, comment: str) -> Handled:
        """It is not listed any more; its record stays in the topic."""
        kind, letter = await self._letter(letter_id)
        await self._note(kind, letter, "discarded", by, comment)
        return Handled(id=letter_id, outcome="discarded")

    async def _deliver(self, letter: KeptLetter) -> str:
        name = letter.about.get("sink", "")
        sink = self._sink_of(name)
        if sink is None:
            return f"there is no sink {name} any more; discard the letter, or set the sink again"
        return await tried(sink, _alert(letter), self._now_ms(), self._texts)

    async def _letter(self, letter_id: str) -> tuple[Kind, KeptLetter]:
        kind = next((each for each in _KINDS if letter_id.startswith(f"{each}-")), None)
        if kind is not None:
            for letter in await self._open(kind):
                if letter_id == f"{kind}-{letter.offset}":
                    return kind, letter
        raise Problem(404, "unknown_dead_letter", "No open dead letter has this id; it may have been handled.")

    async def _open(self, kind: Kind) -> list[KeptLetter]:
        try:
            return await open_letters(self._kafka, self._topic(kind), self._monitor_id)
        except (KafkaError, OSError) as error:
            raise Problem(503, "broker_unavailable", await why(error, self._kafka)) from error

    async def _note(self, kind: Kind, letter: KeptLetter, what: str, by: str, comment: str) -> None:
        topic = self._topic(kind)
        headers = handled_headers(topic, letter.offset, what, by, comment, self._monitor_id)
        await (await self._producer().send(topic, None, letter.key, headers))

    def _topic(self, kind: Kind) -> str:
        return self._topics.dead_letters if kind == "event" else self._topics.alert_dead_letters


def _alert(letter: KeptLetter) -> Alert:
    alert = decode_alert(letter.value or b"")
    if alert is None:
        raise Problem(409, "letter_unreadable", "This version cannot read the letter's alert; discard it.")
    return alert


def _view(kind: Kind, letter: KeptLetter) -> DeadLetterView:
    about, value = letter.about, letter.value or b""

    def number(name: str) -> int | None:
        return int(about[name]) if about.get(name, "").isdigit() and len(about[name]) < 20 else None

    return DeadLetterView(
        id=f"{kind}-{letter.offset}",
        kind=kind,
        at=rfc3339(letter.at_ms),
        reason=about.get("reason", ""),
        detail=about.get("detail", ""),
        origin=Origin(
            topic=about.get("topic"), partition=number("partition"), offset=number("offset"), sink=about.get("sink")
        ),
        key=(letter.key or b"").decode(errors="replace"),
        first_kib=value[:FIRST_BYTES].decode(errors="replace"),
        size=number("size") or len(value),
    )
