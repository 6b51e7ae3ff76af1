"""Alerts about drift, which a check finds and events cannot show. Their ids are computed from what drifts.

They follow `streams.alerting.alert_life` as all alerts do, but by the wall clock, and only a check moves them. One
partition stores those of the whole fleet, so that one worker at a time emits them and none is lost.
"""

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from models.alert import Alert, Severity
from models.wording import counted
from streams.alerting import alert_life as life
from streams.alerting.alert_inputs import inputs_of
from streams.alerting.alert_of import alert_of
from streams.alerting.alert_state import AlertState, read_alert
from streams.alerting.core import Core
from streams.alerting.rule import FLEET, Rule
from streams.alerting.rule_types import DRIFT
from streams.alerting.verdict import Measurement, Verdict
from streams.base import changelog_keys
from streams.base.checkpoint_types import Store
from streams.partition.drift_values import Difference, Drifting, Drifts, Named

KEEPER = 0  # the partition that stores them
RULE_ID = "integrity_drift"  # reserved in `streams.alerting.rule_parsing`
FOUND, GONE = "found_by_check", "gone_at_check"
MAX_OWN_ALERTS = 50  # projects with alerts of their own; the others share one

RULE = Rule(
    rule_id=RULE_ID, measure=DRIFT, severity=Severity.CRITICAL, threshold=Decimal(0), window_minutes=0,
    description="Stream and database disagree",
)  # fmt: skip


def drifting(before: Drifts, project: str, differences: Iterable[Difference], episodes: int, at_ms: int) -> Drifting:
    """What to remember of a project now; `since_ms` stays as long as the lowest difference does."""
    found = sorted(differences)
    lowest, known = found[0], before.get(project)
    is_same = known is not None and (known.number, known.kind) == (lowest.number, lowest.kind)
    since_ms = known.since_ms if known is not None and is_same else at_ms
    return Drifting(since_ms, lowest.number, lowest.kind, len(found), episodes)


def named(drifts: Drifts) -> list[Named]:
    """The alerts for these drifts: one a project for those known longest, one for all others."""
    ordered = sorted(drifts.items(), key=lambda entry: (entry[1].since_ms, entry[0]))
    own, others = ordered[:MAX_OWN_ALERTS], ordered[MAX_OWN_ALERTS:]
    alerts = [Named(project, f"{one.kind}:{one.number}", one) for project, one in own]
    if others:
        project, one = others[0]
        in_common = msgspec.structs.replace(one, differences=len(others), episodes=0)
        alerts.append(Named(FLEET, f"{project}:{one.kind}:{one.number}", in_common))
    return alerts


class _Kept(msgspec.Struct, array_like=True):
    """One alert that fires."""

    named: Named
    memory: AlertState

    @property
    def reason(self) -> str:
        """Why it had its newest transition."""
        return self.memory.reason.value if self.memory.rose_at_ms else FOUND


class _StoredAlert(msgspec.Struct, array_like=True):
    named: Named
    memory: list[Any]


class _Stored(msgspec.Struct, array_like=True):
    version: int  # rises with every change, so that recovery can drop an older one that was written later
    kept: list[_StoredAlert]


