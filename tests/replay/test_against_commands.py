"""`replay --against live` as people run it: a real broker, a worker that goes on, is killed, and starts again."""

import asyncio

import pytest
from aiokafka import AIOKafkaProducer

from episode_monitor.demo.programs import Program
from testbed.monitor_settings import monitor_settings
from tests.agents.support import created
from tests.system.running import BASE, post, ready, until, view, worker
from tests.system.test_commands import Ran, run

pytestmark = pytest.mark.broker

PROJECTS = 6


def events(numbers: range) -> list[tuple[bytes, bytes]]:
    """An episode of each number for each project."""
    return [(b"p%d" % at, created(f"p{at}", number)) for number in numbers for at in range(PROJECTS)]


async def sent(broker: str, topic: str, records: list[tuple[bytes, bytes]]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=broker, acks="all")
    await producer.start()
    try:
        for key, value in records:
            await producer.send(topic, value, key=key, partition=int(key[1:]) % 4)
        await producer.flush()
    finally:
        await producer.stop()


def against(broker: str, prefix: str, monitor: Program, *words: str, **settings: str) -> Ran:
    given = {**monitor_settings(broker, prefix), "GAP_SETTLE_SECONDS": "1", **settings}
    return run("replay", "--against", "live", "--monitor-url", monitor.url, "--json", *words, **given)


def applied(monitor: Program, project: str, episodes: int) -> bool:
    found = view(monitor, f"/integrity/project/{project}")
    return found is not None and found["total_episodes"] == episodes


async def test_a_live_monitor_is_equal_while_events_come_and_after_it_was_killed(
    broker: str, topic_prefix: str
) -> None:
    monitor, topic = worker(broker, topic_prefix, GAP_SETTLE_SECONDS="1"), f"{topic_prefix}events"
    with monitor:
        until(lambda: ready(monitor), "ready worker")
        await sent(broker, topic, [*events(range(1, 40)), (b"p0", b"useless"), (b"p1", created("p1", 50))])
        until(lambda: applied(monitor, "p5", 39), "applied events")
        ran = against(broker, topic_prefix, monitor)
        assert (ran.code, ran.json["equal"], ran.json["differences"]) == (0, True, []), ran
        assert ran.json["projects"] == PROJECTS
        hashed = view(monitor, "/integrity/project/p3")["state_hash"]
        assert hashed in run("replay", "--json", "--projects", **monitor_settings(broker, topic_prefix)).out

        until(lambda: view(monitor, "/integrity/project/p1")["gaps_total"], "open gap")
        gap = view(monitor, "/integrity/project/p1/findings")["findings"][0]["finding_id"]
        waived = {"by": "mina", "reason": "agreed", "minutes": 60}
        assert post(monitor, f"{BASE}/integrity/project/p1/findings/{gap}/waive", waived)[0] == 200
        assert against(broker, topic_prefix, monitor).code == 0

        enough = asyncio.Event()
        sending = asyncio.create_task(going_on(broker, topic, enough))  # events come while they are compared
        ran = await asyncio.to_thread(against, broker, topic_prefix, monitor)
        enough.set()
        await sending
        assert (ran.code, ran.json["equal"]) == (0, True), ran
        monitor.kill9()
    with worker(broker, topic_prefix, GAP_SETTLE_SECONDS="1") as again:
        until(lambda: ready(again), "recovered worker")
        ran = against(broker, topic_prefix, again)
        assert (ran.code, ran.json["equal"]) == (0, True), ran


async def going_on(broker: str, topic: str, enough: asyncio.Event) -> None:
    """More episodes, until there are enough."""
    number = 100
    while not enough.is_set():
        await sent(broker, topic, events(range(number, number + 1)))
        number += 1


async def test_a_copy_with_records_removed_altered_and_inserted_is_told_from_the_original(
    broker: str, topic_prefix: str
) -> None:
    copy = f"{topic_prefix}copy"
    original = [(key, value) for key, value in events(range(1, 30))]
    changed = list(original)
    changed[61] = (b"p1", created("p1", 11, episode_id="someone-else"))
    changed.insert(100, (b"p2", created("p2", 900)))
    del changed[50]  # p2, number 9
    assert run("topics", "ensure", EVENTS_PARTITIONS="4", **monitor_settings(broker, topic_prefix)).code == 0
    with worker(broker, topic_prefix, EVENTS_TOPIC=copy) as monitor:
        until(lambda: ready(monitor), "ready worker")
        await sent(broker, f"{topic_prefix}events", original)
        await sent(broker, copy, changed)
        until(lambda: applied(monitor, "p5", 29), "applied events")
        ran = against(broker, topic_prefix, monitor)
        assert ran.code == 1, ran
        numbers = {
            (one["project_id"], one["what"], one["number"], one["replayed"], one["other"])
            for one in ran.json["differences"]
            if "number" in one
        }
        assert numbers == {
            ("p1", "record altered", 11, "ep-p1-11", "someone-else"),
            ("p2", "record skipped", 9, "ep-p2-9", None),
            ("p2", "record missing", 900, None, "ep-p2-900"),
        }
        assert "The live monitor reads the topic" in ran.err
        shown = run(
            "replay", "--against", "live", "--monitor-url", monitor.url, **monitor_settings(broker, topic_prefix)
        )
        assert (shown.code, "differences: record altered" in shown.out) == (1, True), shown


