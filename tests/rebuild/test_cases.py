"""The reasons for a rebuild, each on a real broker with real workers: other rules, another topic, a lost changelog."""

import asyncio

import pytest
from aiokafka.admin import NewTopic

from agents.kafka.access import KafkaAccess
from agents.kafka.topics import connected_admin
from episode_monitor.rebuild import monitors
from streams.alerting.alert_state import AlertState
from tests.agents.support import created, producing, running, send, until
from tests.agents.test_past_alerts import failed
from tests.rebuild.support import Stage, ago, gaps, give_gaps, has_processed, run, succeeds

pytestmark = pytest.mark.broker


def alert_of(stage_desk: object, project: str, rule_id: str) -> AlertState | None:
    for owned in stage_desk.rig.owned.values():  # type: ignore[attr-defined]
        state = owned.partition.look(project)
        if state is not None:
            found: AlertState | None = state.alerts.get(rule_id)
            return found
    return None


async def test_under_other_rules_the_projects_that_differ_are_named_and_the_switch_wants_to_be_told(
    stage: Stage,
) -> None:
    await stage.make_topics()
    to = ("--to", stage.new_id)
    async with producing(stage.broker) as producer:
        old = stage.desk(stage.old_id)
        slow = created("slow", 1, occurred_at=ago(3), duration_seconds=7)
        await send(producer, stage.topics.events, 0, b"slow", slow)
        await send(producer, stage.topics.events, 1, b"quick", created("quick", 1, occurred_at=ago(3)))
        async with running(old.rig):
            await has_processed(old, 2)
    stage.set("PERFORMANCE_THRESHOLD_SECONDS", "20")
    assert (await succeeds("plan", *to))["cases"] == ["rule_change"]
    await succeeds("start", *to)
    compared = await run("compare", *to, "--json")
    assert compared.code == 1
    assert [(one["project_id"], one["what"]) for one in compared.json["differences"]] == [("slow", "rules version")]
    assert compared.json["old_digest"] != compared.json["new_digest"]
    refused = await run("switch", *to, "--execute")
    assert (refused.code, refused.err) == (
        4,
        f"1 of 2 projects differ. `episode-monitor rebuild compare --to {stage.new_id}` names them; if that is "
        "intended, give --accept-differences.",
    )
    assert (await stage.stored(stage.old_id))[0].standby is None
    switched = await succeeds("switch", *to, "--execute", "--accept-differences")
    assert (switched["equal"], switched["differing"]) == (False, 1)
    assert [each.standby for each in (await stage.stored(stage.new_id)).values()] == [None, None]


async def test_into_a_topic_with_more_partitions_alerts_go_along_with_their_projects(stage: Stage) -> None:
    await stage.make_topics()
    to, wide = ("--to", stage.new_id, "--events", f"{stage.old_id}-wide"), f"{stage.old_id}-wide"
    async with connected_admin(KafkaAccess(bootstrap_servers=stage.broker)) as admin:
        await admin.create_topics([NewTopic(wide, 3, 1)])
    async with producing(stage.broker) as producer:
        whole, gappy = created("whole", 1, occurred_at=ago(3)), gaps("gappy")
        for topic, partitions in ((stage.topics.events, (0, 1)), (wide, (2, 0))):
            for value in gappy:
                await send(producer, topic, partitions[0], b"gappy", value)
            await send(producer, topic, partitions[1], b"whole", whole)
        old = stage.desk(stage.old_id)
        async with running(old.rig):
            await has_processed(old, 6)
            await until(lambda: "gappy episode_integrity firing" in old.team.told)
            await until(lambda: old.is_settled and old.rig.is_stored())

        planned = await succeeds("plan", *to)
        assert (planned["cases"], planned["records"]) == (["other_topic", "more_partitions"], 7)
        await succeeds("start", *to)
        compared = await succeeds("compare", *to)
        assert [(each["partition"], each["projects"]) for each in compared["partitions"]] == [(0, 1), (1, 0), (2, 1)]
        assert compared["old_digest"] == compared["new_digest"]
        switched = await succeeds("switch", *to, "--execute")
        assert switched["carried_over"]["alerts"] == 1

        new = stage.desk(stage.new_id, wide)
        async with running(new.rig, partitions=3):
            await until(lambda: not any(owned.is_behind for owned in new.rig.owned.values()))
            alert = alert_of(new, "gappy", "episode_integrity")
            assert alert is not None
            await send(producer, wide, 1, b"new", failed("new", 1, 0))
            await until(lambda: bool(new.told))
            assert new.told == ["new episode_failure_rate firing"]


