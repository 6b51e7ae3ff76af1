"""What this worker knows by itself: questions about projects of its own partitions, answered from memory.

Only live partitions are spoken for. Nothing here asks another worker, so no question can go round in circles.
"""

from collections.abc import Callable, Iterator

import msgspec
from aiokafka.errors import KafkaError

from agents.engine.ownership import Owned, PartitionPhase
from agents.fleet.fleet_view import FleetView
from agents.time_slices import in_slices
from episode_monitor.fleet.acts.drift import REFUSALS, DriftKeeper, Tell
from episode_monitor.fleet.errors import Recovering, Unreachable
from episode_monitor.fleet.peer_protocol import (
    Acted,
    ActOutcome,
    ActQuestion,
    FindingQuestion,
    FindingsQuestion,
    FoundFinding,
    MeasuredPart,
    MeasuredQuestion,
    OwnPage,
    PageQuestion,
    PartialAnswer,
    PiecesQuestion,
    ProjectQuestion,
    StatsQuestion,
    TrendQuestion,
    Waived,
    WaiveQuestion,
)
from episode_monitor.fleet.questions.project_list import own_page
from models.alert import Alert
from models.views import FindingList, PerformanceStats, PerformanceTrend, ProjectView
from streams.alerting.core import Core
from streams.partition.drift_alerts import RULE_ID as DRIFT_RULE_ID
from streams.partition.holdings import holdings_of
from streams.project import alert_actions
from streams.project.findings import BeforeWaiving, WaiverRefusal, waive_and_judge
from streams.project.project_state import ProjectState
from streams.rates import performance
from streams.views.finding_views import finding_detail, finding_list, finding_view
from streams.views.joined_views import Piece
from streams.views.project_views import project_view


