"""Says whether what killed workers left is what one undisturbed run over the same records gives."""

from collections import Counter

import msgspec

from agents.topics import TopicNames
from models.alert import Alert
from tests.faults.truth import Outcome, buried, read_log, read_outcome, run_clean, told_transitions
from tests.support.worker_process import make_core


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """One round. `transactions`: send in transactions, some of them taken back. `letters_once`: the broker can see to
    it that a dead letter is written once."""

    bootstrap_servers: str
    prefix: str
    seed: int
    kills: int = 10
    records: int = 20_000
    seconds: float = 25.0  # how long the records flow
    partitions: int = 4
    transactions: bool = True
    letters_once: bool = True
    session_timeout_seconds: float = 3.0


class Report(msgspec.Struct):
    """What happened, and what is wrong."""

    deaths: Counter[str] = msgspec.field(default_factory=Counter)
    wrong: list[str] = msgspec.field(default_factory=list)
    projects: int = 0
    transitions: int = 0
    letters: int = 0
    told_again: int = 0
    buried_again: int = 0

    def __str__(self) -> str:
        deaths = ", ".join(f"{count} {place}" for place, count in sorted(self.deaths.items()))
        return (
            f"deaths: {deaths or 'none'}; {self.projects} projects, {self.transitions} transitions "
            f"({self.told_again} told again), {self.letters} dead letters ({self.buried_again} again); "
            f"{'WRONG: ' + '; '.join(self.wrong[:10]) if self.wrong else 'all as it must be'}"
        )


async def compare(plan: Plan, topics: TopicNames, now_ms: int, report: Report) -> None:
    """Read everything and note in the report what is wrong. `now_ms` is the wall clock of the clean run."""
    core, servers = make_core(), plan.bootstrap_servers
    expected: dict[str, Alert] = {}
    told: list[Alert] = []
    letters: list[tuple[int, int]] = []
    for number in range(plan.partitions):
        clean = run_clean(core, number, await read_log(servers, topics.events, number), now_ms)
        log = await read_log(servers, topics.changelog, number, committed=False)
        _compare_partition(number, clean, read_outcome(core, number, log), report)
        expected |= clean.transitions
        letters += [(number, offset) for offset in clean.letters]
        told += told_transitions(await read_log(servers, topics.alerts, number))
    _compare_transitions(expected, told, report)
    found = Counter(buried(await read_log(servers, topics.dead_letters, 0), topics.events))
    _compare_letters(Counter(letters), found, plan.letters_once, report)


def _compare_partition(number: int, clean: Outcome, found: Outcome, report: Report) -> None:
    report.projects += len(clean.states)
    for project in sorted(clean.states.keys() | found.states.keys()):
        if clean.states.get(project) != found.states.get(project):
            report.wrong.append(f"partition {number}: the state of {project} differs")
    if clean.totals != found.totals:
        report.wrong.append(f"partition {number}: totals differ")
    if clean.cursor is None or found.cursor is None or clean.cursor.clock_ms != found.cursor.clock_ms:
        report.wrong.append(f"partition {number}: cursor {found.cursor} for {clean.cursor}")


def _compare_transitions(expected: dict[str, Alert], told: list[Alert], report: Report) -> None:
    names = {alert.transition_id for alert in told}
    report.transitions, report.told_again = len(expected), len(told) - len(names)
    report.wrong += [f"transition {name} was never told" for name in sorted(expected.keys() - names)]
    for alert in told:
        if expected.get(alert.transition_id) != alert:
            report.wrong.append(f"transition {alert.transition_id} of {alert.alert_key} is another one")
    found = _orders(told)
    for key, order in _orders(list(expected.values())).items():
        if found.get(key) != order:
            report.wrong.append(f"transitions of {key} were first told in another order")


def _orders(alerts: list[Alert]) -> dict[str, list[str]]:
    """Alert key -> its transitions in the order of their first telling."""
    orders: dict[str, list[str]] = {}
    for alert in alerts:
        order = orders.setdefault(alert.alert_key, [])
        if alert.transition_id not in order:
            order.append(alert.transition_id)
    return orders


def _compare_letters(
    expected: Counter[tuple[int, int]], found: Counter[tuple[int, int]], once: bool, report: Report
) -> None:
    report.letters, report.buried_again = len(expected), found.total() - len(found)
    lost, extra = expected.keys() - found.keys(), found.keys() - expected.keys()
    if lost or extra:
        report.wrong.append(f"dead letters lost {sorted(lost)[:5]}, too many {sorted(extra)[:5]}")
    again = sorted(letter for letter, count in found.items() if count > 1)
    if once and again:
        report.wrong.append(f"dead letters twice: {again[:10]}")