async def test_a_project_that_the_other_topic_lacks_is_named_whatever_its_partition_was(stage: Stage) -> None:
    await stage.make_topics()
    narrow = f"{stage.old_id}-narrow"
    to = ("--to", stage.new_id, "--events", narrow)
    async with connected_admin(KafkaAccess(bootstrap_servers=stage.broker)) as admin:
        await admin.create_topics([NewTopic(narrow, 1, 1)])
    async with producing(stage.broker) as producer:
        kept = created("kept", 1, occurred_at=ago(3))
        await send(producer, stage.topics.events, 1, b"left", created("left", 1, occurred_at=ago(3)))
        await send(producer, stage.topics.events, 1, b"kept", kept)
        await send(producer, narrow, 0, b"kept", kept)
        old = stage.desk(stage.old_id)
        async with running(old.rig):
            await has_processed(old, 2)
    await succeeds("start", *to)
    compared = await run("compare", *to, "--json")
    assert compared.code == 1
    assert [(one["project_id"], one["what"]) for one in compared.json["differences"]] == [("left", "record missing")]


async def told_and_stopped(stage: Stage) -> None:
    """The old monitor has a project with open gaps and one without, has notified people, and is stopped."""
    await stage.make_topics()
    async with producing(stage.broker) as producer:
        await give_gaps(producer, stage.topics.events, "gaps", 0)
        await send(producer, stage.topics.events, 1, b"whole", created("whole", 1, occurred_at=ago(3)))
        old = stage.desk(stage.old_id)
        async with running(old.rig):
            await has_processed(old, 6)
            await until(lambda: old.told == ["gaps episode_integrity firing"])


async def test_after_the_changelog_was_lost_it_is_said_what_is_gone_and_nobody_is_notified_twice(stage: Stage) -> None:
    await told_and_stopped(stage)
    to = ("--to", stage.new_id)
    await lose(stage, "state-changelog")
    planned = await succeeds("plan", *to)
    assert (planned["cases"], planned["records"]) == (["lost_changelog"], 7)
    assert "waivers and the history of findings are gone" in planned["not_carried_over"][1]
    assert (await succeeds("start", *to))["projects"] == 2
    compared = await succeeds("compare", *to)
    assert compared["notes"] == [
        f"Partition {number} was not compared: {stage.old_id}-state-changelog does not have it." for number in (0, 1)
    ]
    assert (await succeeds("switch", *to, "--execute"))["alerts_to_deliver"] == 1
    old_notes = [each.standby for each in (await stage.stored(stage.old_id)).values()]
    assert [note is not None and note.is_replaced for note in old_notes] == [True, True], "no old worker goes live"
    new = stage.desk(stage.new_id)
    async with producing(stage.broker) as producer, running(new.rig):
        await until(lambda: new.is_settled)
        await send(producer, stage.topics.events, 1, b"new", failed("new", 1, 0))
        await until(lambda: bool(new.told))
        assert new.told == ["new episode_failure_rate firing"], "of the gap, the old one did"


async def test_after_the_dispatchers_state_was_lost_too_what_fires_is_notified_again(stage: Stage) -> None:
    await told_and_stopped(stage)
    to = ("--to", stage.new_id)
    await lose(stage, "state-changelog")
    await lose(stage, "dispatch")
    await succeeds("start", *to)
    await succeeds("switch", *to, "--execute")
    new = stage.desk(stage.new_id)
    async with running(new.rig):
        await until(lambda: bool(new.told))
        assert new.told == ["gaps episode_integrity firing"]


async def lose(stage: Stage, name: str) -> None:
    """Delete one of the old monitor's topics."""
    topic = f"{stage.old_id}-{name}"
    async with connected_admin(KafkaAccess(bootstrap_servers=stage.broker)) as admin:
        await admin.delete_topics([topic])
    await until_gone(stage, topic)


async def until_gone(stage: Stage, topic: str) -> None:
    async with connected_admin(KafkaAccess(bootstrap_servers=stage.broker)) as admin, asyncio.timeout(20):
        while topic in await admin.list_topics():
            pass


async def test_events_that_come_while_the_old_monitor_runs_are_in_the_new_one_after_the_switch(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stage.make_topics()
    to, events = ("--to", stage.new_id), stage.topics.events
    async with producing(stage.broker) as producer:
        old, sent = stage.desk(stage.old_id), 0

        async def keep_sending() -> None:
            nonlocal sent
            while True:
                sent += 1
                await send(producer, events, sent % 2, b"p%d" % (sent % 2), created(f"p{sent % 2}", 1 + sent // 2))

        async with running(old.rig):
            sending = asyncio.create_task(keep_sending())
            await until(lambda: old.rig.outcome("applied") > 20)
            started = await succeeds("start", *to)
            compared = await succeeds("compare", *to)
            assert compared["partitions"][0]["to"] >= started["partitions"]["0"]
            await producer.send_and_wait(f"{stage.old_id}-fleet", b"a summary, as workers send it", key=b"0")
            refused = await run("switch", *to, "--execute")
            assert (refused.code, refused.err.split(":")[0]) == (4, f"Workers of {stage.old_id} run")
            sending.cancel()
            await has_processed(old, sent)
        monkeypatch.setattr(monitors, "RECENT_MS", 0)  # it was stopped, and the embedded broker does not know
        assert (await succeeds("switch", *to, "--execute"))["equal"]
        new = stage.desk(stage.new_id)
        async with running(new.rig):
            await send(producer, events, 0, b"p0", created("p0", 1_000))
            await until(lambda: new.rig.episodes("p0") + new.rig.episodes("p1") == sent + 1)
            assert new.told == []
