"""Judges the rules on all projects together, from the seconds that partitions have closed.

A second is judged when every partition has closed it. So nothing is provisional: the same records give the same
transitions, in whatever order the partitions come, and after any crash.
"""

from collections.abc import Iterator

import msgspec

from models.alert import Alert
from streams.alerting import alert_life as life
from streams.alerting.alert_inputs import inputs_of
from streams.alerting.alert_of import alert_of
from streams.alerting.alert_state import AlertState
from streams.alerting.core import Core
from streams.alerting.cusum import CusumRule, Score
from streams.alerting.rule import FLEET, Rule
from streams.alerting.rule_types import ALL_PROJECTS
from streams.alerting.verdict import ENDS, Verdict
from streams.base import changelog_keys
from streams.base.checkpoint_types import Store
from streams.partition.fleet_sums import FleetSums
from streams.rates.fleet_seconds import ClosedSeconds

MOST_SECONDS = 3600  # judged in one step


class FleetRecord(msgspec.Struct, frozen=True, array_like=True):
    """A record of the topic: seconds that a partition has closed, and how many partitions its owner knew of."""

    partition: int
    partitions: int
    closed: ClosedSeconds
    next_offset: int  # of the events: what comes from there on was not in it


class _Stored(msgspec.Struct, array_like=True):
    position: int  # rises with every change, so that recovery can drop an older one that was written later
    partitions: int
    closed: dict[int, int]
    begin: int
    final_until: int | None
    judged_until: int | None
    late: int
    kept: dict[str, AlertState]
    scores: dict[str, Score]
    minutes: tuple[int, int]


