"""The one judge of all faults. When the faults are over and all work is done, it compares the evidence with what must
be, one sentence for each violation.

    journal = applied + dead letters + late + re-sends (+ tombstones)

It is pure: `Evidence` in, sentences out. Event times must lie behind the wall clock during the run (as those of
`feed.py` do), and no idle partition may follow it: the events alone would not explain the clock of such a partition.
"""

from collections import Counter
from collections.abc import Iterable

from agents.kafka.topics import TopicNames
from faults.evidence import Evidence
from faults.oracle_audit import AuditChain
from faults.oracle_dispatch import DispatchedAlerts
from faults.oracle_emits import EmittedAlerts, dead_lettered, letters_are_right
from faults.oracle_state import Sentences, StoredPartition, journal_is_kept
from faults.oracle_views import ShownViews
from faults.replay import replay
from streams.alerting.core import Core
from streams.dispatch.config import DispatchConfig

SHOWN = 8  # violations of one kind that are written out


class Oracle:
    """Judges one run. `letters_once`: the broker can ensure that a dead letter is written once (the embedded one
    cannot); where a worker was shut out of the group, what it still sent may come beside its successor's letter.
    `dispatch`: what the dispatcher decided by, None: it is not judged; `waits_for_past`: it held back what was written
    behind the events; `has_versions`: an older version decided, too, and its decisions are not made again."""

    def __init__(
        self, core: Core, topics: TopicNames, evidence: Evidence, *, letters_once: bool = True,
        dispatch: DispatchConfig | None = None, waits_for_past: bool = False, has_versions: bool = False,
    ) -> None:  # fmt: skip
        self._core = core
        self._topics = topics
        self._evidence = evidence
        self._letters_once = letters_once
        self._dispatch = dispatch
        self._waits_for_past = waits_for_past
        self._has_versions = has_versions
        self.counts: Counter[str] = Counter()  # what there was, for reports

    def verdict(self) -> list[str]:
        """All violations; empty where there is none."""
        evidence, asked = self._evidence, self._asked()
        replays = {
            number: replay(self._core, number, log, evidence.wall_ms, asked) for number, log in evidence.events.items()
        }
        self.counts["acknowledged"] = len(evidence.acknowledged)
        wrong = _shortened(journal_is_kept(evidence))
        letters = dead_lettered(evidence, self._topics)
        for number, clean in replays.items():
            offsets = {offset for source, offset in letters if source == number}
            stored = StoredPartition(self._core, number, evidence, clean, offsets)
            wrong += _shortened(stored.check())
            self.counts.update(stored.counts)
        emitted = EmittedAlerts(evidence, self._topics, replays)
        once = self._letters_once and not evidence.shut_out
        wrong += _shortened(letters_are_right(evidence, self._topics, replays, once=once))
        wrong += _shortened(emitted.in_the_topic())
        if self._dispatch is not None:
            dispatched = DispatchedAlerts(
                self._dispatch, self._topics, evidence, waits_for_past=self._waits_for_past,
                has_versions=self._has_versions,
            )  # fmt: skip
            wrong += [sentence for kind in dispatched.check() for sentence in _shortened(kind)]
            self.counts.update(dispatched.counts)
        wrong += _shortened(self._commits())
        wrong += _shortened(self._audit())
        views = ShownViews(evidence, replays)
        wrong += _shortened(views.check())
        self.counts.update(views.counts)
        self.counts.update(emitted.counts)
        return wrong

    def _commits(self) -> Sentences:
        """Committed offsets never go back."""
        last: dict[tuple[str, int], int] = {}
        for commit in self._evidence.commits:
            place = commit.topic, commit.partition
            if commit.offset < last.get(place, -1):
                yield (
                    f"The committed offset of partition {commit.partition} of {commit.topic} went back from "
                    f"{last[place]} to {commit.offset}."
                )
            last[place] = commit.offset
        self.counts["commits"] = len(self._evidence.commits)

    def _audit(self) -> Sentences:
        """One chain of audit checkpoints for each partition, over all of its records."""
        evidence, topics = self._evidence, self._topics
        for number, events in evidence.events.items() if topics.audit else ():
            name = f"{topics.changelog.removesuffix('-state-changelog')}/{topics.events}/{number}"
            audit = [record for log in evidence.audit.values() for record in log]
            chain = AuditChain(self._core, name, events, audit, evidence.wall_ms, begun_anew=evidence.lost_changelogs)
            yield from chain.check()
            self.counts.update(chain.counts)

    # --- views

    def _asked(self) -> set[tuple[str, int]]:
        shown = [answer for answer in self._evidence.answers if answer.project and answer.status == 200]
        return {(answer.project, answer.body["applied"]["offset"]) for answer in shown}


def _shortened(sentences: Iterable[str]) -> list[str]:
    found = list(sentences)
    return found if len(found) <= SHOWN else [*found[:SHOWN], f"… and {len(found) - SHOWN} more like these."]
