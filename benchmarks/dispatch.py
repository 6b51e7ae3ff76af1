"""How long the dispatcher takes for a transition with 50 000 active alerts and 2 000 silences, and its memory; and how
long a worker's copy takes to follow, and to give a page of 100 active alerts while it does.

One silence of fifty is a regex that is compared with every alert, the others name a project. Groups are a rule and
project each. Run it alone: `python -m benchmarks.dispatch`.
"""

import resource
import time
from collections.abc import Iterator
from random import Random
from statistics import median, quantiles

from models.alert import Alert, AlertStatus, Severity
from streams.dispatch.config import DispatchConfig
from streams.dispatch.copying import StateCopy
from streams.dispatch.decide import decide
from streams.dispatch.inputs import AnyInput, SetSilence, Transition
from streams.dispatch.state import State
from streams.dispatch.storage import everything, restored, take_changes
from streams.dispatch.views import seen
from streams.routing.alerting import ON_CALL, TEAM, Alerting, default_on_call
from streams.routing.inhibit_rule import InhibitRule
from streams.routing.matcher_parsing import parse_matchers
from streams.routing.route import Node, built

Records = list[tuple[bytes, bytes]]
ALERTS, SILENCES, TRIED = 50_000, 2_000, 5_000
START_MS, HOUR_MS = 1_772_409_600_000, 3_600_000
CRITICAL = parse_matchers('severity="critical"')


def run() -> dict[str, float]:
    """Milliseconds, MiB and counts."""
    config, random = _config(), Random(1)
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    state = _filled(config)
    mebibytes = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib) / 2**10
    taken = [_timed(config, state, each, START_MS + 60_000 + number * 50) for number, each in enumerate(_tried(random))]
    stored = list(everything(state))
    copied = _copied(config, state, stored, random)
    before = time.perf_counter()
    decide(config, restored(stored), Transition(alert=_alert(0, AlertStatus.FIRING)), START_MS + HOUR_MS)
    return {
        "active_alerts": ALERTS,
        "silences": SILENCES,
        "state_mebibytes": round(mebibytes, 1),
        "stored_mebibytes": round(sum(len(key) + len(value) for key, value in stored) / 2**20, 1),
        "transition_median_ms": round(median(taken), 3),
        "transition_p99_ms": round(quantiles(taken, n=100)[98], 3),
        "restore_seconds": round(time.perf_counter() - before, 2),
        **copied,
    }


def _copied(config: DispatchConfig, state: State, stored: Records, random: Random) -> dict[str, float]:
    """A copy that follows, asked for a page after each of its steps. A step is what the event loop waits for."""
    copy = StateCopy(config, restored(stored))
    wired = _step_times(copy.wiring())
    pages, steps, decisions = [], [], []
    list(take_changes(state))
    for number, each in enumerate(_tried(random)):
        decide(config, state, each, START_MS + HOUR_MS + number * 50)
        changes = dict(take_changes(state))
        took = _step_times(copy.apply(changes))
        steps += took
        decisions.append(sum(took))
        if number % 10 == 0:
            before = time.perf_counter()
            [seen(copy.state, copy.state.alerts[place[-1]]) for place in copy.active.page(100)]
            pages.append((time.perf_counter() - before) * 1000)
    return {
        "copy_wiring_seconds": round(sum(wired) / 1000, 2),
        "copy_wiring_longest_step_ms": round(max(wired), 1),
        "copy_decision_p99_ms": round(quantiles(decisions, n=100)[98], 3),
        "copy_step_p99_ms": round(quantiles(steps, n=100)[98], 3),
        "page_of_100_median_ms": round(median(pages), 3),
        "page_of_100_p99_ms": round(quantiles(pages, n=100)[98], 3),
    }


def _step_times(steps: Iterator[None]) -> list[float]:
    """Milliseconds."""
    taken, is_over = [], False
    while not is_over:
        before = time.perf_counter()
        is_over = next(steps, True) is True
        taken.append((time.perf_counter() - before) * 1000)
    return taken


def _config() -> DispatchConfig:
    root = Node(receiver=TEAM, group_by=("alertname", "project_id"), group_wait_ms=0, group_interval_ms=0)
    inhibits = InhibitRule(
        source_matchers=CRITICAL, target_matchers=parse_matchers('severity="warning"'), equal=("project_id",)
    )
    return DispatchConfig(
        alerting=Alerting(root=built(root), receivers=(TEAM, ON_CALL), inhibit_rules=(inhibits,)),
        on_call=default_on_call(300_000),
    )


def _filled(config: DispatchConfig) -> State:
    state = State()
    for number in range(SILENCES):
        matchers = parse_matchers(
            f'project_id="proj_{number * 25:05}"'
            if number % 50
            else f'project_id=~"proj_{number:05}.+",severity!="info"'
        )
        silence = SetSilence(
            silence_id=f"s{number}", matchers=matchers, starts_at_ms=START_MS, ends_at_ms=START_MS + 9 * HOUR_MS, by="b"
        )
        decide(config, state, silence, START_MS)
    for number in range(ALERTS):
        decide(config, state, Transition(alert=_alert(number, AlertStatus.FIRING)), START_MS)
    return state


def _alert(number: int, status: AlertStatus, firing: int = 1) -> Alert:
    rule, project = ("rate", "gaps")[number % 2], f"proj_{number // 2 * 2:05}"
    return Alert(
        alert_key=f"{rule}:{project}",
        alert_id=f"{rule}:{project}#{firing}",
        rule_id=rule,
        alert_type=rule.upper(),
        severity=Severity.CRITICAL if number % 2000 == 0 else Severity.WARNING,
        status=status,
        project_id=project,
        title=f"Failure rate of {project} is above 1 %",
        description="12 of 400 creations have failed within 15 minutes.",
        value=3.0,
        threshold=1.0,
        window_minutes=15,
        sample_size=400,
        starts_at_ms=START_MS,
        ends_at_ms=None,
        updated_at_ms=START_MS,
        reason="threshold_crossed",
    )


def _tried(random: Random) -> list[AnyInput]:
    """Ends and new firings of alerts by chance."""
    chosen = random.sample(range(ALERTS), TRIED // 2)
    return [
        Transition(alert=_alert(number, status, firing))
        for number in chosen
        for status, firing in ((AlertStatus.RESOLVED, 1), (AlertStatus.FIRING, 2))
    ]


def _timed(config: DispatchConfig, state: State, given: AnyInput, at_ms: int) -> float:
    before = time.perf_counter()
    decide(config, state, given, at_ms)
    return (time.perf_counter() - before) * 1000


if __name__ == "__main__":
    for name, value in run().items():
        print(f"{name:24} {value}")