class FleetJudge:
    """A section of partition `drift_alerts.KEEPER`. The caller of a change emits the transitions that it returns, then
    stores the partition. Seconds are epoch seconds of event time; `position` is the next offset of the topic."""

    def __init__(self, core: Core) -> None:
        self.is_dirty = False  # changed since it was last stored
        self.position = 0
        self.partitions = 0
        self.closed: dict[int, int] = {}  # partition -> the second before which it is closed
        self.judged_until: int | None = None
        self.final_until: int | None = None  # all partitions have closed what lies before it; it never goes back
        self.late = 0  # seconds with operations that a new partition closed after they were final
        self._begin = 0  # the first second that any partition has closed
        self._core, self._rules = core, core.rules.fleet
        self._sums = FleetSums(core.latency_limits)
        self._windows = [0] * len(self._rules.window_lengths)  # their tallies, as judged last
        self._kept: dict[str, AlertState] = {}  # by rule
        self._scores: dict[str, Score] = {}  # by `CusumRule.key`

    # --- what changes it

    def take(self, record: FleetRecord, offset: int) -> None:
        """A record of the topic; offsets must rise. What a partition closed before is a repetition after a crash."""
        if offset < self.position:
            return
        self.position, self.is_dirty = offset + 1, True
        self.partitions = max(self.partitions, record.partitions)
        closed, known = record.closed, self.closed.get(record.partition)
        if known is not None and closed.until <= known:
            return
        final, first = self.final_until, closed.first if known is None else max(known, closed.first)
        if final is None:
            self._begin = min(first, self._begin) if self.closed else first
        self.late += self._sums.add(closed, first if final is None else max(first, final), offset)
        self.closed[record.partition] = closed.until
        if len(self.closed) == self.partitions:
            self.final_until = max(final or 0, min(self.closed.values()))

    @property
    def slowest(self) -> int | None:
        """The partition that all others wait for; None where there is none yet."""
        missing = [number for number in range(self.partitions) if number not in self.closed]
        if missing:
            return missing[0]
        return min(self.closed, key=lambda number: (self.closed[number], number), default=None)

    @property
    def has_work(self) -> bool:
        """Whether `judge` would get any further."""
        final, judged = self.final_until, self.judged_until
        return final is not None and (judged is None or judged < final)

    def judge(self) -> list[Alert]:
        """Judge what is final, an hour at the most; the transitions to emit."""
        final = self.final_until
        if final is None:
            return []
        judged = self._begin if self.judged_until is None else self.judged_until
        until = min(final, judged + MOST_SECONDS)
        emits: list[Alert] = []
        busy = self._sums.busy(judged, until)
        busy.reverse()
        while judged < until:
            if self._is_quiet:
                while busy and busy[-1] < judged:
                    busy.pop()
                judged = busy[-1] if busy else until
                if judged == until:
                    break
            self._judge_second(judged, emits)
            judged += 1
        self.judged_until, self.is_dirty = max(judged, self.judged_until or judged), True
        self._sums.forget_before(judged - self._rules.longest_window_seconds)
        return emits

    @property
    def _is_quiet(self) -> bool:
        """Nothing is in a window, and nothing is kept: no second can change anything until something happens."""
        return not self._kept and not self._scores and not any(self._windows)

    def _judge_second(self, second: int, emits: list[Alert]) -> None:
        sums, windows, rules = self._sums, self._windows, self._rules
        tally = sums[second]
        for place, length in enumerate(rules.window_lengths):
            windows[place] += tally - sums[second - length]
        at_ms = (second + 1) * 1000
        for rule_id, rate in rules.rate_of.items():
            if rule_id in self._kept or windows[rate.window_index] & rate.bad_mask:
                self._keep(rules.rules[rule_id], rate.judged_on(windows), at_ms, emits)
        for rule_id, cusum in rules.cusum_of.items():
            verdict = self._scored(cusum, second, tally)
            if rule_id in self._kept or verdict.crossed:
                self._keep(rules.rules[rule_id], verdict, at_ms, emits)

    def _scored(self, cusum: CusumRule, second: int, tally: int) -> Verdict:
        score = self._scores.pop(cusum.key, None) or Score()
        cusum.take(score, second, tally)
        verdict = cusum.verdict(score, second)
        if score.score and second - score.last_second <= cusum.forget_seconds:
            self._scores[cusum.key] = score
        return verdict

    def _keep(self, rule: Rule, verdict: Verdict, at_ms: int, emits: list[Alert]) -> None:
        before = self._kept.get(rule.rule_id)
        hold_ms = rule.keep_firing_seconds * 1000
        after, reason = life.judge(rule, before, verdict, at_ms, None, hold_ms)
        if after is None:
            self._kept.pop(rule.rule_id, None)
        else:
            after.named_ms = after.since_ms
            self._kept[rule.rule_id] = after
        changed = after or before
        if reason is not None and changed is not None:
            emits.append(self._describe(rule, changed, verdict, reason.value, at_ms, is_over=reason in ENDS))

    # --- reading

    def active(self) -> Iterator[Alert]:
        """Those that are pending or firing, as judged last."""
        judged = self.judged_until or 0
        for rule_id, memory in self._kept.items():
            rule, reason = self._rules.rules[rule_id], memory.reason.value
            yield self._describe(rule, memory, self.verdict(rule_id), reason, judged * 1000)

    def verdict(self, rule_id: str) -> Verdict:
        """The verdict on a rule, as judged last."""
        cusum = self._rules.cusum_of.get(rule_id)
        if cusum is None:
            return self._rules.rate_of[rule_id].judged_on(self._windows)
        return cusum.verdict(self._scores.get(cusum.key) or Score(), (self.judged_until or 0) - 1)

    def _describe(
        self, rule: Rule, memory: AlertState, verdict: Verdict, reason: str, at_ms: int, *, is_over: bool = False
    ) -> Alert:
        version = self._core.rules.versions[rule.rule_id]
        return alert_of(
            self._core, rule, memory, rule.measure.fleet_measurement(rule, verdict), at_ms, reason,
            inputs=inputs_of(rule, version, memory, verdict, is_over=is_over), is_over=is_over, project_id=FLEET,
            title=f"{rule.description} ({ALL_PROJECTS.lower()})",
        )  # fmt: skip

    # --- storing

    def writes(self) -> dict[bytes, bytes]:
        """For `read`. The minutes come first: they may be ahead of what says how far they go, and not behind it."""
        found = dict(self._sums.writes())
        stored = _Stored(
            self.position, self.partitions, self.closed, self._begin, self.final_until, self.judged_until, self.late,
            self._kept, self._scores, self._sums.bounds,
        )  # fmt: skip
        return {**found, changelog_keys.FLEET: msgspec.msgpack.encode(stored)}

    def garbage(self) -> list[bytes]:
        """The minutes that no window reaches any more."""
        return self._sums.garbage()

    def read(self, store: Store) -> None:
        """Become what `writes` gave; as new where nothing is stored. A rule that is gone leaves nothing behind."""
        encoded = store.get(changelog_keys.FLEET)
        if encoded is None:
            return
        stored, rules = msgspec.msgpack.decode(encoded, type=_Stored), self._rules
        self.position, self.partitions, self.closed = stored.position, stored.partitions, stored.closed
        self._begin, self.final_until, self.judged_until = stored.begin, stored.final_until, stored.judged_until
        self.late = stored.late
        self._kept = {rule_id: memory for rule_id, memory in stored.kept.items() if rule_id in rules.rules}
        scored = {cusum.key for cusum in rules.cusum_of.values()}
        self._scores = {key: score for key, score in stored.scores.items() if key in scored}
        self._sums.restore(store, stored.minutes)
        judged = self.judged_until
        if judged is not None:
            self._windows = [self._sums.between(judged - length, judged) for length in rules.window_lengths]
