"""The rules in force: those of the worker that answers, and whether the others have the same."""

from collections.abc import Sequence
from typing import TypeVar

import msgspec

from agents.time_slices import in_slices
from episode_monitor import __version__
from episode_monitor.fleet.local_state import LocalState
from episode_monitor.fleet.question import LONG_ANSWER_SECONDS, Question, Scope
from models.rule_views import BurnRateView, CusumView, RulesInForce, RuleView, WorkerRules
from models.times import rfc3339
from streams.alerting.rule import Rule
from streams.alerting.statistics import BurnRate, Cusum
from streams.project.state_digest import rules_digest
from streams.views.rule_counts import RuleCounts, rule_counts

V = TypeVar("V", BurnRateView, CusumView)


class RulesOfWorker(msgspec.Struct, frozen=True):
    """What one worker evaluates; its views count its own projects. `is_whole`: none was left out."""

    worker: WorkerRules
    rules: list[RuleView]
    is_whole: bool


class RulesQuestion(Question[RulesOfWorker, RulesInForce], frozen=True, kw_only=True):
    """The rules of all workers that own partitions, and how many projects have an alert of each."""

    scope = Scope.EVERY_OWNER
    seconds = LONG_ANSWER_SECONDS
    found = RulesOfWorker

    async def answer(self, here: LocalState) -> RulesOfWorker:
        core, origin = here.view.engine.core, here.rules_origin
        counts = [await in_slices(rule_counts(owned.partition)) for owned in here.live]
        worker = WorkerRules(
            url=origin.url, partitions=here.partitions, version=core.rules.fingerprint,
            rules_digest=rules_digest(core), software=__version__, file=origin.file,
            loaded_at=rfc3339(origin.loaded_at_ms),
        )  # fmt: skip
        views = [_view(rule, counts) for rule in core.rules.by_id.values()]
        return RulesOfWorker(worker, views, all(each.is_whole for each in counts))

    def merge(self, parts: Sequence[RulesOfWorker], here: LocalState) -> RulesInForce:
        first = parts[0]  # this worker's
        workers = [msgspec.structs.replace(part.worker, differs_in=_differing(first, part)) for part in parts]
        said = [_sentence(first.worker, worker) for worker in workers if not _agree(first.worker, worker)]
        counted = [_summed(rule, parts) for rule in first.rules]
        return RulesInForce(
            version=first.worker.version, rules_digest=first.worker.rules_digest, software=first.worker.software,
            file=first.worker.file, loaded_at=first.worker.loaded_at, rules=counted,
            is_lower_bound=not all(part.is_whole for part in parts), agree=not said, disagreements=said,
            workers=workers, files=here.files.in_force(),
        )  # fmt: skip


def _view(rule: Rule, counts: Sequence[RuleCounts]) -> RuleView:
    measure = rule.measure
    return RuleView(
        rule_id=rule.rule_id, alert_type=measure.name, severity=rule.severity.value, threshold=float(rule.threshold),
        unit=measure.units, threshold_text=measure.format_threshold(float(rule.threshold)),
        window_minutes=rule.window_minutes or None, min_samples=rule.min_samples, min_bad=rule.min_bad,
        for_seconds=rule.for_seconds, keep_firing_seconds=rule.keep_firing_seconds, scope=rule.scope.value,
        description=rule.description, labels=rule.labels, annotations=rule.annotations, runbook_url=rule.runbook_url,
        confidence=None if rule.confidence is None else float(rule.confidence),
        burn_rate=_converted(rule.burn_rate, BurnRateView), cusum=_converted(rule.cusum, CusumView),
        firing=sum(each.firing.get(rule.rule_id, 0) for each in counts),
        pending=sum(each.pending.get(rule.rule_id, 0) for each in counts),
    )  # fmt: skip


def _converted(found: BurnRate | Cusum | None, view: type[V]) -> V | None:
    return None if found is None else msgspec.convert(msgspec.to_builtins(found), view, strict=False)


def _summed(rule: RuleView, parts: Sequence[RulesOfWorker]) -> RuleView:
    same = [each for part in parts for each in part.rules if each.rule_id == rule.rule_id]
    return msgspec.structs.replace(
        rule, firing=sum(each.firing for each in same), pending=sum(each.pending for each in same)
    )


def _differing(first: RulesOfWorker, other: RulesOfWorker) -> list[str]:
    mine, theirs = ({rule.rule_id: _uncounted(rule) for rule in part.rules} for part in (first, other))
    return sorted(rule_id for rule_id in mine.keys() | theirs.keys() if mine.get(rule_id) != theirs.get(rule_id))


def _uncounted(rule: RuleView) -> RuleView:
    return msgspec.structs.replace(rule, firing=0, pending=0)


def _agree(first: WorkerRules, other: WorkerRules) -> bool:
    return (first.version, first.rules_digest) == (other.version, other.rules_digest)


def _sentence(first: WorkerRules, other: WorkerRules) -> str:
    what = f"the rules {', '.join(other.differs_in)}" if other.differs_in else "settings that decide what a state holds"
    return (
        f"The worker at {other.url} differs from the one at {first.url} in {what}: use the same rules file and "
        f"settings on all workers and restart them."
    )
