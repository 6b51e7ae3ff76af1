"""`rules test` of a file of unit tests: each failed expectation with what was expected and what came."""

from pathlib import Path

import msgspec
import typer

from episode_monitor.cli.output import count, print_json
from episode_monitor.exits import ExitCode
from episode_monitor.rule_tests.file import BadTestFile, load_tests
from episode_monitor.rule_tests.run import Outcome, UnusableEvent, run_case
from episode_monitor.settings.rules_file import core_from
from episode_monitor.settings.settings import Settings


def run_unit_tests(file: Path, settings: Settings, as_json: bool) -> None:
    """Exit code 1 where a test fails. Raises SettingsError."""
    rules, cases = load_tests(file, settings)
    core = core_from(settings, rules)
    try:
        outcomes = [run_case(core, case) for case in cases]
    except UnusableEvent as error:
        raise BadTestFile(f"{file}: {error}") from None
    failed = sum(bool(outcome.failures) for outcome in outcomes)
    if as_json:
        print_json({"tests": msgspec.to_builtins(outcomes), "passed": len(outcomes) - failed, "failed": failed})
    else:
        for outcome in outcomes:
            _print(file, outcome)
        print(
            f"{count(len(outcomes), 'test')}, {failed} failed." if failed else f"{count(len(outcomes), 'test')} passed."
        )
    if failed:
        raise typer.Exit(ExitCode.ISSUES_FOUND)


def _print(file: Path, outcome: Outcome) -> None:
    print(f"{'FAILED' if outcome.failures else 'ok'}: {outcome.name}")
    for failure in outcome.failures:
        print(f"  {file}, line {failure.line}: {failure.rule_id} at {failure.at_seconds:g}s")
        print(f"    exp: {'; '.join(failure.expected) or 'no alert'}")
        print(f"    got: {'; '.join(failure.got) or 'no alert'}")
