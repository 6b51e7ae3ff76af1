"""`replay --against database` as people run it: a real broker and a real table, and each trouble in one sentence."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.agents.support import config_for, created, make_topics, producing
from tests.service_database.making import fill, make_table
from tests.system.test_commands import NOWHERE, ROOT, run

pytestmark = pytest.mark.broker


async def filled(broker: str, prefix: str, folder: Path, url: str) -> dict[str, str]:
    """Two projects of three episodes in the topic and in the table; the table lacks p1's second. The settings."""
    config = config_for(broker, prefix, folder)
    await make_topics(broker, config, 2)
    async with producing(broker) as producer:
        for number in (1, 2, 3):
            for at in (0, 1):
                value = created(f"p{at}", number)
                await producer.send_and_wait(config.topics.events, value, key=b"p%d" % at, partition=at)
    make_table(url)
    episodes = [(f"ep-p{at}-{number}", f"p{at}", number) for at in (0, 1) for number in (1, 2, 3)]
    fill(url, [row for row in episodes if row[0] != "ep-p1-2"])
    return {
        "KAFKA_BOOTSTRAP_SERVERS": broker, "EVENTS_TOPIC": config.topics.events, "DATABASE_URL": url,
        "GAP_SETTLE_SECONDS": "1",
    }  # fmt: skip


async def test_the_table_is_compared_and_what_it_lacks_is_named_by_its_record(
    broker: str, topic_prefix: str, tmp_path: Path, database_url: str
) -> None:
    there = await filled(broker, topic_prefix, tmp_path, database_url)
    found = run("replay", "--against", "database", "--json", **there)
    assert (found.code, found.json["equal"], found.json["counts"]) == (1, False, {"only in topic": 1})
    (one,) = found.json["differences"]
    assert one.pop("explanation").startswith(
        "Number 2 belongs to episode ep-p1-2 in the topic by the record at offset 1"
    )
    assert one == {
        "project_id": "p1", "what": "only in topic", "replayed": "ep-p1-2", "other": None, "partition": 1, "number": 2,
        "episode_id": "ep-p1-2", "offset": 1,
    }  # fmt: skip
    assert found.err == "Some projects differ: they are looked at again in 1 s.\n"
    shown = run("replay", "--against", "database", **there)
    assert (shown.code, "2 projects of 2 partitions compared; differences: only in topic 1." in shown.out) == (1, True)
    fill(database_url, [("ep-p1-2", "p1", 2)])
    equal = run("replay", "--against", "database", **there)
    assert (equal.code, equal.out, equal.err) == (0, "2 projects of 2 partitions compared: all equal.\n", "")

    with_wrong_column = {**there, "EPISODES_NUMBER_COLUMN": "place"}
    without_database = {name: value for name, value in there.items() if name != "DATABASE_URL"}
    for code, sentence, words, settings in [
        (2, "--against database compares with the project service's table: set DATABASE_URL.", (), without_database),
        (2, "DATABASE_URL does not begin with postgresql://", (), {**there, "DATABASE_URL": "mysql://x"}),
        (2, "has no column place", (), with_wrong_column),
        (2, "number", (), {**there, "EPISODES_NUMBER_COLUMN": "id"}),
        (3, "127.0.0.1:1", (), {**there, "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nowhere"}),
        (3, "127.0.0.1:1", (), {**there, "KAFKA_BOOTSTRAP_SERVERS": NOWHERE}),
        (2, "leave out --partition", ("--partition", "1"), there),
        (2, "leave out --from", ("--from", "1"), there),
        (2, "--monitor-url goes with --against live", ("--monitor-url", "http://127.0.0.1:1"), there),
    ]:  # fmt: skip
        ran = run("replay", "--against", "database", *words, **settings)
        assert (ran.code, ran.out, len(ran.err.splitlines())) == (code, "", 1), ran
        assert sentence in ran.err, ran


async def test_ctrl_c_between_the_looks_ends_with_one_sentence(
    broker: str, topic_prefix: str, tmp_path: Path, database_url: str
) -> None:
    there = await filled(broker, topic_prefix, tmp_path, database_url)
    process, said = begun({**there, "GAP_SETTLE_SECONDS": "600"})
    assert said == "Some projects differ: they are looked at again in 600 s.\n"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, "", "episode-monitor: Interrupted; nothing was kept.\n")


def begun(settings: dict[str, str]) -> tuple["subprocess.Popen[str]", str]:
    """The command, when it has said its first line on standard error."""
    process = subprocess.Popen(
        [sys.executable, "-m", "episode_monitor", "replay", "--against", "database", "--json"], cwd=ROOT,
        env={"PATH": os.environ["PATH"], **settings}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    return process, process.stderr.readline()
