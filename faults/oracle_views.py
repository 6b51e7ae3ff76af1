"""The oracle on views: each shows what the events up to its offset give, and what is stored does not vanish again.

What a worker showed and had not stored may be lost with it, and is shown again later. How long that takes depends on
the machine, so no time is allowed for it: a project may be missing if an owner of its partition began without it.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from agents.engine.changelog import MARKER
from faults.evidence import Answer, Evidence
from faults.oracle_emits import Replays
from faults.oracle_state import Sentences, differences
from faults.replay import Facts, facts_of_view
from models.integrity_views import ProjectView
from streams.base import changelog_keys
from streams.project.step import NO_CLOCK


class _Place(NamedTuple):
    """Where a project is, when its first event was written, and where it was stored first (None: never)."""

    partition: int
    began_ms: int
    stored: int | None


class ShownViews:
    """The answers of one run. `counts`: answers by status."""

    def __init__(self, evidence: Evidence, replays: Replays) -> None:
        self.counts: Counter[str] = Counter()
        self._evidence = evidence
        self._seen = {place: facts for each in replays.values() for place, facts in each.seen.items()}
        self._projects: dict[str, list[_Place]] = defaultdict(list)
        self._claims: dict[int, list[tuple[int, int]]] = {}  # of each partition: place and time of its owners' markers
        for number, each in replays.items():
            written = {kept.offset: kept.timestamp % NO_CLOCK for kept in evidence.events.get(number, [])}
            stored, self._claims[number] = _stored(evidence, number)
            began: dict[str, int] = {}
            for offset, event in each.events:
                began.setdefault(event.project_id, written[offset])
            for project, at_ms in began.items():
                self._projects[project].append(_Place(number, at_ms, stored.get(project)))

    def check(self) -> Sentences:
        """A view is right, or it is 503: nothing in between."""
        fleets: dict[str, list[Answer]] = {}  # by worker
        last: dict[str, Answer] = {}  # project -> when it was last shown
        for answer in self._evidence.answers:
            self.counts[f"answers {answer.status}"] += 1
            who, project = f"Worker {answer.worker}", answer.project
            if answer.status == 404 and project in last and not self._may_be_lost(project, last[project], answer):
                yield f"{who} answered that {project} is unknown after it had been shown."
            elif answer.status not in (0, 200, 404, 503):
                yield f"{who} answered {answer.status} about {project or 'the fleet'}."
            if answer.status == 200 and project:
                last[project] = answer
                yield from self._view_is_right(answer)
            elif answer.status == 200:
                yield from self._fleet_grows(answer, fleets.setdefault(answer.worker, []))

    def _view_is_right(self, answer: Answer) -> Sentences:
        view = msgspec.convert(answer.body, ProjectView)
        offset = view.applied.offset
        expected: Facts | None = self._seen.get((answer.project, offset))
        if expected is None:
            yield f"Worker {answer.worker} showed {answer.project} at offset {offset}, where it has no event."
        else:
            who = f"Worker {answer.worker} at offset {offset}: {answer.project}"
            yield from differences(who, "replay", facts_of_view(view), expected)

    def _fleet_grows(self, answer: Answer, earlier: list[Answer]) -> Sentences:
        """Compares with the earlier answer of the same worker that had most projects, and notes this one."""
        most = max(earlier, key=_count, default=answer)
        before, now = _count(most), _count(answer)
        lost = before - now
        if lost > 0:
            may_be_lost = sum(self._may_be_lost(project, most, answer) for project in self._projects)
            if lost > may_be_lost:
                yield f"Worker {answer.worker} showed {now} projects in all after it had shown {before}."
            else:
                earlier.clear()  # from here on it must not become less than this
        earlier.append(answer)

    def _may_be_lost(self, project: str, shown: Answer, answer: Answer) -> bool:
        """Whether the partition's owner when it was shown, or one that came until the answer, began without it."""
        return any(
            _begins_without(place, claim)
            for place in self._projects.get(project, ())
            if place.began_ms <= shown.at * 1000
            for claim in self._owners(place.partition, shown, answer)
        )

    def _owners(self, partition: int, shown: Answer, answer: Answer) -> Iterator[int]:
        claims = self._claims.get(partition, [])
        before = [place for place, at_ms in claims if at_ms < shown.asked * 1000]
        yield from before[-1:]
        yield from (place for place, at_ms in claims if shown.asked * 1000 <= at_ms <= answer.at * 1000)


def _begins_without(place: _Place, claim: int) -> bool:
    return place.stored is None or claim < place.stored


def _stored(evidence: Evidence, number: int) -> tuple[dict[str, int], list[tuple[int, int]]]:
    """Where each project of a partition was stored first, and the markers of the owners that read it back."""
    stored, claims = dict[str, int](), list[tuple[int, int]]()
    for record in evidence.changelog.get(number, []):
        key = record.key or b""
        if key == MARKER:
            claims.append((record.offset, record.timestamp))
        elif key[:1] == changelog_keys.HEAD and record.value is not None:
            stored.setdefault(changelog_keys.project_of(key), record.offset)
    return stored, claims


def _count(answer: Answer) -> int:
    return int(answer.body["total_projects"])
