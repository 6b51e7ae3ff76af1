"""Events as the sample service would send them, by the million and without a service.

The same arguments give the same bytes: every id is counted or computed, none is drawn from the system.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec

START_MS = 1_760_000_000_000  # 2025-10-09T08:53:20Z: any moment will do, as long as it is the same every time
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_encode = msgspec.json.Encoder().encode


@dataclass(slots=True)
class _Project:
    project_id: str
    key: bytes
    sequence: int = 0
    highest: int = 0
    newest: str = ""  # the one episode that holds `highest`; "" if none or several do


@dataclass(slots=True)
class _Clock:
    """Event time that never goes back; texts are cached a second, since formatting them costs most of an event."""

    now_ms: float
    second: int = -1
    prefix: str = ""

    def text(self) -> str:
        whole = int(self.now_ms)
        second, ms = divmod(whole, 1000)
        if second != self.second:
            self.second = second
            self.prefix = (_EPOCH + timedelta(seconds=second)).strftime("%Y-%m-%dT%H:%M:%S")
        return f"{self.prefix}.{ms:03d}Z"


def episode_events(
    seed: int,
    projects: int,
    operations: int,
    conflict_ratio: float = 0.02,
    failure_ratio: float = 0.002,
    *,
    slow_ratio: float = 0.0,
    lost_ratio: float = 0.0,
    twice_ratio: float = 0.0,
    undo_ratio: float = 0.0,
    start_ms: int = START_MS,
    interval_ms: float = 1.0,
    source: str = "event-generator",
    pick: Callable[[float], int] | None = None,
) -> Iterator[tuple[bytes, bytes]]:
    """Key and value of every record of `operations` creations over projects `proj_00000` and up, in event time order.

    Ratios are of operations. `conflict_ratio` lose one to three races first, `failure_ratio` end failed, `slow_ratio`
    take 5 to 8 s, `lost_ratio` leave a hole before their number, `twice_ratio` repeat the highest number, and after
    `undo_ratio` of the creations the new episode is deleted. Operations end `interval_ms` apart. `pick` makes a
    project's number of a chance in [0, 1); without it all are equally likely.
    """
    if projects < 1 or operations < 0:
        raise ValueError("At least one project is needed, and operations are counted from 0.")
    chance = random.Random(f"{seed}/{projects}")  # without `operations`: a shorter run is the beginning of a longer one
    draw = chance.random
    known = [_Project(f"proj_{n:05d}", b"proj_%05d" % n) for n in range(projects)]
    clock = _Clock(float(start_ms))
    source = f"{source}-{seed}"
    for number in range(operations):
        project = known[int(draw() * projects) if pick is None else pick(draw())]
        operation_id = f"op-{seed}-{number}"
        conflicts = chance.randint(1, 3) if draw() < conflict_ratio else 0
        for _ in range(conflicts):
            yield project.key, _event(project, "episode.creation_conflict", operation_id, clock.text(), source)
        fails = draw() < failure_ratio
        outcome = _outcome(chance, conflicts, fails, draw() < slow_ratio)
        if fails:
            yield project.key, _event(project, "episode.creation_failed", operation_id, clock.text(), source, outcome)
        else:
            outcome |= _take_number(project, f"ep_{number + 1:06d}", draw() < lost_ratio, draw() < twice_ratio)
            yield project.key, _event(project, "episode.created", operation_id, clock.text(), source, outcome)
            if draw() < undo_ratio and outcome["episode_id"] == project.newest:
                gone: dict[str, object] = {"episode_id": project.newest}
                project.newest, project.highest = "", project.highest - 1
                yield (
                    project.key,
                    _event(project, "episode.deleted", f"{operation_id}-undo", clock.text(), source, gone),
                )
        clock.now_ms += interval_ms


def _outcome(chance: random.Random, conflicts: int, fails: bool, slow: bool) -> dict[str, object]:
    # A last race that was lost is not tried again, so a failed operation has one retry less.
    retries = max(0, conflicts - 1) if fails else conflicts
    outcome: dict[str, object] = {
        "duration_seconds": round(5.0 + 3 * chance.random() if slow else chance.lognormvariate(-4.6, 0.5), 6),
        "retry_count": retries,
        "retry_reasons": ["conflict"] * retries,
        "had_conflict": conflicts > 0,
    }
    if fails:
        outcome["error"] = "another caller took the number first" if conflicts else "the database did not answer"
    return outcome


def _take_number(project: _Project, episode_id: str, lost: bool, twice: bool) -> dict[str, object]:
    if twice and project.newest:
        project.newest = ""
    else:
        project.highest += 2 if lost else 1
        project.newest = episode_id
    return {"episode_id": episode_id, "episode_number": project.highest}


def _event(
    project: _Project, kind: str, operation_id: str, at: str, source: str, fields: dict[str, object] | None = None
) -> bytes:
    project.sequence += 1
    event: dict[str, object] = {
        "event_id": f"ev-{source}-{project.project_id}-{project.sequence}",
        "type": kind,
        "project_id": project.project_id,
        "operation_id": operation_id,
        "occurred_at": at,
    }
    if fields:
        event.update(fields)
    event["source"] = source
    event["sequence"] = project.sequence
    event["schema_version"] = 1
    return _encode(event)
