"""Makes the dispatcher of a worker, and its topics."""

from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from agents.alerts.alert_headers import Ours
from agents.alerts.history_follower import HistoryStore
from agents.config import AgentsConfig, Hooks
from agents.dispatch.act_desk import ActDesk
from agents.dispatch.input_reader import Sources
from agents.dispatch.model_follower import ReadModelFollower
from agents.dispatch.owner import DispatchOwner, OwnerParts
from agents.dispatch.read_model import ReadModel
from agents.dispatch.status import DispatchStatus
from agents.engine.producer import Producer
from agents.kafka.topics import committed_offsets, ensure_dispatch_topics, has_records


class Dispatching:
    """One worker's part in the dispatcher. `caught_up_at_ms` is of `Sources`."""

    def __init__(
        self, config: AgentsConfig, producer: Producer, ours: Ours, now_ms: Callable[[], int],
        caught_up_at_ms: Callable[[int], int | None], stop: Callable[[str], None], handover_seconds: float,
        hooks: Hooks, history: HistoryStore,
    ) -> None:  # fmt: skip
        self._config = config
        self._alerts_partitions = 0
        self.model = ReadModel(config.dispatch, now_ms)  # what every worker knows of all alerts
        self.follower = ReadModelFollower(config.topics.dispatch, config.kafka, self.model, history)
        self.act_desk = ActDesk(config.topics.acts, producer, self.model, now_ms)

        def sources() -> Sources:
            return Sources(
                topics=config.topics, alerts_partitions=self._alerts_partitions, ours=ours, now_ms=now_ms,
                caught_up_at_ms=caught_up_at_ms,
            )  # fmt: skip

        self.owner = DispatchOwner(
            OwnerParts(
                kafka=config.kafka,
                producer=producer,
                config=config.dispatch,
                sources=sources,
                known_to=self._known_to,
                stop=stop,
                handover_seconds=handover_seconds,
                failpoint=hooks.failpoint,
                worker=config.worker_url,
                rules=config.rules,
                history=history,
            )
        )

    def works(self) -> list[Coroutine[Any, Any, None]]:
        """What runs as long as the worker does."""
        return [self.follower.run()]

    @property
    def is_live(self) -> bool:
        """Whether this worker is the owner, and decides."""
        return self.owner.is_live

    def status(self, now_ms: int) -> DispatchStatus:
        """How the dispatcher is, as this worker knows it."""
        owner, model, follower = self.owner, self.model, self.follower
        state = owner.state
        return DispatchStatus(
            owner=model.owner.worker if model.owner else "",
            silent_seconds=(now_ms - model.owner_heard_ms) / 1000 if model.owner else None,
            is_owner=owner.is_assigned,
            is_live=owner.is_live,
            waits_for=owner.problem,
            deadline_ms=owner.dispatcher.deadline_ms if owner.dispatcher else None,
            copy_problem="" if follower.status == "ok" else follower.status,
            is_copied=follower.caught_up.is_set(),
            copy_lag=follower.lag,
            behind_seconds=follower.behind_seconds,
            held=0 if state is None else len(state.held),
            outbox=model.outbox,
            state_bytes=model.size_bytes,
            counts=owner.counts,
        )

    async def prepare(self, alerts_partitions: int) -> None:
        """Create the topics, the notifications with as many partitions as the alerts have. Raises KafkaError, OSError,
        TopicMismatch."""
        self._alerts_partitions, config = alerts_partitions, self._config
        await ensure_dispatch_topics(config.kafka, config.topics, alerts_partitions, config.topic_replication_factor)

    async def has_read(self) -> bool:
        """Whether this monitor has read the alerts topic before: its dispatcher has stored what came of it, or its
        group has committed a position. To be called after `prepare`. Raises KafkaError."""
        config = self._config
        return await has_records(config.kafka, config.topics.dispatch) or bool(await self._known_to())

    async def _known_to(self) -> Mapping[int, int]:
        """What the group has committed: a version without a dispatcher has delivered that."""
        config = self._config
        return await committed_offsets(config.kafka, config.monitor_id, config.topics.alerts, self._alerts_partitions)
