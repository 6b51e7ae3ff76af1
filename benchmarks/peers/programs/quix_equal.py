"""Quix Streams with the whole job: one stateful function, and with WINDOWS=hopping its own windows behind it.

A value of its state is JSON and is written as a whole, so what belongs together and stays small has a key of its own.
"""

import math
import os
from collections.abc import Callable
from datetime import datetime
from hashlib import blake2b
from typing import Any

from quixstreams import Application, State, message_context

from benchmarks.peers.programs.marks import Marks

IS_HOPPING = os.environ["WINDOWS"] == "hopping"
LONG_MINUTES, SHORT_MINUTES = 15, 10
MINUTE_MS = 60_000
FAILURES, CONFLICTS, SLOW, INTEGRITY = 1, 2, 4, 8
ID_BYTES, REMEMBERED = 8, 256
CHUNK = 64

Counts = list[int]  # ended, failed, conflicted, slow, retried
marks = Marks()


def ms_of(event: dict[str, Any]) -> int:
    """Event time."""
    return round(datetime.fromisoformat(event["occurred_at"]).timestamp() * 1000)


def is_new(state: State, event_id: str) -> bool:
    """Whether it is not among the last ids; then it is remembered."""
    known = state.get_bytes("ids") or b""
    mark = blake2b(event_id.encode(), digest_size=ID_BYTES).digest()
    place = known.find(mark)
    while place % ID_BYTES and place > 0:
        place = known.find(mark, place + 1)
    if place >= 0:
        return False
    state.set_bytes("ids", (known + mark)[-ID_BYTES * REMEMBERED :])
    return True


def hold(state: State, head: dict[str, Any], number: int, episode: str) -> None:
    """An episode gets a number."""
    key = f"numbers-{number // CHUNK}"
    chunk = state.get(key) or {}
    holders = chunk.setdefault(str(number), [])
    if episode not in holders:
        holders.append(episode)
        head["held"] += len(holders) == 1
        head["duplicates"] += len(holders) == 2
        head["highest"] = max(head["highest"], number)
        state.set(key, chunk)


def release(state: State, head: dict[str, Any], episode: str, number: int = 0) -> None:
    """An episode gives up its number, which is looked for from the highest down if it is not known."""
    newest = (number or head["highest"]) // CHUNK
    for index in range(newest, newest - 1 if number else -1, -1):
        chunk = state.get(f"numbers-{index}") or {}
        for held, holders in chunk.items():
            if episode in holders:
                holders.remove(episode)
                head["duplicates"] -= len(holders) == 1
                if not holders:
                    del chunk[held]
                    head["held"] -= 1
                state.set(f"numbers-{index}", chunk)
                if not holders and int(held) == head["highest"]:
                    head["highest"] = highest_from(state, index)
                return


def highest_from(state: State, index: int) -> int:
    """The highest number that is held in a chunk or one below it."""
    for each in range(index, -1, -1):
        if chunk := state.get(f"numbers-{each}"):
            return max(map(int, chunk))
    return 0


def renumber(state: State, head: dict[str, Any], event: dict[str, Any]) -> None:
    """What an event says of numbers."""
    if event["type"] == "episode.deleted":
        release(state, head, event["episode_id"])
    elif event["type"] == "episode.renumbered":
        release(state, head, event["episode_id"], event.get("old_number", 0))
    if event["type"] in ("episode.created", "episode.renumbered"):
        hold(state, head, event["episode_number"], event["episode_id"])


def latency(state: State, seconds: float) -> None:
    """One more in a bucket of 2 %."""
    buckets = state.get("latencies") or {}
    bucket = str(math.floor(math.log(max(1, round(seconds * 1e6))) * 50))
    buckets[bucket] = buckets.get(bucket, 0) + 1
    state.set("latencies", buckets)


def outcome(event: dict[str, Any]) -> Counts | None:
    """What an ending counts; None for any other event."""
    if event["type"] not in ("episode.created", "episode.creation_failed"):
        return None
    failed, slow = event["type"] != "episode.created", event.get("duration_seconds", 0.0) > 5.0
    return [1, int(failed), int(event.get("had_conflict", False)), int(slow), int(event.get("retry_count", 0) > 0)]


def crossed(long: Counts, short: Counts) -> int:
    """Rules as bits."""
    bits = FAILURES if long[1] * 100 > long[0] else 0
    bits |= CONFLICTS if short[2] * 100 > short[0] * 5 else 0
    return bits | (SLOW if long[3] * 100 > long[0] * 5 else 0)


def alerts(before: int, now: int, at_ms: int) -> list[dict[str, Any]]:
    """One for each rule that changed."""
    changed = [rule for rule in (FAILURES, CONFLICTS, SLOW, INTEGRITY) if (before ^ now) & rule]
    return [{"rule": rule, "state": "firing" if now & rule else "resolved", "at": at_ms} for rule in changed]


