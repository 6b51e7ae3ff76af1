"""`rules`: what is in force, and what a file of rules would mean, in sentences."""

import sys
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer

from episode_monitor.cli.backtest import backtest
from episode_monitor.cli.calling import By, Url, get, name_of, post
from episode_monitor.cli.output import Json, print_json, print_table
from episode_monitor.cli.rule_unit_tests import run_unit_tests
from episode_monitor.exits import ExitCode
from episode_monitor.rule_tests.file import is_test_file
from episode_monitor.settings.rules_file import core_from, load_rules, rule_set
from episode_monitor.settings.settings import load_settings
from models.wording import counted
from streams.alerting.rule import Rule

rules = typer.Typer(no_args_is_help=True, help="Show and test the alert rules.")
rules.command("backtest")(backtest)


@rules.command("show")
def show_rules(as_json: Json = False) -> None:
    """Show the active rules, overrides applied."""
    settings = load_settings()
    core_from(settings)
    in_force = load_rules(settings.rules_path, settings)
    if as_json:
        print_json([rule.to_dict() for rule in in_force])
        return
    rows = []
    for rule in in_force:
        window = f"{rule.window_minutes} min" if rule.window_minutes else "-"
        threshold = rule.measure.format_threshold(float(rule.threshold))
        rows.append([rule.rule_id, rule.measure.name, rule.severity.value, threshold, window])
    print_table(("Rule", "Measure", "Severity", "Threshold", "Window"), rows)


@rules.command("explain")
def explain_rules(
    project: Annotated[str, typer.Argument(help="The project's id.")], url: Url = None, as_json: Json = False
) -> None:
    """Show where each rule of a project stands on a running worker, and why it fires or does not. Exit code 1 if one
    fires."""
    found = get(load_settings(), url, f"/integrity/project/{quote(project, safe='')}/rules")
    if as_json:
        print_json(found)
    else:
        rows = [
            [
                one["rule_id"],
                one["state"].replace("_", " "),
                one["since"] or "",
                f"{one['description']} {one['missing'] or ''}".rstrip(),
            ]
            for one in found["rules"]
        ]
        print_table(("Rule", "State", "Crossed since", "Why"), rows)
    if any(one["state"] in ("firing", "recovering") for one in found["rules"]):
        raise typer.Exit(ExitCode.ISSUES_FOUND)


@rules.command("reload")
def reload_files(by: By = None, url: Url = None, as_json: Json = False) -> None:
    """Have all workers read the rules, the alerting and the on-call file again.

    Exit code 2 if a file has a fault: nothing has changed then. Exit code 1 if workers have different versions.
    """
    done = post(load_settings(), url, "/rules/reload", {"by": name_of(by)})
    if as_json:
        print_json(done)
    else:
        rows = [
            [worker["url"], one["what"], one["file"] or "-", one["version"][:16],
             "refused" if worker["refused"] else "changed" if one["what"] in worker["changed"] else "as before"]
            for worker in done["workers"]
            for one in worker["files"]
        ]  # fmt: skip
        print_table(("Worker", "What", "File", "Version", ""), rows)
    for sentence in done["problems"]:
        print(sentence, file=sys.stderr)
    if done["problems"]:
        raise typer.Exit(ExitCode.ISSUES_FOUND)


@rules.command("test")
def check_rules(
    file: Annotated[
        Path | None, typer.Argument(help="A rules file, or a file of unit tests; default: the active rules.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Check a rules file and explain each rule, or run a file of unit tests.

    Exit code 1 if a test fails, 2 if the file is invalid.
    """
    settings = load_settings()
    if file is not None and is_test_file(file):
        run_unit_tests(file, settings, as_json)
        return
    core = core_from(settings, None if file is None else rule_set(file, settings, ""))
    said = {rule.rule_id: sentence(rule, settings.escalate_after_minutes) for rule in core.rules.by_id.values()}
    if as_json:
        print_json(said)
        return
    for rule_id, words in said.items():
        print(f"{rule_id}: {words}")


def sentence(rule: Rule, escalate_after_minutes: int) -> str:
    """What a rule means, for people."""
    threshold = rule.measure.format_threshold(float(rule.threshold))
    window = counted(rule.window_minutes, "minute", "minutes")
    words = [f"{rule.severity.value} when {rule.measure.meaning.format(threshold, window)}"]
    if rule.min_samples > 1:
        words.append(f"evaluated from {rule.min_samples} creations")
    if rule.min_bad > 1:
        words.append(f"and at least {rule.min_bad} of them are affected")
    if rule.confidence is not None:
        words.append(f"with a confidence of {rule.confidence:f} %")
    if rule.burn_rate is not None:
        short = counted(rule.burn_rate.short_minutes, "minute", "minutes")
        words.append(f"and in the last {short} as well ({rule.burn_rate.factor:f} times the budget)")
    if rule.cusum is not None:
        cusum = rule.cusum
        words = [
            f"{rule.severity.value} when a score reaches {cusum.limit}, until it is 0: a bad operation adds "
            f"{cusum.weight}, a good one takes 1 ({cusum.in_control:f} % bad are normal, "
            f"{cusum.out_of_control:f} % are too many)"
        ]
    words.append(f"fires after {rule.for_seconds} s of that" if rule.for_seconds else "fires at once")
    if rule.keep_firing_seconds:
        words.append(f"keeps firing for {rule.keep_firing_seconds} s after the condition has cleared")
    if rule.severity.value == "critical":
        minutes = counted(escalate_after_minutes, "minute", "minutes")
        words.append(f"escalates to on-call when unacknowledged for {minutes}")
    return "; ".join(words) + "."
