"""What the load driver will do: which projects, how often, and which trouble when. Pure: no clock and no network."""

from dataclasses import dataclass
from enum import Enum
from typing import Any

LOST_NUMBER = "proj_lost_number"
USED_TWICE = "proj_used_twice"
SLOW = "proj_slow"
CONFLICTS = "proj_conflicts"
FAILING = "proj_failing"
REPAIRED = "proj_repaired"
HOT = "proj_hot"
TROUBLED = (LOST_NUMBER, USED_TWICE, SLOW, CONFLICTS, FAILING, REPAIRED)

PROJECTS_MIN = len(TROUBLED) + 2  # the troubled ones, the hot one, and at least one quiet one
TROUBLED_RATE_MIN = 0.5  # creations a second: fewer would take too long to be noticed
TROUBLE_EVERY_SECONDS = 1.0
UNDO_RATIO = 0.02


class Arrivals(Enum):
    """How the creations of a project follow each other."""

    ONE_CALLER = "one caller"  # random gaps, and never two at the same time: no accidental conflicts
    PACED = "paced"  # one every so often, however long the earlier ones still take
    BURSTS = "bursts"  # from its trouble on, several callers at the same moment; one caller before and after


@dataclass(frozen=True)
class ProjectPlan:
    """One project's traffic. After a creation its caller deletes that newest episode again with `undo_ratio`."""

    project_id: str
    rate_per_second: float
    arrivals: Arrivals = Arrivals.ONE_CALLER
    undo_ratio: float = 0.0


@dataclass(frozen=True)
class Injection:
    """One order to the service's `/admin/trouble`, so many seconds after the start."""

    at_seconds: float
    project_id: str
    kind: str
    options: dict[str, Any]

    @property
    def order(self) -> dict[str, Any]:
        """The body of the request."""
        return {"project_id": self.project_id, "kind": self.kind, **self.options}


@dataclass(frozen=True)
class Plan:
    """Everything the driver needs to know. `trouble_ends_at_seconds` None: trouble lasts as long as the traffic."""

    projects: tuple[ProjectPlan, ...]
    injections: tuple[Injection, ...]
    burst_callers: int
    trouble_ends_at_seconds: float | None


def make_plan(
    *,
    projects: int = 40,
    rate_per_second: float = 20.0,
    trouble: bool = True,
    first_trouble_seconds: float = 3.0,
    trouble_every_seconds: float = TROUBLE_EVERY_SECONDS,
    trouble_seconds: float | None = None,
    slow_delay_seconds: float = 5.5,
    failure_probability: float = 0.3,
    burst_callers: int = 6,
) -> Plan:
    """The standard plan. Raises ValueError with a sentence for people when a number makes no sense.

    A tenth of the rate goes to the project of conflicts, 15 % to the hot one, a twentieth to each other troubled one,
    the rest to the quiet ones. Lost and doubled numbers come first: a monitor waits before it believes them.
    """
    if projects < PROJECTS_MIN:
        raise ValueError(f"At least {PROJECTS_MIN} projects are needed, of which {len(TROUBLED)} get into trouble.")
    if rate_per_second <= 0 or burst_callers < 2 or not 0 <= failure_probability <= 1:
        raise ValueError("The rate must be above 0, bursts need 2 callers, and a probability lies between 0 and 1.")
    orders: list[tuple[str, str, dict[str, Any]]] = [
        (LOST_NUMBER, "lose_number", {"times": 1}),
        (USED_TWICE, "use_twice", {"times": 1}),
        (SLOW, "slow", {"delay_seconds": slow_delay_seconds}),
        (CONFLICTS, "hot", {"pause_seconds": 0.01}),
        (FAILING, "fail", {"probability": failure_probability}),
        (REPAIRED, "lose_number", {"times": 1}),
    ]
    injections = [
        Injection(first_trouble_seconds + i * trouble_every_seconds, *order) for i, order in enumerate(orders)
    ]
    last_seconds = injections[-1].at_seconds
    return Plan(
        projects=_projects(projects, rate_per_second),
        injections=tuple(injections) if trouble else (),
        burst_callers=burst_callers,
        trouble_ends_at_seconds=None if trouble_seconds is None else last_seconds + trouble_seconds,
    )


def _projects(count: int, rate: float) -> tuple[ProjectPlan, ...]:
    troubled = [
        ProjectPlan(LOST_NUMBER, max(TROUBLED_RATE_MIN, 0.05 * rate)),
        ProjectPlan(USED_TWICE, max(TROUBLED_RATE_MIN, 0.05 * rate)),
        ProjectPlan(SLOW, min(2.0, max(TROUBLED_RATE_MIN, 0.05 * rate)), Arrivals.PACED),
        ProjectPlan(CONFLICTS, max(TROUBLED_RATE_MIN, 0.1 * rate), Arrivals.BURSTS),
        ProjectPlan(FAILING, max(TROUBLED_RATE_MIN, 0.05 * rate)),
        ProjectPlan(REPAIRED, max(TROUBLED_RATE_MIN, 0.05 * rate)),
    ]
    quiet_count = count - len(troubled) - 1
    hot = ProjectPlan(HOT, 0.15 * rate, undo_ratio=UNDO_RATIO)
    quiet = [
        ProjectPlan(f"proj_{n:03d}", 0.5 * rate / quiet_count, undo_ratio=UNDO_RATIO) for n in range(1, quiet_count + 1)
    ]
    return (*troubled, hot, *quiet)
