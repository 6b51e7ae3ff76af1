"""A rebuild from its plan to the deletion of the old monitor, on a real broker."""

import pytest

from faults.evidence import read_log
from models.audit_checkpoint import AuditCheckpoint, decode_audit_checkpoint
from tests.agents.support import Rig, created, producing, running, send, until
from tests.agents.test_past_alerts import failed
from tests.rebuild.support import Stage, give_gaps, run, succeeds, waive

pytestmark = pytest.mark.broker


async def test_the_new_monitor_continues_where_the_old_one_stopped_and_notifies_nobody_twice(stage: Stage) -> None:
    await stage.make_topics()
    events, to = stage.topics.events, ("--to", stage.new_id)
    async with producing(stage.broker) as producer:
        for project, partition in (("gappy", 0), ("waived", 1)):
            await give_gaps(producer, events, project, partition)
        await send(producer, events, 1, b"failing", failed("failing", 1, 5))
        old = stage.desk(stage.old_id)
        async with running(old.rig):
            await until(lambda: len(old.told) > 0 and old.is_settled and old.rig.is_stored())
            await waive(old, "waived", 3)
            await until(lambda: old.rig.is_stored() and old.is_settled)

        planned = await succeeds("plan", *to)
        assert (planned["cases"], planned["records"]) == (["same_events_same_rules"], 13)
        own = ("state-changelog", "fleet", "acts", "dispatch", "notifications")
        assert planned["create"] == [f"{stage.new_id}-{name}" for name in own]
        assert (await run("compare", *to)).code == 4, "nothing was built yet"

        started = await succeeds("start", *to)
        assert (started["records"], started["projects"]) == (13, 3)
        compared = await succeeds("compare", *to)
        assert (compared["equal"], compared["projects"], compared["differences"]) == (True, 3, [])
        assert compared["old_digest"] == compared["new_digest"]

        early = stage.desk(stage.new_id)
        async with running(early.rig, partitions=None):
            await until(lambda: all(each.problem for each in early.rig.owned.values()) and len(early.rig.owned) == 2)
            assert early.rig.owned[0].problem.startswith(f"Monitor {stage.new_id} is being rebuilt from {stage.old_id}")

        assert (await succeeds("switch", *to))["executed"] is False
        switched = await succeeds("switch", *to, "--execute")
        assert (switched["equal"], switched["alerts_to_deliver"]) == (True, 0)
        carried = switched["carried_over"]
        assert (carried["alerts"], carried["waivers"]) == (3, 1)

        new = stage.desk(stage.new_id)
        async with running(new.rig):
            await until(lambda: new.is_settled and new.rig.is_stored())
            states = {p: each.partition.look(p) for each in new.rig.owned.values() for p in
                      ("gappy", "waived", "failing") if each.partition.look(p)}  # fmt: skip
            assert {name: list(state.alerts) for name, state in states.items() if state} == {
                "gappy": ["episode_integrity"], "waived": ["episode_integrity"], "failing": ["episode_failure_rate"],
            }  # fmt: skip
            waived = states["waived"]
            assert waived is not None
            assert [(one.first, one.by) for one in waived.numbering.anomalies.waived] == [(3, "lee")]
            assert list(waived.numbering.anomalies.open_gaps) == [(5, 5)]
            assert new.told == [], "all of it was told by the old monitor"
            await send(producer, events, 0, b"new", failed("new", 1, 0))
            await until(lambda: new.team.told == ["new episode_failure_rate firing"])

    late = stage.desk(stage.old_id)
    async with running(late.rig, partitions=None):
        await until(lambda: all(each.problem for each in late.rig.owned.values()) and len(late.rig.owned) == 2)
        assert late.rig.owned[0].problem.startswith(f"Monitor {stage.old_id} was replaced by {stage.new_id} at ")


async def test_the_new_monitor_begins_a_chain_of_audit_checkpoints_of_its_own(stage: Stage) -> None:
    events = stage.topics.events
    async with producing(stage.broker) as producer:
        for monitor_id, numbers in ((stage.old_id, (1, 2, 3)), (stage.new_id, (4,))):
            if monitor_id == stage.new_id:
                await succeeds("start", "--to", stage.new_id)
                await succeeds("switch", "--to", stage.new_id, "--execute")
            rig = Rig(stage.audited(monitor_id))
            async with running(rig):
                for number in numbers:
                    await send(producer, events, 0, b"p", created("p", number))
                    await until(lambda rig=rig, end=number: audited_to(rig) == end)  # type: ignore[misc]
    audit = await read_log(stage.broker, f"{stage.old_id}-audit", 0)
    found = [decode_audit_checkpoint(record.value or b"") for record in audit]
    chains = {each.monitor_id: each for each in reversed(found) if isinstance(each, AuditCheckpoint)}
    first = chains[stage.new_id]
    assert (first.sequence, first.previous, first.offset_from, first.offset_to) == (0, "", 3, 4)
    assert chains[stage.old_id].offset_from == 0


def audited_to(rig: Rig) -> int:
    audit = rig.owned[0].audit
    return 0 if audit is None else audit.chain.audited_to


async def test_only_another_monitor_than_the_one_in_force_is_deleted_and_its_name_is_typed_twice(stage: Stage) -> None:
    await stage.make_topics()
    own = ("state-changelog", "fleet", "fleet-seconds", "acts", "dispatch", "notifications")
    old = [f"{stage.old_id}-{name}" for name in own]
    refused = await run("delete", stage.old_id, "--execute", "--confirm", stage.old_id)
    assert (refused.code, refused.err) == (4, f"{stage.old_id} is the monitor in force (MONITOR_ID), which is never "
                                              "deleted.")  # fmt: skip
    stage.in_force(stage.new_id)
    listed = await succeeds("delete", stage.old_id)
    assert (listed["executed"], listed["topics"]) == (False, old)
    assert listed["standing"] == "in force: no other monitor has replaced it"
    wrong = await run("delete", stage.old_id, "--execute", "--confirm", stage.new_id)
    assert (wrong.code, wrong.err) == (4, f"Nothing was deleted: --confirm must repeat the name, {stage.old_id}.")
    assert (await run("delete", stage.old_id, "--execute")).code == 4
    deleted = await succeeds("delete", stage.old_id, "--execute", "--confirm", stage.old_id)
    assert (deleted["executed"], deleted["topics"]) == (True, old)
    assert (await run("delete", stage.old_id)).code == 4, "it is gone"
