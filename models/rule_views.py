"""Answers about the rules in force. Times are RFC 3339 in UTC."""

import msgspec

from models.alert import AlertInputs
from models.integrity_views import Applied
from models.reload_views import FileInForce


class BurnRateView(msgspec.Struct, frozen=True, kw_only=True):
    """`objective` in percent, windows in minutes."""

    objective: float
    factor: float
    long_minutes: int
    short_minutes: int


class CusumView(msgspec.Struct, frozen=True, kw_only=True):
    """Shares in percent. A bad operation adds `weight` to the score, a good one takes 1."""

    in_control: float
    out_of_control: float
    weight: int
    limit: int
    forget_minutes: int


class RuleView(msgspec.Struct, frozen=True, kw_only=True):
    """One rule. `firing` and `pending` count the projects for which it is so now."""

    rule_id: str
    alert_type: str
    severity: str
    threshold: float
    unit: str  # "%", "s", "findings"
    threshold_text: str  # the threshold with its unit
    window_minutes: int | None  # null for a type without a window
    min_samples: int
    min_bad: int
    for_seconds: int
    keep_firing_seconds: int
    scope: str  # "project" or "fleet"
    description: str
    labels: dict[str, str]
    annotations: dict[str, str]
    runbook_url: str | None
    firing: int
    pending: int
    confidence: float | None = None  # percent: the lower end of Wilson's interval is judged in place of the rate
    burn_rate: BurnRateView | None = None
    cusum: CusumView | None = None


class WorkerRules(msgspec.Struct, frozen=True, kw_only=True):
    """The rules of one worker. `differs_in`: the ids of rules that it does not have as the worker that answers does."""

    url: str
    partitions: list[int]
    version: str
    rules_digest: str
    software: str
    file: str
    loaded_at: str
    differs_in: list[str] = []


class RulesInForce(msgspec.Struct, frozen=True, kw_only=True):
    """The rules that the workers evaluate. `version` changes with any rule, `rules_digest` also with every setting that
    decides what a state holds; audit checkpoints and states name the same digest. Rules, versions and file are those of
    the worker that answers; `workers` has it first.
    """

    version: str
    rules_digest: str
    software: str
    file: str
    loaded_at: str
    rules: list[RuleView]
    is_lower_bound: bool  # more projects have alerts than were counted: `firing` and `pending` are at least so many
    agree: bool  # all workers have the same version and digest
    disagreements: list[str]  # a sentence for each worker that differs
    workers: list[WorkerRules]
    files: list[FileInForce]  # of the worker that answers


class ProjectRule(msgspec.Struct, frozen=True, kw_only=True):
    """Where one rule of a project stands, and why. `state` and `inputs` are as in an alert; the first three states have
    no alert. `since` is when the rule was crossed; null where it is not."""

    rule_id: str
    alert_type: str
    severity: str
    state: str
    reason: str  # of the state: such as `back_to_normal`, `no_operations`, `insufficient_data`
    description: str  # the measurement in a sentence
    missing: str | None  # what keeps the rule from firing although its share is above the threshold; null: nothing
    since: str | None
    inputs: AlertInputs


class ProjectRules(msgspec.Struct, frozen=True, kw_only=True):
    """All rules of one project, in the order of the rules file, as of a time."""

    project_id: str
    as_of: str
    applied: Applied
    rules: list[ProjectRule]
