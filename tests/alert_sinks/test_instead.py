"""A critical alert that could not be delivered goes to the next receiver: on-call, the team, the log."""

from collections.abc import Callable

import httpx
import pytest
from structlog.testing import capture_logs

from alert_sinks.kinds.webhook import WebhookSink
from models.alert import AlertStatus, Severity
from streams.routing.alerting import ON_CALL
from tests.alert_sinks.desk import Desk
from tests.alert_sinks.receiver import Receiver, answers
from tests.alert_sinks.support import alert_of

NewDesk = Callable[..., Desk]
CRITICAL = alert_of("p1", severity=Severity.CRITICAL)
PAGED = alert_of("p1", severity=Severity.CRITICAL, escalation_level=1)


def desk_of(new_desk: NewDesk, client: httpx.AsyncClient, receiver: Receiver, *refusing: str, team: int = 1) -> Desk:
    """On-call has one webhook, the team as many as given; those whose path ends so refuse everything."""
    receiver.choose = lambda request: answers(400) if request.path.rpartition("/")[2] in refusing else None
    names = [f"team{number}" for number in range(team)]
    return new_desk(
        team=[WebhookSink(client, f"{receiver.url}/{name}", name=name) for name in names],
        on_call=[WebhookSink(client, f"{receiver.url}/oncall", name="oncall")],
    )


def went(receiver: Receiver) -> list[tuple[str, str]]:
    return [(each.path.rpartition("/")[2], each.json["alert"]["title"]) for each in receiver.requests]


async def test_what_on_call_cannot_get_goes_to_the_team_and_is_marked(
    new_desk: NewDesk, client: httpx.AsyncClient, receiver: Receiver
) -> None:
    desk = desk_of(new_desk, client, receiver, "oncall")
    with capture_logs() as lines:
        desk.notify(PAGED, "a", ON_CALL)
        await receiver.got(2)
    assert went(receiver) == [("oncall", "p1 1"), ("team0", "[ON-CALL] p1 1")]
    assert [letter.sink for letter in desk.dead] == ["oncall"], "the dead letter is written all the same"
    (line,) = [line for line in lines if line["event"] == "a critical alert could not be delivered to a receiver"]
    assert (line["log_level"], line["receiver"], line["instead"]) == ("error", "on-call", "team")


async def test_where_every_receiver_fails_the_log_has_it(
    new_desk: NewDesk, client: httpx.AsyncClient, receiver: Receiver
) -> None:
    desk = desk_of(new_desk, client, receiver, "oncall", "team0")
    with capture_logs() as lines:
        desk.notify(PAGED, "a", ON_CALL)
        await desk._signal.until(lambda: len(desk.dead) == 2)
        await desk.until_done("a")
    await desk.close()
    instead = [line["instead"] for line in lines if "instead" in line]
    assert instead[0] == "team"
    assert went(receiver) == [("oncall", "p1 1"), ("team0", "[ON-CALL] p1 1")], "nobody is asked twice"


@pytest.mark.parametrize(
    "alert", [alert_of("p1"), alert_of("p1", severity=Severity.CRITICAL, status=AlertStatus.RESOLVED)]
)
async def test_warnings_and_ends_go_nowhere_else(
    new_desk: NewDesk, client: httpx.AsyncClient, receiver: Receiver, alert: object
) -> None:
    desk = desk_of(new_desk, client, receiver, "team0")
    desk.notify(alert, "a")  # type: ignore[arg-type]
    await desk.until_done("a")
    await desk.close()
    assert [path for path, _ in went(receiver)] == ["team0"]


async def test_a_receiver_with_another_sink_that_works_was_notified(
    new_desk: NewDesk, client: httpx.AsyncClient, receiver: Receiver
) -> None:
    desk = desk_of(new_desk, client, receiver, "team0", team=2)
    desk.notify(CRITICAL, "a")
    await desk.until_done("a")
    await desk.close()
    assert sorted(path for path, _ in went(receiver)) == ["team0", "team1"]
