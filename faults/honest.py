"""The evidence of a run without faults, made without a broker: the oracle must find no violation in it."""

import msgspec

from faults.evidence import Answer, Commit, Evidence, Kept, Sent
from faults.feed import Feed
from faults.replay import Stored
from models.alert_codec import encode_alert
from models.audit_checkpoint import checkpoint_key
from models.codec import decode_event
from models.dead_letter import Malformed, dead_letter
from models.event import Event
from streams.alerting.core import Core
from streams.base import changelog_keys
from streams.base.changelog_keys import project_of
from streams.partition.audit_chain import AuditChain, Statement
from streams.partition.partition import Partition
from streams.project.state_digest import digest_of_project, digest_text, rules_digest, total_of
from testbed.worker_process import audited_names

START_MS = 1_760_000_000_000
PARTITIONS = 2
FLUSH_EVERY = 100


class HonestRun:
    """Everything that a correct worker would leave, flushed every hundred records."""

    def __init__(self, core: Core, prefix: str, records: int = 600, projects: int = 12) -> None:
        self.core = core
        self._monitor_id = prefix
        self.topics = audited_names(prefix)
        self.evidence = Evidence(wall_ms=START_MS, events={}, changelog={}, alerts={})
        logs: dict[int, list[Kept]] = {number: [] for number in range(PARTITIONS)}
        for record in Feed(3, records, START_MS, projects=projects).records():
            log = logs[sum(record.key or b"") % PARTITIONS]
            log.append(Kept(len(log), record.key, record.value))
        for number, log in logs.items():
            self._take(number, log)

    def _take(self, number: int, log: list[Kept]) -> None:
        evidence = self.evidence
        evidence.events[number], evidence.alerts[number], evidence.changelog[number] = log, [], []
        evidence.acknowledged += [Sent(number, kept.offset, kept.key, kept.value) for kept in log]
        store, chain = Stored(), AuditChain(self._monitor_id, self.topics.events, number)
        partition = Partition(self.core, number, store)
        for kept in log:
            decoded = decode_event(kept.key, kept.value, kept.headers, START_MS)
            if isinstance(decoded, Event):
                partition.take(decoded, kept.offset)
            else:
                partition.pass_over(kept.offset)
                if isinstance(decoded, Malformed):
                    letter = dead_letter(self.topics.events, number, kept.offset, kept.key, kept.value, [], decoded)
                    headers = tuple((name, value or b"") for name, value in letter.headers)
                    at = len(evidence.dead_letters)
                    evidence.dead_letters.append(Kept(at, letter.key, letter.value, headers))
            chain.take([kept])
            if kept.offset % FLUSH_EVERY == FLUSH_EVERY - 1 or kept is log[-1]:
                self._flush(number, partition, store)
                self._checkpoint(number, partition, chain, kept.offset + 1)

    def _flush(self, number: int, partition: Partition, store: Stored) -> None:
        evidence, log = self.evidence, self.evidence.changelog[number]
        for alert in partition.emits:
            emitted = evidence.alerts[number]
            emitted.append(Kept(len(emitted), alert.alert_key.encode(), encode_alert(alert)))
        partition.emits = []
        changes = partition.collect()
        cursor = changelog_keys.CURSOR, msgspec.msgpack.encode(changes.cursor)
        for key, value in [*changes.writes, *((key, None) for key in changes.garbage), cursor]:
            log.append(Kept(len(log), key, value))
            if value is None:
                store.values.pop(key, None)
            else:
                store.values[key] = value
        evidence.commits.append(Commit(self.topics.events, number, changes.cursor.next_offset))

    def _checkpoint(self, number: int, partition: Partition, chain: AuditChain, next_offset: int) -> None:
        states = [partition.state(project_of(key)) for key in partition.index.head_keys]
        total = total_of(digest_of_project(state) for state in states if state is not None)
        chain.cut(next_offset)
        chain.make(1, Statement(at_ms=START_MS, state_digest=digest_text(total), rules_digest=rules_digest(self.core),
                                projects=len(states), software="honest"))  # fmt: skip
        log = self.evidence.audit.setdefault(number, [])
        key = checkpoint_key(self._monitor_id, self.topics.events, number)
        log.append(Kept(len(log), key, chain.unsent[chain.sequence - 1]))

    def answer(self, worker: str, project: str, body: object, status: int = 200, at: float = 0.0) -> None:
        """Add an answer of a worker."""
        self.evidence.answers.append(Answer(worker, project, status, body, at, at))
