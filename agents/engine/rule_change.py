"""New rules on partitions that are live, with the outcome of a restart: all is stored, then states are read by them."""

from agents.engine.engine import Engine
from agents.engine.ownership import Owned
from agents.time_slices import let_others
from streams.alerting.core import Core


async def put_rules_in_force(engine: Engine, core: Core) -> None:
    """From now on alerts are judged by this core; a partition takes nothing while it changes over.

    `core` differs from the one before in nothing but its rules. A partition that recovers takes it before it goes live.
    """
    async with engine.flusher.lock:  # nothing else is stored meanwhile
        engine.core = core
        for owned in list(engine.owned.values()):
            await _change_over(engine, owned)


async def _change_over(engine: Engine, owned: Owned) -> None:
    async with owned.locked() as change:
        if change is None:
            return
        await engine.emitter.release(change)
        await engine.flusher.store_locked(owned)
        await owned.adopt(engine.core)
        for project_id in list(
            owned.partition.index.alerting
        ):  # those are judged at once, others with their next event
            state = owned.partition.state_to_change(project_id)
            if state is not None:
                owned.partition.touch(state)
            await let_others()
        owned.partition.run_due()
        await engine.emitter.emit(change)
