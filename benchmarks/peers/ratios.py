"""What the figures are held against: ratios within one run, for only those are free of the machine."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from benchmarks.peers.race import Figures, Measured


class Target(NamedTuple):
    """`ours` must be at least `at_least` times `theirs` in this shape."""

    shape: str
    ours: str
    theirs: str
    at_least: float


TARGETS = (
    Target("1000", "monitor", "kafka-streams", 0.75),
    Target("1000", "monitor", "quix", 4.0),
    Target("1000", "monitor", "faust", 60.0),
    Target("1000000", "monitor", "quix", 2.0),
    Target("1000", "replay", "limit", 0.6),
)
RECOVERY_AT_LEAST = 0.6
TWO_PROCESSES_AT_LEAST = 1.5  # times one process, of a replay
RECOVERY_RECORDS = 10_000  # a shorter log is read before it can be timed


def ratios(shape: str, contenders: Iterable[Measured]) -> list[dict[str, Any]]:
    """Every target of this shape whose two sides ran."""
    measured = {each.name: each for each in contenders}
    found = []
    for target in TARGETS:
        ours, theirs = (_figures(measured, name) for name in (target.ours, target.theirs))
        if target.shape == shape and ours and theirs:
            ratio = ours.events_per_second / theirs.events_per_second
            found.append(_row(f"{target.ours} / {target.theirs}", ratio, target.at_least))
    monitor = measured.get("monitor")
    if monitor and monitor.more and monitor.more["recovery_records"] >= RECOVERY_RECORDS:
        ratio = monitor.more["recovery_records_per_second"] / monitor.more["bare_fetch_records_per_second"]
        found.append(_row("recovery / bare fetch of the changelog", ratio, RECOVERY_AT_LEAST))
    return found


def of_two_processes(one: Iterable[Measured], two: Iterable[Measured]) -> list[dict[str, Any]]:
    """A replay by two processes beside one; nothing where either did not run."""
    figures = [_figures({each.name: each for each in run}, "replay") for run in (one, two)]
    if figures[0] is None or figures[1] is None:
        return []
    ratio = figures[1].events_per_second / figures[0].events_per_second
    return [_row("replay by two processes / by one", ratio, TWO_PROCESSES_AT_LEAST)]


def _figures(measured: dict[str, Measured], name: str) -> Figures | None:
    """None also where it counted wrong: a wrong answer has no speed."""
    return measured[name].figures if name in measured and not measured[name].wrong else None


def _row(what: str, ratio: float, at_least: float) -> dict[str, Any]:
    return {"what": what, "ratio": round(ratio, 2), "at_least": at_least, "met": ratio >= at_least}


def table(runs: Iterable[dict[str, Any]]) -> str:
    """All runs as the tables of a Markdown document."""
    parts = []
    for run in runs:
        parts.append(f"**{run['about']}; partitions: {run['partitions']}, workers: {run['workers']}**\n")
        parts.append("| contender | events/s | CPU s / million | peak memory | changelog bytes / event |")
        parts.append("|---|---:|---:|---:|---:|")
        whole = max((each["figures"]["events"] for each in run["contenders"] if each["figures"]), default=0)
        parts.extend(_line(each, whole) for each in run["contenders"])
        parts.append("")
        if run["ratios"]:
            parts.append("| ratio | measured | wanted | |")
            parts.append("|---|---:|---:|---|")
            parts.extend(_ratio_line(row) for row in run["ratios"])
            parts.append("")
    return "\n".join(parts)


def _ratio_line(row: dict[str, Any]) -> str:
    word = "met" if row["met"] else "missed"
    return f"| {row['what']} | {row['ratio']:g} × | ≥ {row['at_least']:g} × | {word} |"


def _line(each: dict[str, Any], whole: int) -> str:
    figures = each["figures"]
    if figures is None:
        return f"| {each['title']} | could not run: {each['problem'].replace('|', '/')} | | | |"
    changelog = f"{figures['changelog_bytes_per_event']:g}" if figures["changelog_bytes_per_event"] else "–"
    share = f" (the first {figures['events']:,} events)" if figures["events"] < whole else ""
    title = each["title"] + share + (f" – counted wrong: {each['wrong'].replace('|', '/')}" if each["wrong"] else "")
    return (
        f"| {title} | {figures['events_per_second']:,.0f} | {figures['cpu_seconds_per_million_events']:g} | "
        f"{figures['peak_memory_mb']:,.0f} MB | {changelog} |"
    )
