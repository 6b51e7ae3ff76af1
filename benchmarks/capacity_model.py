"""`./run bench capacity`: a plan on paper for a very large fleet, from measured figures and a small simulation.

It draws projects by chance to learn how many different ones a flush touches and how evenly workers are loaded; all else
is arithmetic. What was assumed instead of measured is named in the result.
"""

import argparse
import json
import math
import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from benchmarks import state_size

DRAWS = 300_000
MANY = 500_000  # projects
PROGRAM_BYTES = 1e9  # a worker with the decoded states that it keeps at hand (CACHED_PROJECTS of each partition)

Draw = Callable[[random.Random, int], int]  # chance, projects -> a project's number


@dataclass(frozen=True)
class Inputs:
    """One worker, as measured; these values stand in until `./run bench peers --shape 1000 1000000` has run."""

    events_per_second_few: float = 45_000.0  # a worker with 1 000 projects
    events_per_second_many: float = 15_000.0  # a worker whose every event is of another project
    state_bytes_per_project: float = 2_000.0  # 100 episodes; it depends on their pace
    recovery_records_per_second: float = 100_000.0
    fleet_record_bytes: float = 4_000.0
    memory_bytes_beside_state: float = 1_000.0  # for each project: keys, index, the allocator's own


@dataclass(frozen=True)
class Plan:
    """What is wanted, and how it is to be run."""

    projects: int = 10_000_000
    events_per_second: int = 1_000_000
    busy_share: float = 0.6  # of a worker's capacity in quiet times, so that the failure of some others is borne
    partitions_per_worker: int = 3  # so that the work of one that failed is spread over several
    flush_seconds: float = 1.0
    replicas: int = 3
    event_bytes: float = 330.0  # key, value and the record's own
    segment_bytes: float = 2**30  # Kafka's default; the newest segment is never compacted
    segment_seconds: float = 600.0
    dirty_share: float = 0.2  # of a log that may be overwritten values before the cleaner comes
    broker_bytes_per_second: float = 200e6  # what one broker's disk and network take
    session_seconds: float = 10.0
    requests_per_second: int = 200
    metric_projects: int = 100
    series_per_project: int = 6
    series_besides: int = 120


def evenly(chance: random.Random, projects: int) -> int:
    """Every project alike."""
    return chance.randrange(projects)


def by_zipf(chance: random.Random, projects: int) -> int:
    """The second half as often as the first, and so on: the logarithm of the rank is spread evenly."""
    return min(int(math.exp(chance.random() * math.log(projects + 1))) - 1, projects - 1)


DRAWS_BY_NAME: dict[str, Draw] = {"evenly": evenly, "by Zipf's law": by_zipf}


@dataclass(frozen=True)
class Row:
    """One line of the result."""

    what: str
    value: float
    unit: str


