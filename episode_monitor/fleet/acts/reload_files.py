"""A person has the other workers reload their files. It changes no partition's events, so it is no transaction."""

from collections.abc import Sequence

from episode_monitor.fleet.local_state import LocalState
from episode_monitor.fleet.question import LONG_ANSWER_SECONDS, Question, Scope
from models.reload_views import WorkerFiles


class ReloadFiles(Question[WorkerFiles, list[WorkerFiles]], frozen=True, kw_only=True):
    """What has become of it on each of the others; one that refuses does not keep the rest from it."""

    scope = Scope.OTHERS
    seconds = LONG_ANSWER_SECONDS
    found = WorkerFiles
    by: str

    async def answer(self, here: LocalState) -> WorkerFiles:
        return await here.files.reload_as_asked(self.by)

    def merge(self, parts: Sequence[WorkerFiles], here: LocalState) -> list[WorkerFiles]:
        return list(parts)