class OwnPartitions:
    """`tell` sends transitions to the alerts topic; `changed(partition)` is called after an act."""

    def __init__(self, sight: FleetView, tell: Tell, changed: Callable[[int], None]) -> None:
        self.acts_done = 0
        self._sight = sight
        self._tell = tell
        self._changed = changed
        self.drift = DriftKeeper(sight, tell, self._drift_changed)

    def _drift_changed(self, partition: int) -> None:
        self.acts_done += 1
        self._changed(partition)

    def partitions(self) -> list[int]:
        """Those spoken for now."""
        return [owned.number for owned in self._sight.live]

    def has(self, partition: int) -> bool:
        """Whether the partition is spoken for here, now."""
        return partition in self.partitions()

    def _states(self, project_id: str) -> Iterator[tuple[Owned, ProjectState, int]]:
        """Where a project is, usually one place: partition, state, and up to when the state is true."""
        for owned in self._sight.live:
            state = owned.partition.look(project_id)
            if state is not None:
                yield owned, state, max(self._sight.as_of_ms(owned), state.now_ms)

    def _counted(self, project_id: str) -> Iterator[tuple[Owned, ProjectState, int]]:
        """Where a project is counted: of one in several partitions the lowest, so that all workers say the same."""
        for owned, state, at_ms in self._states(project_id):
            if not state.split or state.split[0] == owned.number:
                yield owned, state, at_ms

    def project(self, question: ProjectQuestion) -> PartialAnswer[ProjectView]:
        """One project's numbers; of one in several partitions, what one of them has."""
        found = [project_view(state, owned.number, at_ms) for owned, state, at_ms in self._states(question.project_id)]
        return PartialAnswer(partitions=self.partitions(), found=found[0] if found else None)

    def pieces(self, question: PiecesQuestion) -> PartialAnswer[list[Piece]]:
        """All parts that are here of a project in several partitions."""
        found = []
        for owned, state, at_ms in self._states(question.project_id):
            held = holdings_of(owned.partition, question.project_id)
            split = owned.partition.index.splits.get(question.project_id)
            if held is not None:
                found.append(
                    Piece(
                        view=project_view(state, owned.number, at_ms),
                        numbers=held.numbers,
                        owners=held.owners,
                        explained=held.explained,
                        keyless=list(split.keyless) if split is not None else [],
                    )
                )
        return PartialAnswer(partitions=self.partitions(), found=found)

    def stats(self, question: StatsQuestion) -> PartialAnswer[PerformanceStats]:
        """One project's rates and latencies."""
        for _, state, at_ms in self._counted(question.project_id):
            measured = performance.window_of_now(state.series, question.window_minutes, at_ms)
            today = performance.today(state.days, state.core.calendar, at_ms)
            found = performance.stats(state.project_id, measured, today, question.window_minutes, at_ms)
            return PartialAnswer(partitions=self.partitions(), found=found, is_split=bool(state.split))
        return PartialAnswer(partitions=self.partitions(), found=None)

    def trend(self, question: TrendQuestion) -> PartialAnswer[PerformanceTrend]:
        """One project's trend; a project remembers 25 hours."""
        for _, state, at_ms in self._counted(question.project_id):
            intervals = performance.intervals(state.series, question.hours, at_ms)
            found = performance.trend(state.project_id, intervals, question.hours, at_ms)
            return PartialAnswer(partitions=self.partitions(), found=found, is_split=bool(state.split))
        return PartialAnswer(partitions=self.partitions(), found=None)

    def measured(self, question: MeasuredQuestion) -> PartialAnswer[list[MeasuredPart]]:
        """What happened in the parts that are here of a project in several partitions."""
        found = []
        for _, state, at_ms in self._states(question.project_id):
            if question.hours is not None:
                measured = performance.intervals(state.series, question.hours, at_ms)
            else:
                measured = {0: performance.window_of_now(state.series, question.window_minutes or 0, at_ms)}
            found.append(
                MeasuredPart(
                    at_ms=at_ms, today=f"{performance.today(state.days, state.core.calendar, at_ms):x}",
                    measured={number: (f"{counts:x}", sketch) for number, (counts, sketch) in measured.items()},
                )
            )  # fmt: skip
        return PartialAnswer(partitions=self.partitions(), found=found)

    async def page(self, question: PageQuestion) -> PartialAnswer[OwnPage]:
        """This worker's part of a page. Raises Recovering where a partition went away meanwhile."""
        live = self._sight.live
        page = await in_slices(own_page(live, question, self._sight.as_of_ms))
        if any(owned.phase is not PartitionPhase.LIVE for owned in live):
            raise Recovering
        return PartialAnswer(partitions=[owned.number for owned in live], found=page)

    def findings(self, question: FindingsQuestion) -> PartialAnswer[FindingList]:
        """One project's findings."""
        found = [finding_list(state, at_ms) for _, state, at_ms in self._counted(question.project_id)]
        return PartialAnswer(partitions=self.partitions(), found=found[0] if found else None)

    def finding(self, question: FindingQuestion) -> PartialAnswer[FoundFinding]:
        """One finding of one project, with its history."""
        found = [
            FoundFinding(finding=finding_detail(state, question.finding_id, at_ms))
            for _, state, at_ms in self._counted(question.project_id)
        ]
        return PartialAnswer(partitions=self.partitions(), found=found[0] if found else None)

    # --- acts

    async def waive(self, question: WaiveQuestion) -> PartialAnswer[Waived]:
        """Waive a finding, and answer once it is told and stored."""
        partitions = self.partitions()
        for owned, _, _ in self._counted(question.project_id):
            return PartialAnswer(partitions=partitions, found=await self._waive(owned, question))
        return PartialAnswer(partitions=partitions, found=None)

    async def _waive(self, owned: Owned, question: WaiveQuestion) -> Waived:
        async with owned.turn:
            partition = owned.partition
            state = partition.state_to_change(question.project_id)
            if owned.phase is not PartitionPhase.LIVE or state is None:
                raise Recovering
            at_ms = max(self._sight.as_of_ms(owned), state.now_ms)
            before = BeforeWaiving.of(state)
            done = waive_and_judge(
                partition.core, state, question.finding_id, question.by, question.reason, at_ms, question.until_ms
            )
            if isinstance(done, WaiverRefusal):
                return Waived(refusal=done.value)
            finding, alerts = done
            try:
                await self._tell(alerts)
            except KafkaError as error:
                if finding.waiver is not None:
                    before.restore(state, finding.waiver)
                raise Unreachable(
                    "Kafka did not take what is to be told, so nothing was waived: try again shortly."
                ) from error
            partition.touch(state)
            self.acts_done += 1
        await self._sight.engine.flush()
        if owned.phase is not PartitionPhase.LIVE:
            raise Unreachable("The partition moved to another worker meanwhile: look at the findings, then try again.")
        self._changed(owned.number)
        return Waived(finding=finding_view(finding))

    async def act(self, question: ActQuestion) -> PartialAnswer[Acted]:
        """Do what a person wants, and answer once it is told and stored."""
        if question.rule_id == DRIFT_RULE_ID:
            return await self.drift.act(question)
        partitions = self.partitions()
        for owned, state, _ in self._states(question.project_id):
            if not state.split or question.rule_id in state.alerts:  # each part has alerts of its own
                return PartialAnswer(partitions=partitions, found=await self._act(owned, question))
        return PartialAnswer(partitions=partitions, found=None)

    async def _act(self, owned: Owned, question: ActQuestion) -> Acted:
        async with owned.turn:
            partition = owned.partition
            state = partition.state_to_change(question.project_id)
            if owned.phase is not PartitionPhase.LIVE or state is None:
                raise Recovering
            done = await self._perform_and_tell(partition.core, state, question, self._sight.as_of_ms(owned))
            if isinstance(done, alert_actions.ActionRefusal):
                return Acted(outcome=REFUSALS[done])
            partition.touch(state)
            self.acts_done += 1
        await self._sight.engine.flush()
        if owned.phase is not PartitionPhase.LIVE:
            raise Unreachable("The partition moved to another worker meanwhile: look at the alert, then try again.")
        self._changed(owned.number)
        return Acted(outcome=ActOutcome.DONE, alert=done)

    async def _perform_and_tell(
        self, core: Core, state: ProjectState, question: ActQuestion, at_ms: int
    ) -> Alert | alert_actions.ActionRefusal:
        """Both or neither: what could not be told is taken back."""
        memory = state.alerts.get(question.rule_id)
        before = None if memory is None else msgspec.structs.replace(memory)
        done = alert_actions.perform(core, state, question.rule_id, self._act_of(question, at_ms), at_ms)
        if isinstance(done, alert_actions.ActionRefusal) or before is None:
            return done
        try:
            await self._tell([done])
        except KafkaError as error:
            alert_actions.take_back(core, state, question.rule_id, before)
            raise Unreachable("Kafka did not take the transition, so nothing was done: try again shortly.") from error
        return done

    def _act_of(self, question: ActQuestion, at_ms: int) -> alert_actions.AlertAction:
        """A silence is meant by the wall clock, which event time may be behind."""
        return alert_actions.AlertAction(
            kind=alert_actions.ActKind(question.kind.value),
            by=question.by,
            comment=question.comment,
            silent_until_ms=max(at_ms, self._sight.now_ms()) + (question.minutes or 0) * 60_000,
        )
