"""A destination that is away: how it is asked whether it is back, in which order it then hears, and what is said."""

import asyncio
from collections.abc import Callable

from structlog.testing import capture_logs

from alert_sinks.limits import Limits
from tests.alert_sinks.desk import Desk
from tests.alert_sinks.receiver import Receiver, answers
from tests.alert_sinks.support import alert_of

NewDesk = Callable[..., Desk]
ONE_AT_A_TIME = Limits(concurrency=1)


async def fail_in_turn(desk: Desk, receiver: Receiver, *projects: str) -> None:
    """Each is accepted a second after the one before, and fails once."""
    for project in projects:
        before = len(receiver.requests)
        desk.notify(alert_of(project), project)
        await receiver.got(before + 1)
        desk.time.advance(0.1)


async def test_after_an_outage_the_oldest_is_told_first(new_desk: NewDesk, receiver: Receiver) -> None:
    receiver.default = answers(503)
    desk = new_desk(limits=ONE_AT_A_TIME)
    await fail_in_turn(desk, receiver, "a", "b", "c", "d")
    receiver.default = answers(204, b"")
    asked = len(receiver.requests)
    while len(desk.done) < 4:
        await desk._signal.until(lambda: desk.time.sleepers > 0 or len(desk.done) == 4)
        desk.time.advance(60.0)
    told = receiver.titles[asked:]
    assert sorted(told) == ["a 1", "b 1", "c 1", "d 1"], "each once"
    assert told[1:] == sorted(told[1:]), "one finds out that it is back, then the oldest first"


async def one_waits(desk: Desk, receiver: Receiver) -> None:
    """Until every answer was taken, and one alert alone has a time for its next try."""
    counters = desk.fanout.counters["webhook"]
    async with asyncio.timeout(10):
        while counters["retried"] < len(receiver.requests) or desk.time.sleepers != 1:  # noqa: ASYNC110 - no event says so
            await asyncio.sleep(0)


async def test_in_an_outage_one_at_a_time_asks_whether_it_is_over(new_desk: NewDesk, receiver: Receiver) -> None:
    receiver.default = answers(503)
    desk = new_desk()
    await fail_in_turn(desk, receiver, *"abcdefgh")
    asked = len(receiver.requests)
    for more in range(1, 4):
        await one_waits(desk, receiver)
        desk.time.advance(60.0)
        await receiver.got(asked + more)
    await one_waits(desk, receiver)
    assert len(receiver.requests) == asked + 3
    assert len(set(receiver.titles[asked:])) == 3, "never the same one, for it may be the one that is refused"


async def test_what_is_always_refused_for_now_holds_no_other_back(new_desk: NewDesk, receiver: Receiver) -> None:
    receiver.choose = lambda request: answers(500) if request.json["alert"]["project_id"] == "poison" else None
    desk = new_desk()
    desk.notify(alert_of("poison"), "poison")
    await desk.until_asleep()
    for project in "abc":
        desk.notify(alert_of(project), project)
    await desk.until_done(*"abc")


async def test_what_waits_and_why_is_known(new_desk: NewDesk, receiver: Receiver) -> None:
    receiver.default = answers(503)
    desk = new_desk()
    with capture_logs() as lines:
        desk.notify(alert_of("a"), "a")
        await desk.until_asleep()
    desk.time.advance(0.4)
    assert desk.fanout.waiting == {"webhook": 1}
    assert desk.fanout.oldest_seconds == {"webhook": 0.4}
    assert desk.fanout.troubles == {"webhook": "HTTP 503: ok"}
    (line,) = [line for line in lines if line["event"].startswith("alert not delivered")]
    assert (line["alert_key"], line["status"], line["sink"]) == ("episode_failure_rate:a", "firing", "webhook")

    receiver.default = answers(204, b"")
    desk.time.advance(0.1)
    await desk.until_done("a")
    assert (desk.fanout.oldest_seconds, desk.fanout.troubles) == ({"webhook": 0.0}, {"webhook": ""})
