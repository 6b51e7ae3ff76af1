"""The evidence of a dispatcher without faults, made without a broker: the oracle must find no violation in it."""

from collections.abc import Sequence

import msgspec

from agents.dispatch.codecs import Outcome, StampedAct, encode_act, encode_notification, encode_outcome
from agents.dispatch.decision_log import END, MARKER
from agents.dispatch.timed import Timed, of_act, of_alert
from agents.kafka.topics import TopicNames
from alert_sinks.digest import Digest
from alert_sinks.kinds.webhook import digest_payload, webhook_id, webhook_payload
from alert_sinks.messages import messages_of
from alert_sinks.sink import Attempt
from faults.evidence import Acted, Evidence, Kept, Received
from models.alert import Alert
from models.alert_codec import encode_alert
from streams.dispatch.config import DispatchConfig
from streams.dispatch.decide import decide
from streams.dispatch.inputs import Act, AnyInput, Position, Tick
from streams.dispatch.state import State
from streams.dispatch.storage import take_changes

START_MS = 1_760_000_000_000


class HonestDispatcher:
    """Takes alerts and acts at times, and leaves what a correct owner and correct receivers leave."""

    def __init__(self, config: DispatchConfig, prefix: str = "lies-") -> None:
        self.config = config
        self.topics = TopicNames.of(prefix, "events", "alerts", "letters", "alert-letters")
        self.evidence = Evidence(wall_ms=START_MS, alerts={0: []}, notifications={0: []})
        self.state = State()
        self._outbox = 0
        self._write([(MARKER, b"first owner")])

    def alert(self, alert: Alert, at_ms: int) -> None:
        """A transition of a core."""
        log = self.evidence.alerts[0]
        log.append(Kept(len(log), alert.alert_key.encode(), encode_alert(alert), (), START_MS + at_ms))
        position = Position(f"{self.topics.alerts}/0", log[-1].offset)
        self._decide(of_alert(alert, position, START_MS + at_ms, behind="", is_known=False))

    def act(self, act: Act, at_ms: int, comment: str = "", ended_at_ms: int | None = None) -> None:
        """An act of a person, answered 201. `ended_at_ms`: what is due by then is of the same decision."""
        log = self.evidence.acts
        stamped = StampedAct(act_id=f"act{len(log)}", at_ms=START_MS + at_ms, act=act)
        log.append(Kept(len(log), None, encode_act(stamped), (), START_MS + at_ms))
        position = Position(f"{self.topics.acts}/0", log[-1].offset)
        given: AnyInput = msgspec.structs.replace(act, position=position)
        ends = [] if ended_at_ms is None else [Timed(Tick(), START_MS + ended_at_ms)]
        self._decide([of_act(stamped, given, START_MS + at_ms), *ends])
        self.evidence.acted.append(Acted("POST /silences", 201, {}, comment))

    def tick(self, at_ms: int) -> None:
        """Time goes on."""
        self._decide([Timed(Tick(), START_MS + at_ms)])

    def look(self, at_ms: int) -> None:
        """Time goes on and nothing is due, so that nothing is stored of it."""
        decide(self.config, self.state, Tick(), START_MS + at_ms)
        assert set(dict(take_changes(self.state))) <= {END}

    def _decide(self, inputs: Sequence[Timed]) -> None:
        changes: list[tuple[bytes, bytes | None]] = []
        for timed in inputs:
            decision = decide(self.config, self.state, timed.given, timed.at_ms)
            if timed.act_id:
                said = decision.refusal.value if decision.refusal else ""
                changes.append((b"x" + timed.act_id.encode(), encode_outcome(Outcome(timed.at_ms, said))))
            for each in decision.notifications:
                value = encode_notification(each)
                changes.append((b"n%016x" % self._outbox, value))
                self._outbox += 1
                log = self.evidence.notifications[0]
                log.append(Kept(len(log), each.receiver.encode(), value))
                for message in messages_of(each, takes_digests=True):
                    self._post(message.message_id, message.alert, message.digest)
        records = dict(take_changes(self.state))
        end = records.pop(END)
        sent = [(key, None) for key, _ in changes if key[:1] == b"n"]
        self._write([*records.items(), *changes, (END, end)])
        self._write([*sent, (END, end)])

    def _post(self, name: str, alert: Alert, digest: Digest | None) -> None:
        attempt = Attempt(1, START_MS)
        payload = webhook_payload(alert, attempt) if digest is None else digest_payload(digest, attempt)
        self.evidence.received.append(
            Received(webhook_id(name), 200, msgspec.json.decode(msgspec.json.encode(payload)))
        )

    def _write(self, records: Sequence[tuple[bytes, bytes | None]]) -> None:
        log = self.evidence.dispatch
        log.extend(Kept(len(log) + at, key, value) for at, (key, value) in enumerate(records))
