"""A rebuild that is killed, or that meets another one, or a broker that says no: it continues or refuses, and there is
no moment at which workers of both monitors could go live."""

import asyncio
import os
import signal
import sys
from collections.abc import Iterable

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.records_to_delete import RecordsToDelete
from aiokafka.errors import TopicAuthorizationFailedError

from agents.engine.changelog import PartitionLog
from episode_monitor.rebuild import planning
from episode_monitor.rebuild.building import new_monitor
from episode_monitor.rebuild.monitors import pair_of
from episode_monitor.settings.settings import load_settings
from streams.base import changelog_keys
from testbed.databases import PATIENT
from tests.agents.support import created, producing, running, send, until
from tests.rebuild.support import Stage, ago, give_gaps, has_processed, run, succeeds

pytestmark = pytest.mark.broker


class Killed(BaseException):
    """As by SIGKILL: nothing is written from then on."""


class Kills:
    """Kills the process at the write of a changelog that has this number, from 0."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.at = 10**9
        self.writes = 0
        write = PartitionLog.write

        async def killed(log: PartitionLog, records: Iterable[tuple[bytes, bytes | None]]) -> None:
            self.writes += 1
            if self.writes > self.at:
                raise Killed
            await write(log, records)

        monkeypatch.setattr(PartitionLog, "write", killed)
        monkeypatch.setattr(planning, "RECENT_MS", 0)  # a killed one is not waited for

    async def run(self, at: int, *words: str) -> bool:
        """Whether the command came to its end."""
        self.at, self.writes = at, 0
        try:
            await succeeds(*words)
        except Killed:
            return False
        finally:
            self.at = 10**9
        return True


async def give_an_alert(stage: Stage) -> None:
    await stage.make_topics()
    async with producing(stage.broker) as producer:
        await give_gaps(producer, stage.topics.events, "gappy", 0)
        await send(producer, stage.topics.events, 1, b"whole", created("whole", 1, occurred_at=ago(3)))
        old = stage.desk(stage.old_id)
        async with running(old.rig):
            await has_processed(old, 6)
            await until(lambda: "gappy episode_integrity firing" in old.team.told)
            await until(lambda: old.is_settled and old.rig.is_stored())


async def test_killed_at_any_write_of_build_or_switch_it_continues_and_never_are_both_in_force(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await give_an_alert(stage)
    to, kills, ends = ("--to", stage.new_id), Kills(monkeypatch), []
    commands: tuple[tuple[str, ...], ...] = (("start", *to), ("switch", *to, "--execute"))
    for words in commands:
        at = 0
        while not await kills.run(at, *words):
            at += 1
            old = [each.standby is None for each in (await stage.stored(stage.old_id)).values()]
            built = (await stage.stored(stage.new_id)).values()
            in_force = any(each.values and each.standby is None for each in built)
            assert not (any(old) and in_force), f"{words[0]}, write {at}"
            assert words[0] != "start" or all(old)
        ends.append(at)
    assert min(ends) > 3, "it was killed at all"
    new = stage.desk(stage.new_id)
    async with running(new.rig):
        await until(lambda: new.is_settled)
        states = [owned.partition.look("gappy") for owned in new.rig.owned.values()]
        (alerts,) = [state.alerts for state in states if state is not None]
        assert list(alerts) == ["episode_integrity"]
        assert new.told == []


async def test_a_build_that_got_sigkill_is_continued_by_the_next_one(stage: Stage) -> None:
    await give_an_alert(stage)
    building_ = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "episode_monitor", "rebuild", "start", "--to", stage.new_id, "--json",
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL, env=dict(os.environ),
    )  # fmt: skip
    async with asyncio.timeout(60):
        while not any(each.values for each in (await stage.stored(stage.new_id)).values()):
            pass
    if building_.returncode is None:
        building_.send_signal(signal.SIGKILL)
    await building_.wait()
    refused = await run("start", "--to", stage.new_id)
    while refused.code == 4:  # until the dead one gives no sign of life
        assert refused.err.startswith(f"Another rebuild into {stage.new_id} is at work.")
        await asyncio.sleep(1)
        refused = await run("start", "--to", stage.new_id)
    assert refused.code == 0, refused
    assert (await succeeds("compare", "--to", stage.new_id))["equal"]


async def test_a_build_says_nothing_but_its_sentences(stage: Stage) -> None:
    await give_an_alert(stage)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "episode_monitor", "rebuild", "start", "--to", stage.new_id, "--json",
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE, env=dict(os.environ),
    )  # fmt: skip
    said = (await asyncio.wait_for(process.communicate(), 60))[1].decode().splitlines()
    assert (process.returncode, len(said)) == (0, 2), said
    assert said[1] == f"Next: episode-monitor rebuild compare --to {stage.new_id}"


async def test_a_second_rebuild_at_the_same_time_is_refused(stage: Stage) -> None:
    await give_an_alert(stage)
    await succeeds("start", "--to", stage.new_id)
    async with new_monitor(pair_of(load_settings(), stage.new_id), [0, 1]) as monitor:
        await monitor.claim(0)
        refused = await run("start", "--to", stage.new_id)
        assert (refused.code, refused.err) == (
            4,
            f"Another rebuild into {stage.new_id} is at work. Wait for its end; if it was killed, try again in 15 "
            "seconds.",
        )
    assert (await run("start", "--to", stage.new_id)).code == 0, "the other one has ended"


async def test_a_name_that_a_monitor_has_already_is_refused(stage: Stage) -> None:
    await give_an_alert(stage)
    other = stage.desk(stage.new_id)
    async with running(other.rig):
        await has_processed(other, 6)
        refused = await run("start", "--to", stage.new_id)
    assert (refused.code, refused.err) == (
        4,
        f"Monitor {stage.new_id} exists already, and is no rebuild of {stage.old_id}. Choose another name, or delete "
        f"it with `episode-monitor rebuild delete {stage.new_id}`.",
    )
    assert (await run("start", "--to", stage.old_id)).code == 4
    assert (await run("plan", "--to", "no such/name")).code == 2
    assert (await run("plan", "--to", stage.new_id, "--events", "nowhere")).code == 4


@pytest.mark.apache  # the embedded broker deletes no records
async def test_a_partition_that_would_lack_deleted_events_is_built_only_when_that_is_accepted(stage: Stage) -> None:
    await stage.make_topics()
    async with producing(stage.broker) as producer:
        for number in (1, 2, 3):
            await send(producer, stage.topics.events, 0, b"cut", created("cut", number, occurred_at=ago(5 - number)))
        old = stage.desk(stage.old_id)
        async with running(old.rig):
            await has_processed(old, 3)
    admin = AIOKafkaAdminClient(bootstrap_servers=stage.broker)
    await admin.start()
    try:
        await admin.delete_records({TopicPartition(stage.topics.events, 0): RecordsToDelete(2)})
    finally:
        await admin.close()
    refused = await run("start", "--to", stage.new_id)
    assert (refused.code, refused.err.split(",")[0]) == (
        4, f"The first 2 offsets of {stage.topics.events} (partition 0) were deleted",
    )  # fmt: skip
    assert await stage.stored(stage.new_id) == {}
    await succeeds("start", "--to", stage.new_id, "--accept-loss")
    compared = await run("compare", "--to", stage.new_id, "--json")
    assert (compared.code, compared.json["counts"]) == (1, {"record missing": 1})


async def test_undo_puts_the_old_monitor_back_in_force(stage: Stage) -> None:
    await give_an_alert(stage)
    to = ("--to", stage.new_id)
    await succeeds("start", *to)
    await succeeds("switch", *to, "--execute")
    again = await run("switch", *to, "--execute")
    assert (again.code, again.err.split(";")[0]) == (
        4, f"No rebuild of {stage.old_id} into {stage.new_id} waits to be put in force",
    )  # fmt: skip
    assert (await run("undo", *to)).code == 0
    assert all(each.standby for each in (await stage.stored(stage.old_id)).values()), "nothing without --execute"
    assert (await run("undo", *to, "--execute")).code == 0
    old = stage.desk(stage.old_id)
    async with running(old.rig):
        await until(lambda: old.is_settled)
        assert old.told == []
    new = stage.desk(stage.new_id)
    async with running(new.rig, partitions=None):
        await until(lambda: len(new.rig.owned) == 2 and all(each.problem for each in new.rig.owned.values()))


async def test_without_rights_it_is_refused_and_without_kafka_it_says_so(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stage.make_topics()

    async def no(*_: object) -> None:
        raise TopicAuthorizationFailedError(stage.topics.events)

    with monkeypatch.context() as patch:
        patch.setattr(AIOKafkaAdminClient, "list_topics", no)
        commands: list[tuple[str, ...]] = [("plan", "--to", "b"), ("start", "--to", "b"), ("compare", "--to", "b")]
        for words in (*commands, ("delete", "b", "--execute", "--confirm", "b")):
            refused = await run(*words)
            assert (refused.code, stage.topics.events in refused.err) == (4, True)
    stage.set("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:9")
    for words in (*commands, ("delete", "b")):
        away = await run(*words)
        assert (away.code, away.err.split(";")[0]) == (3, "Kafka does not answer at 127.0.0.1:9")


def test_each_kind_of_stored_value_is_built_or_carried_over_and_the_audits_is_not() -> None:
    from episode_monitor.rebuild.carrying import sections_of

    kinds = {name: value for name, value in vars(changelog_keys).items() if name.isupper() and isinstance(value, bytes)}
    made_live = {"AUDIT", "FLEET"}  # the chain begins anew, and rules on all projects are judged anew
    assert kinds.keys() - made_live == {"HEAD", "CHUNK", "CURSOR", "TOTALS", "DRIFT", "SPLIT"}, (
        "a new kind: say in `carrying.CARRIED_KINDS` whether a rebuild carries it over"
    )
    assert sections_of(
        {b"d": b"drift", b"a": b"chain", b"a1": b"x", b"f": b"x", b"pname": b"x", b"o": b"x", b"h": b"x"}
    ) == {b"d": b"drift"}


async def test_switch_and_delete_leave_rows_in_the_audit(stage: Stage, database_url: str) -> None:
    from episode_monitor.storage.audit import AuditQuery
    from episode_monitor.storage.storage import open_storage

    await give_an_alert(stage)
    stage.set("MONITOR_DATABASE_URL", database_url)
    to = ("--to", stage.new_id)
    await succeeds("start", *to)
    await succeeds("switch", *to, "--execute", "--by", "kim")
    stage.in_force(stage.new_id)
    assert (await run("delete", stage.new_id, "--execute", "--confirm", stage.new_id, "--by", "lee")).code == 4
    await succeeds("delete", stage.old_id, "--execute", "--confirm", stage.old_id, "--by", "lee")
    kept = open_storage(database_url, PATIENT)
    await kept.database.connect()
    try:
        rows = (await kept.audit.list(AuditQuery())).items
    finally:
        await kept.database.close()
    assert [(row.who, row.what, row.target, row.result) for row in rows] == [
        ("lee", "rebuild.delete", stage.old_id, "done"),
        ("lee", "rebuild.delete", stage.new_id, f"{stage.new_id} is the monitor in force (MONITOR_ID), which is never "
                                                "deleted."),
        ("kim", "rebuild.switch", stage.new_id, "done"),
    ]  # fmt: skip
