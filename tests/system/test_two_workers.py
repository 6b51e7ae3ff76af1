"""Two workers on Apache Kafka: whichever is asked answers the same, and one can leave without anybody noticing."""

from contextlib import ExitStack

import pytest
from aiokafka import AIOKafkaProducer

from episode_monitor.demo.programs import Program
from examples.load_driver.events import episode_events
from tests.system.running import ask, ready, until, view, worker

pytestmark = pytest.mark.apache

PROJECTS = [f"proj_{number:05d}" for number in range(40)]
OPERATIONS = 4000


async def _feed(broker: str, topic: str, records: list[tuple[bytes, bytes]]) -> None:
    async with AIOKafkaProducer(bootstrap_servers=broker, acks="all", enable_idempotence=True) as producer:
        for key, value in records:
            await producer.send(topic, value, key)
        await producer.flush()


async def test_both_workers_answer_alike_and_one_takes_over_from_the_other(broker: str, topic_prefix: str) -> None:
    records = list(episode_events(7, len(PROJECTS), OPERATIONS, lost_ratio=0.01, twice_ratio=0.005, undo_ratio=0.01))
    half = len(records) // 2
    with ExitStack() as running:
        left, right = worker(broker, topic_prefix), worker(broker, topic_prefix)
        running.enter_context(left)
        until(lambda: ready(left), "ready worker")
        running.enter_context(right)
        await _feed(broker, f"{topic_prefix}events", records[:half])
        until(lambda: _share(left) and _share(right), "worker with a share of the partitions each")
        until(lambda: ready(left) and ready(right) and _agree(left, right), "agreement of both workers on the fleet")
        for project in PROJECTS:
            views = [view(each, f"/integrity/project/{project}") for each in (left, right)]
            assert _facts(views[0]) == _facts(views[1])
        left.stop()
        await _feed(broker, f"{topic_prefix}events", records[half:])
        until(lambda: ready(right) and _partitions(right) == 4, "takeover of all partitions")
        until(lambda: _no_suspects(right), "settled numbers")
        taken_over = _all_facts(right)
    with worker(broker, topic_prefix, MONITOR_ID=f"{topic_prefix}alone") as alone:
        until(lambda: ready(alone) and _partitions(alone) == 4, "ready worker that reads everything anew")
        until(lambda: _no_suspects(alone), "settled numbers")
        assert _all_facts(alone) == taken_over


def test_workers_with_different_settings_say_so_to_each_other(broker: str, topic_prefix: str) -> None:
    with (
        worker(broker, topic_prefix) as left,
        worker(broker, topic_prefix, FAILURE_RATE_THRESHOLD="50", LOG_LEVEL="debug") as right,
    ):
        for each, other in ((left, right), (right, left)):
            word = until(lambda each=each: _settings_word(each), "word about settings")  # type: ignore[misc]
            assert word == (
                f"The worker at {other.url} differs from this one in FAILURE_RATE_THRESHOLD, rules in force: use the "
                f"same settings on all workers and restart them."
            )
        until(lambda: ready(left), "worker that is ready all the same")


def _settings_word(each: Program) -> str:
    _, body = ask(each, "/readyz")
    word = body["parts"]["settings"] if body else "ok"
    return "" if word == "ok" else str(word)


def _no_suspects(each: Program) -> bool:
    """On an idle partition the wall clock settles what was suspect."""
    views = [view(each, f"/integrity/project/{project}") for project in PROJECTS]
    return all(one is not None and not one["suspects"] for one in views)


def _partitions(each: Program) -> int:
    _, body = ask(each, "/readyz")
    return int(body["recovery"]["partitions_live"]) if body else 0


def _share(each: Program) -> bool:
    return 0 < _partitions(each) < 4


def _agree(left: Program, right: Program) -> bool:
    summaries = [view(each, "/integrity/summary") for each in (left, right)]
    rates = [view(each, "/performance/stats?window_minutes=15") for each in (left, right)]
    if None in summaries or None in rates:
        return False
    return _timeless(summaries[0]) == _timeless(summaries[1]) and _timeless(rates[0]) == _timeless(rates[1])


def _timeless(body: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in body.items() if name != "as_of"}


def _facts(body: dict[str, object]) -> dict[str, object]:
    """What does not depend on the moment of asking or on the wall clock of an idle partition."""
    kept = ("total_episodes", "max_number", "gaps", "duplicate_owners", "applied", "resends", "late_events")
    return {name: body[name] for name in kept}


def _all_facts(each: Program) -> list[dict[str, object]] | None:
    views = [view(each, f"/integrity/project/{project}") for project in PROJECTS]
    stats = [view(each, f"/performance/trend?hours=24&project_id={project}") for project in PROJECTS]
    if None in views or None in stats:
        return None
    return [{**_facts(one), "trend": two["points"]} for one, two in zip(views, stats, strict=True)]
