"""A backtest for people: a table of the rules, one of what changes, and sentences."""

import sys
from datetime import timedelta
from typing import Any, Final

from episode_monitor.cli.output import count, print_table
from models.backtest_views import BacktestResult, ChangedFiring, FiringStatistics, RulesOverRange

SHOWN: Final = 10  # firings that differ; `--json` has a hundred of each rule
NOTHING: Final = "-"


def print_result(result: BacktestResult) -> None:
    """Old → new where they differ."""
    old = {one.rule_id: one.statistics for one in result.old.rules} | {"": result.old.total}
    new = {one.rule_id: one.statistics for one in result.new.rules} | {"": result.new.total}
    kinds = {change.rule_id: change.kind for change in result.changes}
    heads = ("Rule", "Rule is", "Firings", "Fired for", "Median", "Longest", f"At night ({result.night})", "Projects")
    rows = [
        [rule_id or "all", kinds.get(rule_id, ""), *_cells(old.get(rule_id), new.get(rule_id))]
        for rule_id in [*kinds, ""]
    ]
    print_table(heads, rows)
    _print_changes(result)
    worst = result.new.total.worst_projects
    if worst:
        print_table(
            ("Worst projects (new)", "Firings", "Fired for"),
            [[one.project_id, str(one.firings), _length(one.seconds)] for one in worst],
        )
    _print_sentences(result)


def _cells(old: FiringStatistics | None, new: FiringStatistics | None) -> list[str]:
    pairs = [(_facts(old)[at], _facts(new)[at]) for at in range(len(_facts(None)))]
    return [before if before == after else f"{before} → {after}" for before, after in pairs]


def _facts(one: FiringStatistics | None) -> list[str]:
    if one is None:
        return [NOTHING] * 6
    lengths = (one.seconds, one.median_seconds, one.longest_seconds)
    return [str(one.firings), *map(_length, lengths), str(one.at_night), str(one.projects)]


def _length(seconds: float | None) -> str:
    return NOTHING if seconds is None else str(timedelta(seconds=round(seconds)))


def _print_changes(result: BacktestResult) -> None:
    rows = [
        [change.rule_id, *(str(number) for number in numbers)]
        for change in result.changes
        if change.firings
        for numbers in [[change.same, change.only_old, change.only_new, change.earlier, change.later, change.longer,
                         change.shorter, change.severity]]
    ]  # fmt: skip
    if not rows:
        return
    print_table(
        ("Firings of rule", "Same", "Only old", "Only new", "Earlier", "Later", "Longer", "Shorter", "Severity"), rows
    )
    named = [(change.rule_id, firing) for change in result.changes for firing in change.firings]
    print_table(
        ("Differs", "Project", "How", "Old", "New"), [_row(rule_id, firing) for rule_id, firing in named[:SHOWN]]
    )
    if len(named) > SHOWN:
        print(f"The first {SHOWN} firings that differ are shown; --json names a hundred of each rule.")


def _row(rule_id: str, firing: ChangedFiring) -> list[str]:
    spans = [
        NOTHING if span is None else f"{span.started_at} to {span.ended_at or 'the end'} ({span.severity})"
        for span in (firing.old, firing.new)
    ]
    return [rule_id, firing.project_id, ", ".join(firing.what).replace("_", " "), *spans]


def _print_sentences(result: BacktestResult) -> None:
    print(f"{count(result.events, 'event')}; old rules: {_named(result.old)}; new rules: {_named(result.new)}.")
    if result.new.never_fired:
        print(f"Never fired (new): {', '.join(result.new.never_fired)}.")
    if result.equal:
        print("No firing differs.")
    left_out = result.old.left_out + result.new.left_out
    if left_out:
        print(f"{count(left_out, 'firing')} beyond the bound of memory are left out.", file=sys.stderr)
    if result.dead_letters:
        letters = ", ".join(f"{reason} {number}" for reason, number in result.dead_letters.items())
        print(f"Dead letters: {letters}", file=sys.stderr)


def _named(rules: RulesOverRange) -> str:
    return f"{rules.source} ({rules.digest})"


def print_transitions(alerts: list[dict[str, Any]]) -> None:
    """Those of the new rules."""
    if alerts:
        rows = [[a["updated_at"], a["alert_key"], a["status"], a["reason"], a["description"]] for a in alerts]
        print_table(("When", "Alert", "Status", "Why", "What"), rows)
