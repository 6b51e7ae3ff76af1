"""What the figures are held against: ratios within one run, for only those are free of the machine."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from benchmarks.peers.race import Figures, Measured


class Target(NamedTuple):
    """`ours` must be at least `at_least` times `theirs` in this shape; `workers` None: with any number of them."""

    shape: str
    ours: str
    theirs: str
    at_least: float
    workers: int | None = None


ALL_CORES = 4  # workers, with which two cores are busy
TARGETS = (
    Target("1000", "monitor", "kafka-streams", 0.6, 1),
    Target("1000", "monitor", "kafka-streams", 0.75, ALL_CORES),
    Target("1000", "monitor", "quix", 2.0),
    Target("1000", "monitor", "faust", 30.0),
    Target("1000000", "monitor", "quix", 2.0),
    Target("1000", "replay", "limit", 0.6),
)
EQUAL_TARGETS = (
    Target("equal", "monitor", "streams-seconds", 1.0, 1),
    Target("equal", "monitor", "streams-seconds", 1.25, ALL_CORES),
    Target("equal", "monitor", "streams-minutes", 0.75, 1),
    Target("equal", "monitor", "streams-minutes", 1.0, ALL_CORES),
    Target("equal", "monitor", "streams-hopping", 6.0),
    Target("equal", "monitor", "flink-hashmap", 1.0),
    Target("equal", "monitor", "quix-function", 10.0),
)
RECOVERY_AT_LEAST = 0.6
TWO_PROCESSES_AT_LEAST = 1.5  # times one process, of a replay
RECOVERY_RECORDS = 10_000  # a shorter log is read before it can be timed


def ratios(shape: str, contenders: Iterable[Measured], workers: int = 1) -> list[dict[str, Any]]:
    """Every target of this shape whose two sides ran; both warm, or both cold where one was not warmed up."""
    measured = {each.name: each for each in contenders}
    found = []
    for target in (*TARGETS, *EQUAL_TARGETS):
        ours, theirs = (_figures(measured, name) for name in (target.ours, target.theirs))
        if target.shape == shape and target.workers in (None, workers) and ours and theirs:
            ratio = ours.events_per_second / theirs.events_per_second
            if ours.events_per_second_warm and theirs.events_per_second_warm:
                ratio = ours.events_per_second_warm / theirs.events_per_second_warm
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
        is_equal = run.get("work") == "equal"
        line, head = (_equal_line, _EQUAL_HEAD) if is_equal else (_line, _HEAD)
        whole = max((each["figures"]["events"] for each in run["contenders"] if each["figures"]), default=0)
        parts.extend(head)
        parts.extend(line(each, whole) for each in run["contenders"])
        parts.append("")
        if run["ratios"]:
            parts.append("| ratio | measured | wanted | |")
            parts.append("|---|---:|---:|---|")
            parts.extend(_ratio_line(row) for row in run["ratios"])
            parts.append("")
    return "\n".join(parts)


_HEAD = (
    "| contender | events/s | CPU s / million | peak memory | changelog bytes / event |",
    "|---|---:|---:|---:|---:|",
)
_EQUAL_HEAD = (
    "| contender | how | events/s, warm | events/s, from the first | CPU s / million | peak memory "
    "| changelog bytes / event |",
    "|---|---|---:|---:|---:|---:|---:|",
)


def _equal_line(each: dict[str, Any], whole: int) -> str:
    """Whose answer is wrong has no speed."""
    how, figures = each["note"] or "no state", each["figures"]
    if figures is None or each["wrong"]:
        why = f"counted wrong: {each['wrong']}" if each["wrong"] else f"could not run: {each['problem']}"
        return f"| {each['title']} | {how}; {' '.join(why.split()).replace('|', '/')} | | | | | |"
    warm = figures["events_per_second_warm"]
    share = f" ({figures['events']:,} events)" if figures["events"] < whole else ""
    changelog = f"{figures['changelog_bytes_per_event']:g}" if figures["changelog_bytes_per_event"] else "–"
    return (
        f"| {each['title']}{share} | {how} | {f'{warm:,.0f}' if warm else '–'} | {figures['events_per_second']:,.0f} | "
        f"{figures['cpu_seconds_per_million_events']:g} | {figures['peak_memory_mb']:,.0f} MB | {changelog} |"
    )


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