def touched_share(draw: Draw, plan: Plan, workers: int, seed: int = 1) -> float:
    """Different projects that one worker's flush stores, for each of its events."""
    events = min(int(plan.events_per_second / workers * plan.flush_seconds), DRAWS // 2)
    chance, seen, taken = random.Random(seed), set(), 0
    for _ in range(DRAWS * 10):
        project = draw(chance, plan.projects)
        if _place(project, workers) == 0:
            seen.add(project)
            taken += 1
            if taken >= events:
                break
    return len(seen) / max(taken, 1)


def busiest_share(draw: Draw, plan: Plan, partitions: int, workers: int, seed: int = 2) -> float:
    """Events of the busiest worker for each of the average worker's."""
    chance = random.Random(seed)
    loads = Counter(_place(draw(chance, plan.projects), partitions) % workers for _ in range(DRAWS))
    return max(loads.values()) / (DRAWS / workers)


def hottest_events_per_second(draw: Draw, plan: Plan, seed: int = 3) -> float:
    """Of the project that has most. All of a project's events are one worker's."""
    chance = random.Random(seed)
    return max(Counter(draw(chance, plan.projects) for _ in range(DRAWS)).values()) / DRAWS * plan.events_per_second


def _place(project: int, places: int) -> int:
    return (project * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF) * places >> 64


def worker_events_per_second(inputs: Inputs, share_touched: float) -> float:
    """Time goes to each event and to each project that is stored: two measurements say how much to each."""
    few, many = 1 / inputs.events_per_second_few, 1 / inputs.events_per_second_many
    return 1 / (few + max(0.0, many - few) * share_touched)


def reckon(inputs: Inputs, plan: Plan, draw: Draw) -> list[Row]:
    """The plan, line by line."""
    workers, touched = _workers(inputs, plan, draw)
    partitions = workers * plan.partitions_per_worker
    hottest = hottest_events_per_second(draw, plan)
    speed = worker_events_per_second(inputs, touched)
    return [
        Row("projects that a flush stores, for each event", touched, ""),
        Row("events a second that one worker can take", speed, ""),
        Row(f"workers, {plan.busy_share:.0%} busy", workers, ""),
        Row("partitions", partitions, ""),
        Row("the busiest worker's load, of the average", busiest_share(draw, plan, partitions, workers), "×"),
        Row("the busiest project, of what one worker can take", 100 * hottest / speed, "%"),
        *_storage(inputs, plan, touched, workers, partitions),
        *_questions(inputs, plan, workers, partitions),
    ]


def _workers(inputs: Inputs, plan: Plan, draw: Draw) -> tuple[int, float]:
    """More workers have fewer events in a flush each, so that more of them are of different projects."""
    workers = max(1, math.ceil(plan.events_per_second / inputs.events_per_second_few))
    touched = 1.0
    for _ in range(5):
        touched = touched_share(draw, plan, workers)
        wanted = math.ceil(plan.events_per_second / (worker_events_per_second(inputs, touched) * plan.busy_share))
        if wanted == workers:
            break
        workers = wanted
    return workers, touched


def _storage(inputs: Inputs, plan: Plan, touched: float, workers: int, partitions: int) -> list[Row]:
    state = plan.projects * inputs.state_bytes_per_project
    a_project = inputs.state_bytes_per_project + inputs.memory_bytes_beside_state
    records = plan.events_per_second * touched
    changelog = records * inputs.state_bytes_per_project
    written = (changelog + plan.events_per_second * plan.event_bytes) * plan.replicas
    records_in_log = _records_in_log(inputs, plan, records / partitions, partitions)
    # The others share what it had; each reads its part in one process.
    share = math.ceil(plan.partitions_per_worker / max(workers - 1, 1))
    recovery = records_in_log * share / inputs.recovery_records_per_second
    everything = records_in_log * plan.partitions_per_worker / inputs.recovery_records_per_second
    return [
        Row("state, live", state / 1e9, "GB"),
        Row("memory of a worker", (PROGRAM_BYTES + a_project * plan.projects / workers) / 1e9, "GB"),
        Row("events written", plan.events_per_second * plan.event_bytes / 1e6, "MB/s"),
        Row("changelog written", changelog / 1e6, "MB/s"),
        Row("changelog for each event", changelog / plan.events_per_second, "bytes"),
        Row(f"brokers ({plan.replicas} replicas)", math.ceil(written / plan.broker_bytes_per_second), ""),
        Row("a partition's log at its longest", records_in_log / 1e6, "million records"),
        Row("failover of one worker, session time-out included", plan.session_seconds + recovery, "s"),
        Row("start of all workers", everything, "s"),
    ]


def _records_in_log(inputs: Inputs, plan: Plan, records_per_second: float, partitions: int) -> float:
    """Live ones, what the cleaner still tolerates, and all of the newest segment, which it never touches."""
    live = plan.projects / partitions
    newest = min(plan.segment_bytes / inputs.state_bytes_per_project, plan.segment_seconds * records_per_second)
    return live / (1 - plan.dirty_share) + newest


def _questions(inputs: Inputs, plan: Plan, workers: int, partitions: int) -> list[Row]:
    fan_in = partitions * inputs.fleet_record_bytes  # every partition's owner sends one a second
    asked = plan.requests_per_second / 2 * (workers - 1) / workers  # half of them about one project
    series = plan.metric_projects * plan.series_per_project + plan.series_besides
    return [
        Row("fleet summaries read by each worker", fan_in / 1e6, "MB/s"),
        Row("fleet summaries read by all workers", fan_in * workers / 1e6, "MB/s"),
        Row("a fleet answer adds up", partitions, "records"),
        Row(f"questions among workers at {plan.requests_per_second} requests/s", asked * (workers - 1), "a second"),
        Row("metric series of all workers", series * workers, ""),
    ]


# --- the measured figures


def measured(results: Path, plan: Plan) -> tuple[Inputs, list[str]]:
    """What `./run bench peers` left, and the names of what is assumed because it was not measured."""
    state_bytes = state_size.bytes_at(plan.projects / plan.events_per_second, is_uuid=False)
    found: dict[str, float] = {"state_bytes_per_project": state_bytes}
    path = results / "peers.json"
    runs = json.loads(path.read_text())["runs"] if path.is_file() else []
    by_shape = {run["shape"]: _monitor(run) for run in runs if run["workers"] == 1}
    few, many = by_shape.get("1000"), by_shape.get("1000000")
    if few:
        found["events_per_second_few"] = few["figures"]["events_per_second"]
    if many:
        found["events_per_second_many"] = many["figures"]["events_per_second"]
        found |= {
            name: many["more"][name] for name in ("recovery_records_per_second", "fleet_record_bytes") if many["more"]
        }
        found |= _memory(many["figures"], many["more"] or {})
    known = {name: value for name, value in found.items() if value > 0}
    return replace(Inputs(), **known), [each.name for each in fields(Inputs) if each.name not in known]


def _monitor(run: Mapping[str, Any]) -> dict[str, Any] | None:
    for contender in run["contenders"]:
        if contender["name"] == "monitor" and contender["figures"]:
            return dict(contender)
    return None


def _memory(figures: Mapping[str, float], more: Mapping[str, float]) -> dict[str, float]:
    """What a project costs beyond its state. Only a run with very many shows it: in others the program dominates."""
    if figures["events"] < MANY or "state_bytes_per_project" not in more:
        return {}
    a_project = (figures["peak_memory_mb"] * 1e6 - PROGRAM_BYTES) / figures["events"]
    return {"memory_bytes_beside_state": a_project - more["state_bytes_per_project"]}


# --- the command


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of this measure alone."""
    group = parser.add_argument_group("capacity")
    group.add_argument("--fleet-projects", type=int, default=10_000_000, help="default 10000000")
    group.add_argument("--fleet-events", type=int, default=1_000_000, help="events a second (default 1000000)")


def run(options: argparse.Namespace, results: Path) -> dict[str, Any]:
    """Reckons, prints the table, writes capacity.json and capacity.md."""
    plan = Plan(projects=options.fleet_projects, events_per_second=options.fleet_events)
    inputs, assumed = measured(results, plan)
    rows = {name: reckon(inputs, plan, draw) for name, draw in DRAWS_BY_NAME.items()}
    figures = {
        "inputs": asdict(inputs),
        "assumed_not_measured": assumed,
        "plan": asdict(plan),
        "rows": {name: [asdict(row) for row in some] for name, some in rows.items()},
    }
    results.mkdir(exist_ok=True)
    (results / "capacity.json").write_text(json.dumps(figures, indent=2) + "\n")
    text = table(rows, assumed)
    (results / "capacity.md").write_text(text)
    print(text)
    return figures


def table(rows: Mapping[str, list[Row]], assumed: list[str]) -> str:
    """A Markdown table with a column for each way in which projects may be drawn."""
    names = list(rows)
    lines = [f"| | {' | '.join(f'projects drawn {name}' for name in names)} |", "|---|" + "---:|" * len(names)]
    for line in zip(*rows.values(), strict=True):
        lines.append(f"| {line[0].what} | {' | '.join(_figure(row) for row in line)} |")
    if assumed:
        lines += ["", f"Assumed, not measured here: {', '.join(assumed)}."]
    return "\n".join(lines) + "\n"


def _figure(row: Row) -> str:
    digits = 0 if row.value >= 100 or row.value == int(row.value) else 2
    return f"{row.value:,.{digits}f}".replace(",", " ") + (f" {row.unit}" if row.unit else "")
