"""`alerts routes`: checks a file of routes, and says where an alert with given labels would go by it."""

from pathlib import Path
from typing import Annotated, Any

import typer

from episode_monitor.cli.output import Json, count, print_json, print_table
from episode_monitor.exits import ExitCode, Failure
from episode_monitor.settings.alerting_files import AlertingFiles, read_files
from episode_monitor.settings.settings import load_settings
from streams.routing.chain import Chain, Notify, Page, chain_for
from streams.routing.labels import FIXED
from streams.routing.matcher import matches_all, written
from streams.routing.matcher_parsing import LABEL_NAME
from streams.routing.route import Route, every, reached

routes = typer.Typer(no_args_is_help=True, help="Check a file of routes, and try it on labels.")
OnCallFile = Annotated[Path | None, typer.Option("--oncall", help="A file of chains and schedules.")]


@routes.command("check")
def check_routes(
    file: Annotated[Path, typer.Argument(help="A file such as alerting.yaml.")], oncall: OnCallFile = None,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Check a file of routes, and one of chains and schedules with it. Exit code 2 if one is invalid."""
    files = _read(file, oncall)
    found: dict[str, Any] = {
        "receivers": len(files.receivers),
        "routes": sum(1 for _ in every(files.alerting.root)),
        "inhibit_rules": len(files.alerting.inhibit_rules),
        "time_intervals": len(files.alerting.time_intervals),
        "version": files.alerting.version,
    }
    if oncall:
        chains, schedules = len(files.on_call.chains), len(files.on_call.schedules)
        found["oncall"] = {"chains": chains, "schedules": schedules, "version": files.on_call.version}
    if as_json:
        print_json(found)
        return
    parts = [count(found[name], name.removesuffix("s").replace("_", " ")) for name in list(found)[:4]]
    print(f"{file}: {', '.join(parts)}.")
    if oncall:
        print(f"{oncall}: {count(chains, 'chain')}, {count(schedules, 'schedule')}.")


@routes.command("test")
def try_routes(
    labels: Annotated[
        list[str] | None, typer.Argument(metavar="LABEL=VALUE...", help="The labels, such as severity=critical.")
    ] = None,
    file: Annotated[
        Path | None, typer.Option(help="A file of routes; default: the receivers that the settings make.")
    ] = None,
    oncall: OnCallFile = None,
    verify: Annotated[
        str | None, typer.Option("--verify-receivers", help="Receivers with commas between, in order.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show which receivers an alert with these labels reaches, what may inhibit it, and how it escalates.

    Exit code 1 if they are not those of --verify-receivers.
    """
    files, given = _read(file, oncall), {**FIXED, **dict(map(_label, labels or []))}
    reaching = reached(files.alerting.root, given)
    receivers = [route.receiver for route in reaching]
    chain = chain_for(files.on_call.chains, given)
    sources = [
        written(rule.source_matchers)
        for rule in files.alerting.inhibit_rules
        if matches_all(rule.target_matchers, given)
    ]
    if as_json:
        print_json({
            "labels": given, "receivers": receivers, "routes": [_shown(route, files, given) for route in reaching],
            "inhibited_by": sources, "chain": chain and {"name": chain.name, "steps": _steps(chain)},
        })  # fmt: skip
    else:
        _print(files, reaching, given, sources, chain)
    if verify is not None and receivers != verify.split(","):
        raise Failure(f"The receivers are {','.join(receivers)}, and not {verify}.", ExitCode.ISSUES_FOUND)


def _read(file: Path | None, oncall: Path | None) -> AlertingFiles:
    return read_files(load_settings(), file, oncall)


def _label(text: str) -> tuple[str, str]:
    name, equal, value = text.partition("=")
    if not equal or not LABEL_NAME.fullmatch(name):
        raise Failure(f"{text} is not a label; write NAME=VALUE, such as severity=critical.", ExitCode.USAGE)
    return name, value


def _shown(route: Route, files: AlertingFiles, labels: dict[str, str]) -> dict[str, Any]:
    (receiver,) = [each for each in files.receivers if each.name == route.receiver]
    return {
        "receiver": route.receiver,
        "sends_by": [type(config).__name__.removesuffix("Config").lower() for config in receiver.configs],
        "group_key": route.group_key(labels),
        "group_wait_seconds": route.group_wait_ms / 1000,
        "group_interval_seconds": route.group_interval_ms / 1000,
        "repeat_interval_seconds": route.repeat_interval_ms / 1000,
        "mute_time_intervals": list(route.mute_time_intervals),
        "active_time_intervals": list(route.active_time_intervals),
    }


def _steps(chain: Chain) -> list[dict[str, Any]]:
    return [
        {"after_seconds": at_ms / 1000, "what": step.__struct_config__.tag,
         "to": step.receiver if isinstance(step, Notify) else step.schedule if isinstance(step, Page) else None}
        for at_ms, step in chain.due()
    ]  # fmt: skip


def _print(
    files: AlertingFiles, reaching: list[Route], labels: dict[str, str], sources: list[str], chain: Chain | None
) -> None:
    rows = []
    for route in reaching:
        one = _shown(route, files, labels)
        when = [f"not in {each}" for each in route.mute_time_intervals]
        when += [f"only in {' or '.join(route.active_time_intervals)}"] if route.active_time_intervals else []
        wait, interval, repeat = (f"{one[f'{name}_seconds']:g}s" for name in _TIMES)
        rows.append([
            route.receiver, ", ".join(one["sends_by"]) or "nothing", one["group_key"], wait, interval,
            repeat if route.repeat_interval_ms else "never", ", ".join(when),
        ])  # fmt: skip
    print_table(("Receiver", "Sends by", "Group", "Wait", "Interval", "Repeat", "When"), rows)
    for source in sources:
        print(f"Inhibited while an alert fires that matches {source} and agrees in the labels of `equal`.")
    if chain is not None:
        steps = [
            f"{one['what']} {one['to']} after {one['after_seconds']:g}s" if one["to"] else "end unless it still fires"
            for one in _steps(chain)
        ]
        print(f"Chain {chain.name}, unless it is acknowledged: {', '.join(steps)}.")


_TIMES = ("group_wait", "group_interval", "repeat_interval")
