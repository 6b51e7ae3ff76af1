"""Three months of virtual time: what the dispatcher was given, sent and kept back, and whether the plain model agrees.

python -m tests.streams.dispatch.three_months [--seed 13] [--json]
"""

import argparse
import json
import sys
import time
from collections import Counter
from random import Random
from typing import Any

from models.alert import AlertStatus
from streams.dispatch.config import DispatchConfig
from streams.dispatch.decide import decide
from streams.dispatch.inputs import Tick, Transition
from streams.dispatch.outputs import Notification
from streams.dispatch.state import State
from tests.streams.dispatch.plain_model import PlainModel
from tests.streams.dispatch.plain_state import Message
from tests.streams.dispatch.random_scripts import CONFIGS, Script, script
from tests.streams.dispatch.scripts import HOUR_MS, MINUTE_MS, START_MS

LONGER_MS = 9 * HOUR_MS  # after the last input
THREE_MONTHS_MS = 91 * 24 * HOUR_MS


def inputs_of(seed: int) -> Script:
    """Transitions, acts and a last tick; the pauses between them are minutes to ten hours."""
    given = [one for one in script(Random(seed), 2000) if one[0] < START_MS + THREE_MONTHS_MS]
    return [*given, (given[-1][0] + LONGER_MS, Tick())]


def message(one: Notification) -> Message:
    """As the model has it."""
    firing = sorted(each.alert_id for each in one.alerts if each.status is not AlertStatus.RESOLVED)
    ended = sorted(each.alert_id for each in one.alerts if each.status is AlertStatus.RESOLVED)
    return one.at_ms // MINUTE_MS, one.receiver, one.reason.value, tuple(firing), tuple(ended), one.person


def modelled(config: DispatchConfig, inputs: Script) -> list[Message]:
    """The messages of the plain model."""
    model = PlainModel(config)
    for at_ms, given in inputs:
        model.take(given, at_ms // MINUTE_MS)
    return model.messages


def run(seed: int) -> dict[str, Any]:
    """Counts by kind, and seconds."""
    config, state, inputs = CONFIGS["everything"], State(), inputs_of(seed)
    notified: list[Notification] = []
    kept_back: Counter[str] = Counter()
    before = time.perf_counter()
    for at_ms, given in inputs:
        decision = decide(config, state, given, at_ms)
        notified += decision.notifications
        kept_back.update(each.reason.value for each in decision.explanations)
    seconds = time.perf_counter() - before
    before = time.perf_counter()
    is_same = sorted(map(message, notified)) == sorted(modelled(config, inputs))
    return {
        "seed": seed,
        "days": round((inputs[-1][0] - START_MS) / (24 * HOUR_MS), 1),
        "inputs": dict(Counter(_kind(given) for _, given in inputs)),
        "notifications": len(notified),
        "by_receiver": dict(Counter(one.receiver for one in notified)),
        "by_reason": dict(Counter(one.reason.value for one in notified)),
        "not_notified": dict(kept_back),
        "dispatcher_seconds": round(seconds, 2),
        "model_seconds": round(time.perf_counter() - before, 1),
        "model_sends_the_same": is_same,
    }


def _kind(given: object) -> str:
    return f"alert {given.alert.status.value}" if isinstance(given, Transition) else type(given).__name__


def main() -> int:
    """0: the model sends the same; 1: it does not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=13)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = run(options.seed)
    if options.json:
        print(json.dumps(found))
    else:
        for name, value in found.items():
            print(f"{name:20} {value}")
    return 0 if found["model_sends_the_same"] else 1


if __name__ == "__main__":
    sys.exit(main())
