"""Title and description of an alert in another language: from what the alert measured, not from its words.

Titles are translated where the monitor or its shipped rules wrote them. What an operator wrote in a rules file stays.
"""

import re
from functools import cache

import msgspec

from alert_sinks.texts.catalogue import Texts
from alert_sinks.texts.numbers import threshold_of, value_of, with_unit, written
from models.alert import Alert, AlertInputs
from models.wording import number
from streams.alerting.rule import FLEET
from streams.alerting.rule_types import (
    ALL_PROJECTS,
    CONFLICT_RATE,
    DRIFT,
    FAILURE_RATE,
    INTEGRITY,
    RETRY_RATE,
    SLOW_CREATION,
)
from streams.alerting.verdict import Reason
from streams.dispatch.table import RESOLVED_BY_PERSON

_SHARES = {FAILURE_RATE.name: "failure", RETRY_RATE.name: "retry", CONFLICT_RATE.name: "conflict"}
_FINDINGS = re.compile(r" has (\d+) missing and (\d+) duplicate numbers? among \d+ episodes? \(highest number \d+\)\.$")
_PLACE = re.compile(r"\\\{(\w+)\\\}")


def translated(alert: Alert, texts: Texts) -> Alert:
    """The alert as people read it in this language; as it is in the language in which alerts are written."""
    if not texts.sentences:
        return alert
    return msgspec.structs.replace(alert, title=_title(alert, texts), description=_description(alert, texts))


def _title(alert: Alert, texts: Texts) -> str:
    is_of_fleet = alert.project_id == FLEET
    ending = f" ({ALL_PROJECTS.lower()})" if is_of_fleet else f" ({alert.project_id})"
    bare = alert.title.removesuffix(ending)
    if is_of_fleet:
        ending = f" ({texts.sentence('subject.fleet')})"
    for original, translation in texts.titles.items():
        found = _pattern(original).fullmatch(bare)
        if found:
            return translation.format_map(found.groupdict()) + (ending if bare != alert.title else "")
    return bare + ending if bare != alert.title else alert.title


@cache
def _pattern(original: str) -> re.Pattern[str]:
    return re.compile(_PLACE.sub(r"(?P<\1>.+)", re.escape(original)), re.DOTALL)


def _description(alert: Alert, texts: Texts) -> str:
    sentence = alert.description
    if isinstance(alert.inputs, AlertInputs):
        sentence = _sentence(alert, alert.inputs, texts) or sentence
    if alert.reason != RESOLVED_BY_PERSON:
        return sentence
    by, _ = alert.person
    said = texts.sentence("by_hand", person=by) if by else texts.sentence("by_hand.unknown")
    return f"{said} {sentence}"


def _sentence(alert: Alert, inputs: AlertInputs, texts: Texts) -> str:
    """ "" for a type that only a newer version knows."""
    counts = {"project": alert.project_id, "bad": f"{inputs.bad:,}", "whole": f"{inputs.whole:,}"}
    if alert.alert_type == INTEGRITY.name:
        if alert.reason == Reason.SPLIT.value:
            return texts.sentence("split", **counts)
        return _of_numbers(alert, texts, counts) if inputs.bad else texts.sentence("numbers.none", **counts)
    if alert.alert_type == DRIFT.name:
        return texts.sentence("drift.fleet" if alert.project_id == FLEET else "drift", **counts)
    counts["subject"] = texts.sentence("subject.fleet" if alert.project_id == FLEET else "subject", **counts)
    kind = "latency" if alert.alert_type == SLOW_CREATION.name else _SHARES.get(alert.alert_type, "")
    if not kind:
        return ""
    if inputs.score is not msgspec.UNSET and inputs.limit is not msgspec.UNSET and kind != "latency":
        what = texts.sentence(f"score.{kind}")
        return texts.sentence("score", score=f"{inputs.score:,}", limit=f"{inputs.limit:,}", what=what, **counts)
    counts["window"] = _minutes(alert.window_minutes or 0, texts)
    if alert.value is None and kind == "latency" and inputs.whole and inputs.rate is not None:
        share = _percent(inputs.rate, texts)
        return texts.sentence("latency.fleet", threshold=threshold_of(alert, texts), share=share, **counts)
    if alert.value is None:
        return texts.sentence("nothing", **counts)
    return texts.sentence(
        kind, value=value_of(alert, texts), threshold=threshold_of(alert, texts),
        limit=_limit(alert, inputs, texts), **counts,
    )  # fmt: skip


def _of_numbers(alert: Alert, texts: Texts, counts: dict[str, str]) -> str:
    """How many of the findings are missing, and how many duplicate numbers, is in the sentence alone."""
    found = _FINDINGS.search(alert.description)
    if found is None:
        return texts.sentence("numbers.sum", **counts)
    missing, duplicates = (f"{int(number):,}" for number in found.groups())
    return texts.sentence("numbers", missing=missing, duplicates=duplicates, **counts)


def _limit(alert: Alert, inputs: AlertInputs, texts: Texts) -> str:
    threshold = threshold_of(alert, texts)
    said = texts.sentence("limit", threshold=threshold)
    if inputs.short and inputs.objective and inputs.factor:
        short = inputs.short
        said = texts.sentence(
            "burn", window=_minutes(short.window_minutes, texts), threshold=threshold,
            value=written(alert.alert_type, short.rate, alert.threshold, texts),
            objective=_percent(inputs.objective, texts, digits=12), factor=number(inputs.factor, 12),
        )  # fmt: skip
    if inputs.lower_bound is msgspec.UNSET or inputs.confidence is msgspec.UNSET:
        return said
    sure = texts.sentence(
        "sure", confidence=_percent(inputs.confidence, texts, digits=12), lower=_percent(inputs.lower_bound, texts)
    )
    return f"{said}, {sure}"


def _percent(value: float, texts: Texts, digits: int = 3) -> str:
    return with_unit("%", number(value, digits), texts)


def _minutes(minutes: int, texts: Texts) -> str:
    if minutes and minutes % 60 == 0:
        return texts.sentence("hours", hours=minutes // 60)
    return texts.sentence("minutes", minutes=minutes)
