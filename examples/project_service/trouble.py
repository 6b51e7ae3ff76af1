"""Trouble on demand, a project at a time, so that a monitor has something to find.

Each kind leaves in the database what the real fault would leave; nothing is pretended in the events alone.
"""

import random
from dataclasses import asdict, dataclass, replace
from typing import Annotated, Literal

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from ..serving import Problem, require_loopback
from .names import ProjectId

TROUBLED_PROJECTS_MAX = 1000
Count = Annotated[int, Field(ge=1, le=1000)]
Delay = Annotated[float, Field(ge=0, le=60, allow_inf_nan=False)]


class _Order(BaseModel):
    model_config = ConfigDict(extra="forbid")
    project_id: ProjectId


class LoseNumber(_Order):
    """The next number is taken and rolled back, as a database sequence would: no episode ever gets it."""

    kind: Literal["lose_number"]
    times: Count = 1


class UseTwice(_Order):
    """The next creation gets the highest number once more, on the unguarded path of a legacy import."""

    kind: Literal["use_twice"]
    times: Count = 1


class Slow(_Order):
    """Every creation takes this much longer; 0 ends it."""

    kind: Literal["slow"]
    delay_seconds: Delay = 5.5


class Fail(_Order):
    """Every creation fails with this probability, its row rolled back; 0 ends it."""

    kind: Literal["fail"]
    probability: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.5


class Hot(_Order):
    """A pause between looking up the next number and taking it: callers at the same time collide; 0 ends it."""

    kind: Literal["hot"]
    pause_seconds: Delay = 0.02


TroubleOrder = Annotated[LoseNumber | UseTwice | Slow | Fail | Hot, Field(discriminator="kind")]


@dataclass(frozen=True)
class ProjectTrouble:
    """What is wrong with one project at the moment."""

    lose_number: int = 0  # creations still to do so
    use_twice: int = 0
    delay_seconds: float = 0.0
    failure_probability: float = 0.0
    pause_seconds: float = 0.0


NO_TROUBLE = ProjectTrouble()


class Troubles:
    """The troubled projects of this process; a restart forgets them."""

    def __init__(self, seed: int | None = None):
        self._random = random.Random(seed)
        self._projects: dict[str, ProjectTrouble] = {}

    def of(self, project_id: str) -> ProjectTrouble:
        """The project's trouble; all zeros for a healthy one."""
        return self._projects.get(project_id, NO_TROUBLE)

    def order(self, order: TroubleOrder) -> ProjectTrouble:
        """Adds to the counted kinds, sets the lasting ones. Raises Problem 409 when too many projects are troubled."""
        if order.project_id not in self._projects and len(self._projects) >= TROUBLED_PROJECTS_MAX:
            raise Problem(409, "too_many_troubles", f"{TROUBLED_PROJECTS_MAX} projects are troubled: clear some first.")
        now = self.of(order.project_id)
        match order:
            case LoseNumber():
                now = replace(now, lose_number=now.lose_number + order.times)
            case UseTwice():
                now = replace(now, use_twice=now.use_twice + order.times)
            case Slow():
                now = replace(now, delay_seconds=order.delay_seconds)
            case Fail():
                now = replace(now, failure_probability=order.probability)
            case Hot():
                now = replace(now, pause_seconds=order.pause_seconds)
        self._keep(order.project_id, now)
        return now

    def take(self, project_id: str, kind: Literal["lose_number", "use_twice"]) -> bool:
        """Uses up one of a counted kind; False where none is left. A caller that cannot use it gives it back."""
        now = self.of(project_id)
        left = getattr(now, kind)
        if left:
            self._keep(project_id, replace(now, **{kind: left - 1}))
        return bool(left)

    def give_back(self, project_id: str, kind: Literal["lose_number", "use_twice"]) -> None:
        """Undoes one `take`."""
        now = self.of(project_id)
        self._keep(project_id, replace(now, **{kind: getattr(now, kind) + 1}))

    def fails_now(self, project_id: str) -> bool:
        """Draws whether this creation fails."""
        return self._random.random() < self.of(project_id).failure_probability

    def clear(self, project_id: str | None) -> None:
        """Ends the trouble of one project, or of all."""
        if project_id is None:
            self._projects.clear()
        else:
            self._projects.pop(project_id, None)

    def as_dict(self) -> dict[str, dict[str, float]]:
        """The troubled projects, for people."""
        return {project_id: asdict(trouble) for project_id, trouble in sorted(self._projects.items())}

    def _keep(self, project_id: str, trouble: ProjectTrouble) -> None:
        if trouble == NO_TROUBLE:
            self._projects.pop(project_id, None)
        else:
            self._projects[project_id] = trouble


def router(troubles: Troubles) -> APIRouter:
    """`/admin/trouble`, for callers on this machine only."""
    routes = APIRouter(prefix="/admin/trouble", dependencies=[Depends(require_loopback)], tags=["trouble"])

    @routes.get("")
    async def show() -> dict[str, dict[str, float]]:
        """The troubled projects."""
        return troubles.as_dict()

    @routes.post("")
    async def order(order: TroubleOrder) -> dict[str, float]:
        """Adds trouble to a project and answers all it has now."""
        return asdict(troubles.order(order))

    @routes.delete("", status_code=204)
    async def clear(project_id: ProjectId | None = None) -> None:
        """Ends the trouble of one project, or of all."""
        troubles.clear(project_id)

    return routes
