"""The state of a partition, replayed from its beginning, beside the state digests of its checkpoints."""

from collections.abc import Sequence
from typing import Any, Final

from episode_monitor.audit.records import named
from episode_monitor.audit.verify_report import StateCheck, StateFault
from episode_monitor.replay.partition_replay import PartitionReplay
from models.audit_checkpoint import AuditCheckpoint
from streams.alerting.core import Core
from streams.project.state_digest import digest_of_project, digest_text, exchanged, rules_digest

MOST_DECODED: Final = 20_000  # projects whose states are kept as objects
MAX_FAULTS: Final = 100  # named


class StateReplay:
    """Takes every record of a partition from offset 0 on, and each checkpoint when its last record has been taken."""

    def __init__(self, core: Core, partition: int) -> None:
        self.check = StateCheck(faults=[])
        self._replay = PartitionReplay(core, partition, 0)
        self._rules = rules_digest(core)
        self._touched: set[str] = set()
        self._digests: dict[str, int] = {}
        self._total = 0

    def take(self, records: Sequence[Any]) -> None:
        """In order."""
        for record in records:
            project_id = named(record).project_id if record.key is None else record.key.decode(errors="replace")
            if project_id is not None:
                self._touched.add(project_id)
        self._replay.take(records)
        if self._replay.decoded > MOST_DECODED:
            self._replay.pack()

    def compare(self, checkpoint: AuditCheckpoint) -> None:
        """With the state after the records taken."""
        if checkpoint.state_digest is None:
            self.check.without_digest += 1
        elif checkpoint.rules_digest != self._rules:
            self.check.other_rules += 1
        else:
            replayed = self._digest()
            self.check.compared += 1
            if replayed != checkpoint.state_digest and len(self.check.faults) < MAX_FAULTS:
                self.check.faults.append(StateFault(
                    partition=checkpoint.partition, sequence=checkpoint.sequence, offset=checkpoint.offset_to,
                    stated=checkpoint.state_digest, replayed=replayed,
                ))  # fmt: skip

    def _digest(self) -> str:
        for project_id in self._touched:
            state = self._replay.partition.state(project_id)
            after = 0 if state is None else digest_of_project(state)
            self._total = exchanged(self._total, self._digests.get(project_id, 0), after)
            self._digests[project_id] = after
        self._touched.clear()
        return digest_text(self._total)
