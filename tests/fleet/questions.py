"""A question of each kind of the catalogue, filled by its fields' names."""

from typing import Any

import msgspec

from episode_monitor.fleet.question import Question
from models.check_views import JobStatus
from models.reload_views import FileInForce, WorkerFiles
from models.replay_job_views import ReplayJobList

VALUES: dict[str, Any] = {
    "project_id": "p", "finding_id": "f", "alert_key": "integrity:p", "kind": "resolve", "by": "mina", "comment": "",
    "reason": "agreed", "until_ms": 4_000_000_000_000, "window_minutes": 15, "hours": 24, "projects": [],
    "partition": 0, "start": 0, "limit": 10, "numbers": 10, "job_id": "j", "is_all": True, "drifting": [],
    "asked": {"since_ms": 0, "until_ms": 4_000_000_000_000},
}  # fmt: skip


class NoJobs:
    async def own_jobs(self, limit: int, job_id: str | None = None) -> list[JobStatus]:
        return []

    def own_replays(self, limit: int) -> ReplayJobList:
        return ReplayJobList(replays=[], total=0)

    def own_replay(self, job_id: str) -> None:
        return None

    async def cancel_own(self, job_id: str, by: str) -> None:
        return None


class NoFiles:
    def in_force(self) -> list[FileInForce]:
        return []

    async def reload_as_asked(self, by: str) -> WorkerFiles:
        return WorkerFiles(url="", files=[])


def sample_of(kind: type[Question[Any, Any]], **values: Any) -> Question[Any, Any]:
    """A field without a default takes its value from above. Fails with a sentence for a name that is not there."""
    needed = {field.name for field in msgspec.structs.fields(kind) if field.required} | values.keys()
    given = {**VALUES, **values}
    unknown = sorted(needed - given.keys())
    assert not unknown, f"{kind.__name__} has the parameters {unknown}: give each a value in VALUES of {__file__}"
    question: Question[Any, Any] = msgspec.convert({name: given[name] for name in needed}, kind)
    return question