async def test_a_comparison_and_the_audit_name_the_same_records_of_a_copy(broker: str, topic_prefix: str) -> None:
    """The worker has read the original; the copy has a record removed, one altered, one inserted, two exchanged."""
    copy = f"{topic_prefix}copy"
    audit = {"AUDIT_TOPIC": f"{topic_prefix}audit", "AUDIT_CHECKPOINT_SECONDS": "1"}
    settings = monitor_settings(broker, topic_prefix) | audit
    original = events(range(1, 30))
    parts = {number: [one for one in original if int(one[0][1:]) % 4 == number] for number in range(4)}
    changed = {number: list(records) for number, records in parts.items()}
    del changed[0][16]  # p0, number 9; after each of p0's comes one of p4's
    changed[3][20] = (b"p3", created("p3", 21, episode_id="someone-else"))
    changed[1][56], changed[1][57] = parts[1][57], parts[1][56]  # p1 and p5, number 29
    changed[3][4], changed[3][5] = parts[3][5], parts[3][4]  # in the middle: the states are the same in the end
    changed[2].insert(12, (b"p2", created("p2", 900)))
    assert run("topics", "ensure", EVENTS_PARTITIONS="4", **settings | {"EVENTS_TOPIC": copy}).code == 0

    with worker(broker, topic_prefix, **audit) as monitor:
        until(lambda: ready(monitor), "ready worker")
        await sent(broker, settings["EVENTS_TOPIC"], original)
        for records in changed.values():
            await sent(broker, copy, records)

        def checked() -> bool:
            partitions = run("audit", "verify", "--json", **settings).json["partitions"]
            return bool(sum(one["records"] for one in partitions) == len(original))

        until(checked, "checkpoints of all records")
        verified = run("audit", "verify", "--topic", copy, "--json", **settings).json["records"]
        compared = run("replay", "--against", "live", "--monitor-url", monitor.url, "--json",
                       **settings | {"EVENTS_TOPIC": copy}).json["differences"]  # fmt: skip
    moved_or_changed = {(one["partition"], one["offset"], one["what"]) for one in verified}
    assert moved_or_changed - {(1, 56, "moved")} == {  # at the end one of two explains it all
        (0, 16, "removed"), (3, 20, "altered"), (1, 57, "moved"), (2, 12, "inserted"), (3, 4, "moved"), (3, 5, "moved"),
    }  # fmt: skip
    named = {
        (one["partition"], one.get("offset"), one["what"], one.get("number"))
        for one in compared
        if "number" in one or one["what"] == "record moved"
    }
    assert named == {
        (0, None, "record missing", 9),  # which has no offset in the copy
        (0, 56, "record moved", None),  # p4's last, behind it
        (3, 20, "record altered", 21), (1, 57, "record moved", None), (1, 56, "record moved", None),
        (2, 12, "record skipped", 900),
    }  # fmt: skip


async def test_each_trouble_is_one_sentence_and_an_exit_code(broker: str, topic_prefix: str) -> None:
    with worker(broker, topic_prefix) as monitor:
        until(lambda: ready(monitor), "ready worker")
        await sent(broker, f"{topic_prefix}events", events(range(1, 3)))
        troubles: list[tuple[int, str, list[str], dict[str, str]]] = [
            (3, "No worker answers at http://127.0.0.1:1 ", ["--monitor-url", "http://127.0.0.1:1"], {}),
            (2, "belongs to the monitor ", [], {"MONITOR_ID": "other"}),
            (2, "leave out --from", ["--from", "3"], {}),
            (2, "leave out --processes", ["--processes", "2"], {}),
            (2, "There is no topic nowhere", [], {"EVENTS_TOPIC": "nowhere"}),
            (2, "no partition 9", ["--partition", "9"], {}),
            (3, "127.0.0.1:1", [], {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}),
        ]  # fmt: skip
        for code, sentence, words, settings in troubles:
            ran = against(broker, topic_prefix, monitor, *words, **settings)
            assert (ran.code, ran.out, len(ran.err.splitlines())) == (code, "", 1), ran
            assert sentence in ran.err
    ran = run("replay", "--monitor-url", "http://127.0.0.1:1")
    assert (ran.code, "--monitor-url goes with --against live" in ran.err) == (2, True)