class DriftAlerts:
    """The alerts about drift, a section of partition `KEEPER`. The caller of a change emits the transitions that it
    returns, then stores the partition."""

    __slots__ = ("_core", "_kept", "_version", "is_dirty")

    def __init__(self, core: Core) -> None:
        self.is_dirty = False  # changed since it was last stored
        self._core = core
        self._version = 0
        self._kept: dict[str, _Kept] = {}  # by project, `FLEET` among them

    def restore(self, encoded: bytes | None) -> None:
        """Become what `encode` gave; None: no alerts."""
        stored = _Stored(0, []) if encoded is None else msgspec.msgpack.decode(encoded, type=_Stored)
        self.is_dirty = False
        self._version = stored.version
        self._kept = {
            one.named.project: _Kept(one.named, read_alert(one.memory, one.named.drift.differences))
            for one in stored.kept
        }

    def encode(self) -> bytes:
        """For `restore`."""
        return msgspec.msgpack.encode((self._version, list(self._kept.values())))

    def read(self, store: Store) -> None:
        """Become what is stored."""
        self.restore(store.get(changelog_keys.DRIFT))

    def writes(self) -> dict[bytes, bytes]:
        """All in one value."""
        return {changelog_keys.DRIFT: self.encode()}

    def garbage(self) -> Sequence[bytes]:
        """Nothing is removed."""
        return ()

    @property
    def drifts(self) -> dict[str, Drifting]:
        """The drifts of the projects with alerts of their own, and of the first of the others."""
        found = {one.named.project: one.named.drift for one in self._kept.values()}
        common = found.pop(FLEET, None)
        if common is not None:
            project = self._kept[FLEET].named.what.rsplit(":", 2)[0]
            found.setdefault(project, common)
        return found

    # --- what changes it; times are of the wall clock

    def replace(self, alerts: Sequence[Named], at_ms: int) -> list[Alert]:
        """A check of all projects found these and no others; the transitions to emit."""
        wanted = {one.project for one in alerts}
        return self.change(alerts, [project for project in self._kept if project not in wanted], at_ms)

    def change(self, found: Sequence[Named], over: Iterable[str], at_ms: int) -> list[Alert]:
        """Some projects were checked: `found` drift, `over` no longer do; the transitions to emit. A drift that goes on
        gives none, unless it got worse."""
        emits: list[Alert] = []
        for project in over:
            emits += self._end(project, at_ms)
        for one in found:
            known = self._kept.get(one.project)
            if known is not None and known.named.what != one.what:
                emits += self._end(one.project, at_ms)
                known = None
            if known is not None or len(self._kept) <= MAX_OWN_ALERTS:
                emits += self._keep(known, one, at_ms)
        return emits

    def _keep(self, known: _Kept | None, one: Named, at_ms: int) -> list[Alert]:
        """`one` drifts: judge it and remember the outcome."""
        verdict = Verdict(True, one.drift.differences)
        if known is None:  # it began with the check that found it
            since_ms = one.drift.since_ms
            memory, reason = life.judge(RULE, None, verdict, since_ms, None)
        else:
            since_ms = known.named.drift.since_ms
            memory, reason = life.judge(RULE, known.memory, verdict, at_ms, None)
        assert memory is not None, "what is crossed is remembered"
        memory.named_ms = memory.named_ms or since_ms
        kept = _Kept(Named(one.project, one.what, msgspec.structs.replace(one.drift, since_ms=since_ms)), memory)
        if reason is not None or known is None or known.named != kept.named:
            self._kept[one.project] = kept
            self._changed()
        return [] if reason is None else [self._describe(kept, life.changed_ms(memory))]

    def _end(self, project: str, at_ms: int) -> list[Alert]:
        one = self._kept.pop(project, None)
        if one is None:
            return []
        self._changed()
        return [self._describe(one, at_ms, is_over=True)]

    def _changed(self) -> None:
        self._version += 1
        self.is_dirty = True

    # --- reading

    def active(self) -> Iterator[Alert]:
        """Those that fire."""
        for one in self._kept.values():
            yield self._describe(one, life.changed_ms(one.memory))

    def _describe(self, one: _Kept, at_ms: int, *, is_over: bool = False) -> Alert:
        project, drift = one.named.project, one.named.drift
        title, sentence = _words(project, drift)
        verdict = Verdict(True, drift.differences, whole=drift.episodes)
        measured = Measurement(float(drift.differences), drift.episodes, sentence)
        rule = msgspec.structs.replace(RULE, runbook_url=self._core.drift_runbook_url)
        return alert_of(
            self._core, rule, one.memory, measured, at_ms, GONE if is_over else one.reason,
            inputs=inputs_of(RULE, "", one.memory, verdict, is_over=is_over), is_over=is_over, project_id=project,
            title=title, cause=f"{RULE_ID}:{one.named.what}",
        )  # fmt: skip


def _words(project: str, drift: Drifting) -> tuple[str, str]:
    """Title and description."""
    count = drift.differences
    if project == FLEET:
        return (
            f"Stream and database disagree about {counted(count, 'more project', 'more projects')}",
            f"{counted(count, 'project drifts', 'projects drift')} beside the {MAX_OWN_ALERTS} with alerts of their "
            "own. The last deep check lists them.",
        )
    return (
        f"Stream and database disagree about project {project}",
        f"Project {project}: {counted(count, 'number differs', 'numbers differ')} between stream and database, the "
        f"lowest is {drift.number} ({drift.kind.replace('_', ' ')}). The last deep check lists them.",
    )
