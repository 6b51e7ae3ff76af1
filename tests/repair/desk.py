"""A project service's real database, and repairs on it whose Kafka side is played: what is sent, the stream shows."""

import itertools
from collections import Counter
from collections.abc import Sequence
from typing import Any

import asyncpg
import msgspec

from episode_monitor.fleet.errors import Recovering
from episode_monitor.repair.announcer import NotSent, events_of
from episode_monitor.repair.episodes import Failpoint
from episode_monitor.repair.parts import Parts, RepairSettings
from episode_monitor.repair.plan_state import KeptPlan, Plan, Step
from episode_monitor.repair.repairs import Repairs
from episode_monitor.repair.store import MemoryPlans, PlanStore
from episode_monitor.service_database.episodes_table import EpisodesTable
from episode_monitor.storage.address import Address
from examples.project_service.database import SCHEMA
from models.integrity_views import Applied, ProjectView, SplitView, Suspect

NOW_MS = 1_760_000_000_000
TABLE = EpisodesTable(version_column="version")
AS_OF = "2025-10-09T08:53:20.000Z"


class Stream:
    """Plays topic and fleet: numbers as the events said, and the offset up to which they are applied."""

    def __init__(self) -> None:
        self.numbers: dict[str, dict[str, int]] = {}
        self.sent: list[dict[str, Any]] = []
        self.broker_is_away = False
        self.is_recovering = False
        self.lags = False
        self.split: SplitView | None = None
        self.is_deaf = False  # applies records and learns nothing of them

    async def announce(self, kept: KeptPlan) -> tuple[int, int] | None:
        """See `Announcer`."""
        if self.broker_is_away:
            raise NotSent("Kafka is away.")
        for event in events_of(kept, "repair"):
            self.sent.append(event)
            if not self.is_deaf:
                known = self.numbers.setdefault(kept.plan.project_id, {})
                known[event["episode_id"]] = event["episode_number"]
        return (3, len(self.sent)) if self.sent else None

    async def ask(self, project_id: str) -> ProjectView | None:
        """See `ProjectQuestion`."""
        if self.is_recovering:
            raise Recovering
        if project_id not in self.numbers:
            return None
        seen = view(project_id, list(self.numbers[project_id].values()), 0 if self.lags else len(self.sent))
        return msgspec.structs.replace(seen, split=self.split)


def view(project_id: str, numbers: Sequence[int], offset: int, suspects: Sequence[Suspect] = ()) -> ProjectView:
    """What the fleet answers of these numbers."""
    highest = max(numbers, default=0)
    holders = Counter(numbers)
    held = [0, *sorted(holders)]
    ranges = [(low + 1, high - 1) for low, high in itertools.pairwise(held) if high - low > 1]
    duplicates = sorted(number for number, count in holders.items() if count > 1)
    return ProjectView(
        project_id=project_id,
        is_healthy=not ranges and not duplicates,
        total_episodes=len(numbers),
        max_number=highest,
        gaps=[first for first, _ in ranges],
        gap_ranges=ranges,
        gaps_total=sum(last - first + 1 for first, last in ranges),
        duplicates=duplicates,
        duplicate_owners={},
        suspects=list(suspects),
        health_score=100.0,
        as_of=AS_OF,
        applied=Applied(partition=3, offset=offset),
    )


class Desk:
    """One database with one repairs over it."""

    def __init__(
        self,
        url: str,
        *,
        store: PlanStore | None = None,
        table: EpisodesTable = TABLE,
        failpoint: Failpoint = lambda place: None,
        **settings: Any,
    ) -> None:
        self.url = url
        self.stream = Stream()
        self.now_ms = NOW_MS
        self.audit: list[tuple[str, str, str]] = []
        self.store: PlanStore = store or MemoryPlans()
        self.settings = RepairSettings(**{"is_enabled": True, "verify_seconds": 0.3, **settings})
        self.table = table
        self.repairs = self.another(failpoint=failpoint)

    def another(self, failpoint: Failpoint = lambda place: None, **settings: Any) -> Repairs:
        """As another worker on the same plans and the same database."""
        given = {name: getattr(self.settings, name) for name in RepairSettings.__struct_fields__}
        parts = Parts(
            settings=RepairSettings(**{**given, **settings}),
            store=self.store,
            address=Address.parse(self.url, "DATABASE_URL"),
            table=self.table,
            announcer=self.stream,
            ask_stream=self.stream.ask,
            note=self._note,
            now_ms=lambda: self.now_ms,
            failpoint=failpoint,
        )
        return Repairs(parts)

    def _note(self, plan: Plan, step: Step) -> None:
        self.audit.append((plan.project_id, step.by, step.what))

    async def make_tables(self) -> None:
        """The sample service's own."""
        await self.run(SCHEMA)

    async def run(self, statement: str, *arguments: Any) -> list[Any]:
        """One statement on a connection of its own."""
        connection = await asyncpg.connect(self.url)
        try:
            if not arguments:
                if statement.lstrip()[:6].lower() == "select":
                    return list(await connection.fetch(statement))
                await connection.execute(statement)
                return []
            return list(await connection.fetch(statement, *arguments))
        finally:
            await connection.close()

    async def hold(self, project_id: str, *numbers: int) -> None:
        """Episodes PROJECT_1, PROJECT_2, … with these numbers, known to the stream; a repeated one is legacy."""
        ids = [f"{project_id}_{place}" for place in range(1, len(numbers) + 1)]
        repeated = [numbers.index(number) < place for place, number in enumerate(numbers)]
        await self.run(
            "INSERT INTO episodes (id, project_id, number, legacy_import) "
            "SELECT id, $2, number, legacy FROM unnest($1::text[], $3::int[], $4::bool[]) AS new (id, number, legacy)",
            ids, project_id, list(numbers), repeated,
        )  # fmt: skip
        self.stream.numbers[project_id] = dict(zip(ids, numbers, strict=True))

    async def numbers(self, project_id: str) -> dict[str, int]:
        """Episode to number."""
        found = await self.run("SELECT id, number FROM episodes WHERE project_id = $1 ORDER BY id", project_id)
        return {row["id"]: row["number"] for row in found}
