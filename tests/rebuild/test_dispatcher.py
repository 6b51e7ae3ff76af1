"""A rebuild carries the state of the dispatcher over."""

import pytest

from models.alert import AlertStatus
from streams.dispatch.inputs import Acknowledge, SetSilence
from streams.routing.matcher import Matcher
from tests.agents.dispatch_desk import notifications, owning, put_act, put_alert, told, until_notified
from tests.agents.support import now_ms, producing, until
from tests.rebuild.support import Stage, succeeds
from tests.streams.dispatch.scripts import alert

pytestmark = pytest.mark.broker


async def test_what_the_dispatcher_knows_survives_a_rebuild(stage: Stage) -> None:
    """Acts of people, a notification that was not delivered, a transition that was not read."""
    await stage.make_topics()
    old = stage.config(stage.old_id)
    silence = SetSilence(
        silence_id="s", matchers=(Matcher("project_id", "p2"),), starts_at_ms=0, ends_at_ms=now_ms() + 600_000, by="ann"
    )
    async with producing(stage.broker) as producer:
        async with owning(old) as desk:
            for project in ("p1", "p2"):
                await put_alert(producer, old, alert(project))
            await until_notified(old, 2)
            await put_act(producer, old, Acknowledge(alert_key="rate:p1", by="kim", comment="mine"), "one")
            offset = await put_act(producer, old, silence, "two")
            await until(lambda: desk.has_read(f"{old.topics.acts}/0", offset))
        await put_alert(producer, old, alert("p3"))

        counts = {"alerts": 2, "acknowledgements": 1, "resolved_by_hand": 0, "silences": 1, "overrides": 0,
                  "notifications": 2}  # fmt: skip
        planned = await succeeds("plan", "--to", stage.new_id)
        assert planned["dispatcher"] == counts
        new = stage.config(stage.new_id)
        assert set(new.topics.of_dispatch) <= set(planned["create"])
        await succeeds("start", "--to", stage.new_id)
        switched = await succeeds("switch", "--to", stage.new_id, "--execute")
        assert (switched["dispatcher"], switched["alerts_to_deliver"]) == (counts, 1)

        async with owning(new) as desk:
            await until(lambda: desk.has_read(f"{new.topics.alerts}/0", 3), "p3 as the new monitor's")
            state = desk.owner.state
            assert state is not None
            taken = state.alerts["rate:p1"].record.acknowledgement
            assert taken is not None
            assert (taken.by, taken.comment) == ("kim", "mine")
            assert state.alerts["rate:p2"].silenced_by == {"s"}
            await until_notified(new, 3)
            await put_alert(producer, new, alert("p1", AlertStatus.RESOLVED))
            assert told(await until_notified(new, 4)) == ["team p1", "team p2", "team p3", "team -p1"]
    before = {each.notification_id for each in await notifications(old)}
    assert before < {each.notification_id for each in await notifications(new)}, "their ids are the same"
    listed = await succeeds("delete", stage.new_id)
    assert set(new.topics.of_dispatch) < set(listed["topics"])