def window_sums(panes: dict[str, Counts], newest: int) -> tuple[Counts, Counts]:
    """Of both windows. Minutes that have left are let go."""
    for minute in [each for each in panes if int(each) <= newest - LONG_MINUTES]:
        del panes[minute]
    short = [counts for minute, counts in panes.items() if int(minute) > newest - SHORT_MINUTES]
    return [sum(column) for column in zip(*panes.values(), strict=True)] or [0] * 5, [
        sum(column) for column in zip(*short, strict=True)
    ] or [0] * 5


NEW = {"events": 0, "resent": 0, "highest": 0, "held": 0, "duplicates": 0, "firing": 0}


def work(event: dict[str, Any], state: State) -> dict[str, Any]:
    """One event: alerts, and what it counts in windows that are elsewhere."""
    head = state.get("head") or {**NEW, "totals": [0] * 5}
    head["events"] += 1
    told: dict[str, Any] = {"alerts": [], "counts": None}
    if is_new(state, event["event_id"]):
        told = take(event, head, state)
    else:
        head["resent"] += 1
    state.set("head", head)
    context = message_context()
    marks.seen(context.partition, context.offset)
    return told


def take(event: dict[str, Any], head: dict[str, Any], state: State) -> dict[str, Any]:
    """One that was not there before."""
    at_ms, counts = ms_of(event), outcome(event)
    renumber(state, head, event)
    if counts:
        head["totals"] = [total + more for total, more in zip(head["totals"], counts, strict=True)]
        latency(state, event.get("duration_seconds", 0.0))
    now = 0
    if not IS_HOPPING:
        panes = state.get("panes") or {}
        if counts:
            minute = str(at_ms // MINUTE_MS)
            panes[minute] = [one + more for one, more in zip(panes.get(minute, [0] * 5), counts, strict=True)]
        long, short = window_sums(panes, at_ms // MINUTE_MS)
        state.set("panes", panes)
        head["long"], head["short"] = long, short
        now = crossed(long, short)
    now |= INTEGRITY if head["highest"] > head["held"] or head["duplicates"] else 0
    before, head["firing"] = head["firing"], now
    return {"alerts": alerts(before, now, at_ms), "counts": [*counts, at_ms] if counts else None}


def add(sums: Counts, counts: Counts) -> Counts:
    """Of a hopping window; the last is the newest event's time."""
    return [*(one + more for one, more in zip(sums[:5], counts[:5], strict=True)), max(sums[5], counts[5])]


def judge(name: str, rules: int) -> Callable[[dict[str, Any], State], list[dict[str, Any]]]:
    """Judges the oldest window that the newest event is in."""

    def judged(window: dict[str, Any], state: State) -> list[dict[str, Any]]:
        counts = window["value"]
        before, now = state.get(name) or 0, crossed(counts[:5], counts[:5]) & rules
        state.set(name, now)
        return alerts(before, now, counts[5])

    return judged


def main() -> None:
    """Run until SIGTERM."""
    app = Application(
        broker_address=os.environ["SERVERS"],
        consumer_group=os.environ["NAME"],
        auto_offset_reset="earliest",
        state_dir=os.environ["FOLDER"],
        commit_interval=1.0,
        processing_guarantee="exactly-once" if os.environ["GUARANTEE"] == "exactly-once" else "at-least-once",
        loglevel="WARNING",
    )
    events = app.topic(
        os.environ["TOPIC"], key_deserializer="str", value_deserializer="json",
        timestamp_extractor=lambda value, headers, timestamp, kind: ms_of(value),
    )  # fmt: skip
    receiver = app.topic(os.environ["ALERTS"], key_serializer="str", value_serializer="json")
    taken = app.dataframe(events).apply(work, stateful=True)
    taken.apply(lambda told: told["alerts"], expand=True).to_topic(receiver)
    if IS_HOPPING:
        counts = taken.apply(lambda told: told["counts"]).filter(lambda each: each is not None)
        for minutes, rules in ((LONG_MINUTES, FAILURES | SLOW), (SHORT_MINUTES, CONFLICTS)):
            windows = counts.hopping_window(minutes * MINUTE_MS, MINUTE_MS, grace_ms=MINUTE_MS).reduce(
                add, lambda one: one
            )
            oldest = windows.current().filter(lambda window: window["end"] - window["value"][5] <= MINUTE_MS)
            oldest.apply(judge(f"firing-{minutes}", rules), stateful=True).apply(lambda all: all, expand=True).to_topic(
                receiver
            )
    app.run()


if __name__ == "__main__":
    main()
