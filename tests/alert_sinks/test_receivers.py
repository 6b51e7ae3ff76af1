"""Notifications to the receivers of a file, and a reload of it while something waits: nothing is lost or sent twice."""

import asyncio
from collections.abc import Callable, Sequence

import httpx
import msgspec
import pytest
from pydantic import SecretStr

from alert_sinks.kinds.pagerduty import PagerdutyConfig
from alert_sinks.kinds.webhook import WebhookConfig
from alert_sinks.receiver_sinks import build_receivers
from alert_sinks.receivers import Receiver as FileReceiver
from alert_sinks.sink import Destinations
from models.alert import Alert, AlertStatus
from streams.dispatch.outputs import Notification
from streams.dispatch.table import NotifyReason
from tests.alert_sinks.desk import Dead, Desk
from tests.alert_sinks.receiver import Receiver, Request, answers
from tests.alert_sinks.support import Signal, alert_of

NewDesk = Callable[..., Desk]
FIRST, ENDED = NotifyReason.FIRST_NOTIFICATION, NotifyReason.ALL_RESOLVED


def sent(receiver: str, *alerts: Alert, reason: NotifyReason = FIRST) -> Notification:
    resolved = sum(each.status is AlertStatus.RESOLVED for each in alerts)
    return Notification(
        notification_id=f"n_{receiver}_{'_'.join(each.project_id for each in alerts)}_{reason.value}",
        receiver=receiver, reason=reason, group_keys=(receiver,), group_labels={}, alerts=alerts,
        firing=len(alerts) - resolved, resolved=resolved, at_ms=1_760_000_000_000,
    )  # fmt: skip


def over(project: str) -> Alert:
    return msgspec.structs.replace(alert_of(project), status=AlertStatus.RESOLVED, ends_at_ms=1_760_000_060_000)


class File:
    """Receivers whose webhooks are paths of the one server."""

    def __init__(self, client: httpx.AsyncClient, server: Receiver) -> None:
        self._client, self._server = client, server

    def way(self, path: str, *, send_resolved: bool = True) -> WebhookConfig:
        return WebhookConfig(url=SecretStr(f"{self._server.url}/{path}"), send_resolved=send_resolved)

    def of(self, *, stand_ins: tuple[str, ...] = (), **ways: Sequence[str | WebhookConfig]) -> Destinations:
        receivers = [
            FileReceiver(name=name, configs=tuple(self.way(each) if isinstance(each, str) else each for each in found))
            for name, found in ways.items()
        ]
        return Destinations(receivers=build_receivers(receivers, self._client, 10), stand_ins=stand_ins)


@pytest.fixture
def file(client: httpx.AsyncClient, receiver: Receiver) -> File:
    return File(client, receiver)


def got(receiver: Receiver) -> list[tuple[str, str]]:
    """The last part of the path, and the project."""
    return [(each.path.rpartition("/")[2], each.json["alert"]["project_id"]) for each in receiver.requests]


async def test_a_notification_goes_to_every_config_of_its_receiver_and_to_no_other(
    new_desk: NewDesk, file: File, receiver: Receiver
) -> None:
    desk = new_desk(destinations=file.of(db=["one", "two"], web=["three"]))
    desk.fanout.accept(sent("db", alert_of("p1")), 1)
    await desk.until_done(1)
    assert sorted(got(receiver)) == [("one", "p1"), ("two", "p1")]
    ids = {each.headers["webhook-id"] for each in receiver.requests}
    assert len(ids) == 1, "one id for one notification"


async def test_a_dead_sink_delays_no_other_one_of_its_receiver(
    new_desk: NewDesk, file: File, receiver: Receiver
) -> None:
    receiver.choose = lambda request: answers(503) if request.path.endswith("dead") else None
    desk = new_desk(destinations=file.of(db=["dead", "good"]))
    for number in range(3):
        desk.fanout.accept(sent("db", alert_of(f"p{number}")), number)
    await receiver.got(6)
    reached = sorted(pair for pair in got(receiver) if pair[0] == "good")  # different alerts, at once, in any order
    assert reached == [("good", f"p{number}") for number in range(3)]
    assert desk.fanout.waiting["db/webhook"] == 3
    assert desk.done == []


async def test_a_sink_that_is_not_sent_ends_gets_the_firing_alerts_only(
    new_desk: NewDesk, file: File, receiver: Receiver
) -> None:
    desk = new_desk(destinations=file.of(db=[file.way("quiet", send_resolved=False), "all"]))
    mixed = sent("db", alert_of("p1"), alert_of("p2"), over("p3"), reason=NotifyReason.NEW_ALERTS)
    desk.fanout.accept(mixed, 1)
    desk.fanout.accept(sent("db", over("p1"), reason=ENDED), 2)
    desk.fanout.accept(sent("db", alert_of("p2"), over("p4"), reason=NotifyReason.NEW_RESOLVED), 3)
    await desk.until_done(1, 2, 3)
    quiet = [each.json for each in receiver.requests if each.path.endswith("quiet")]
    assert [[one["project_id"] for one in each["alerts"]] for each in quiet] == [["p1", "p2"]]
    assert len([each for each in receiver.requests if each.path.endswith("all")]) == 3


async def test_acts_of_people_go_to_sinks_that_keep_incidents_and_silences_to_the_others(
    new_desk: NewDesk, client: httpx.AsyncClient, file: File, receiver: Receiver
) -> None:
    pager = PagerdutyConfig(routing_key=SecretStr("R" * 32), url=f"{receiver.url}/pager")
    ways = FileReceiver(name="db", configs=(file.way("web"), pager))
    desk = new_desk(destinations=Destinations(receivers=build_receivers([ways], client, 10), stand_ins=()))
    taken = msgspec.structs.replace(alert_of("p1"), acknowledged_by="ann")
    desk.fanout.accept(sent("db", alert_of("p1")), 1)
    desk.fanout.accept(sent("db", taken, reason=NotifyReason.ACKNOWLEDGED), 2)
    desk.fanout.accept(sent("db", taken, alert_of("p2"), reason=NotifyReason.UNACKNOWLEDGED), 3)
    desk.fanout.accept(sent("db", alert_of("p1"), reason=NotifyReason.SILENCE_EXPIRES), 4)
    await desk.until_done(1, 2, 3, 4)
    actions = [each.json["event_action"] for each in receiver.requests if each.path.endswith("pager")]
    assert sorted(actions) == ["acknowledge", "trigger", "trigger"], "of a group all must be taken"
    assert len([each for each in receiver.requests if each.path.endswith("web")]) == 2


async def test_after_a_reload_what_waits_for_an_edited_address_goes_to_the_new_one_at_once(
    new_desk: NewDesk, file: File, receiver: Receiver, signal: Signal
) -> None:
    receiver.choose = lambda request: answers(503) if request.path.endswith("wrong") else None
    desk = new_desk(destinations=file.of(db=["wrong"], web=["web"]))
    desk.fanout.accept(sent("db", alert_of("p1")), 1)
    desk.fanout.accept(sent("db", alert_of("p2")), 2)
    await desk.until_asleep(1)
    desk.fanout.put_in_force(file.of(db=["right"], web=["web"]))
    await desk.until_done(1, 2)
    assert sorted(pair for pair in got(receiver) if pair[0] == "right") == [("right", "p1"), ("right", "p2")]
    assert desk.fanout.waiting == {"db/webhook": 0, "web/webhook": 0}


@pytest.mark.parametrize("status", [400, 410, 503])
async def test_what_an_edited_address_refuses_only_after_the_reload_goes_to_the_new_one_at_once(
    new_desk: NewDesk, file: File, receiver: Receiver, signal: Signal, status: int
) -> None:
    gate, answer = asyncio.Event(), answers(status)

    async def late(request: Request, writer: asyncio.StreamWriter) -> None:
        await gate.wait()
        await answer(request, writer)

    receiver.choose = lambda request: late if request.path.endswith("wrong") else None
    desk = new_desk(destinations=file.of(db=["wrong"]))
    desk.fanout.accept(sent("db", alert_of("p1")), 1)
    await signal.until(lambda: len(receiver.requests) == 1)
    desk.fanout.put_in_force(file.of(db=["right"]))
    gate.set()
    await desk.until_done(1)
    assert got(receiver) == [("wrong", "p1"), ("right", "p1")]
    assert (desk.fanout.switched_off, desk.fanout.waiting) == ([], {"db/webhook": 0})


async def test_an_edited_address_is_tried_although_the_one_before_was_gone(
    new_desk: NewDesk, file: File, receiver: Receiver
) -> None:
    receiver.choose = lambda request: answers(410) if request.path.endswith("gone") else None
    desk = new_desk(destinations=file.of(db=["gone"]))
    desk.fanout.accept(sent("db", alert_of("p1")), 1)
    await desk.until_done(1)
    assert desk.fanout.switched_off == ["db/webhook"]
    desk.fanout.put_in_force(file.of(db=["here"]))
    desk.fanout.accept(sent("db", alert_of("p2")), 2)
    await desk.until_done(1, 2)
    assert desk.fanout.switched_off == []
    assert got(receiver)[-1] == ("here", "p2")


async def test_what_waits_for_a_receiver_that_is_removed_still_goes_there_and_once(
    new_desk: NewDesk, file: File, receiver: Receiver
) -> None:
    receiver.script.append(answers(503))
    desk = new_desk(destinations=file.of(db=["db"], web=["web"]))
    desk.fanout.accept(sent("db", alert_of("p1")), 1)
    await desk.until_asleep(1)
    desk.fanout.put_in_force(file.of(web=["web"]))
    assert desk.fanout.waiting == {"db/webhook (removed)": 1, "web/webhook": 0}
    desk.time.advance(60)
    await desk.until_done(1)
    assert got(receiver) == [("db", "p1"), ("db", "p1")], "the try that failed, and the one that did not"
    assert desk.fanout.waiting == {"web/webhook": 0}


async def test_the_second_of_two_configs_is_not_sent_what_waits_for_the_first_when_that_is_removed(
    new_desk: NewDesk, file: File, receiver: Receiver
) -> None:
    receiver.choose = lambda request: answers(503) if request.path.endswith("one") else None
    desk = new_desk(destinations=file.of(db=["one", "two"]))
    desk.fanout.accept(sent("db", alert_of("p1")), 1)
    await desk.until_asleep(1)
    desk.fanout.put_in_force(file.of(db=["two"]))
    receiver.choose = lambda request: None
    desk.time.advance(60)
    await desk.until_done(1)
    assert sorted(got(receiver)) == [("one", "p1"), ("one", "p1"), ("two", "p1")]


async def test_a_notification_for_a_receiver_that_the_file_lacks_waits_for_a_reload(
    new_desk: NewDesk, file: File, receiver: Receiver
) -> None:
    desk = new_desk(destinations=file.of(web=["web"], stand_ins=("web",)))
    desk.fanout.accept(sent("db", alert_of("p1")), 1)
    await desk.until_asleep(1)
    desk.time.advance(30)
    assert (desk.fanout.waiting["db"], desk.fanout.oldest_seconds["db"], desk.fanout.pending) == (1, 30.0, 1)
    assert "reload" in desk.fanout.troubles["db"]
    desk.fanout.put_in_force(file.of(db=["db"], web=["web"], stand_ins=("web",)))
    await desk.until_done(1)
    assert got(receiver) == [("db", "p1")]
    assert "db" not in desk.fanout.waiting


async def test_after_a_minute_a_stand_in_is_notified_with_a_mark(
    new_desk: NewDesk, file: File, receiver: Receiver
) -> None:
    desk = new_desk(destinations=file.of(web=["web"], stand_ins=("on-call", "web")))
    desk.fanout.accept(sent("db", alert_of("p1")), 1)
    await desk.until_asleep(1)
    desk.time.advance(60)
    await desk.until_done(1)
    assert receiver.titles == ["[db] p1 1"]


async def test_where_no_receiver_can_stand_in_it_becomes_a_dead_letter(new_desk: NewDesk, file: File) -> None:
    desk = new_desk(destinations=file.of(empty=[]))
    desk.fanout.accept(sent("db", alert_of("p1")), 1)
    await desk.until_asleep(1)
    desk.time.advance(60)
    await desk.until_done(1)
    reason = "there is no receiver db, and none that could stand in for it"
    assert desk.dead == [Dead("p1 1", "db/none", reason)]


async def test_a_notification_that_waits_for_its_receiver_is_forgotten_with_its_partition(
    new_desk: NewDesk, file: File, receiver: Receiver
) -> None:
    desk = new_desk(destinations=file.of(web=["web"]))
    desk.fanout.accept(sent("db", alert_of("p1")), 1)
    desk.fanout.forget(lambda token: token == 1)
    desk.fanout.put_in_force(file.of(db=["db"]))
    desk.fanout.accept(sent("db", alert_of("p2")), 2)
    await desk.until_done(2)
    assert got(receiver) == [("db", "p2")]


async def test_receivers_of_the_settings_and_of_a_file_share_no_queue(
    new_desk: NewDesk, file: File, receiver: Receiver
) -> None:
    receiver.script.append(answers(503))
    desk = new_desk()
    desk.fanout.accept(sent("team", alert_of("p1")), 1)
    await desk.until_asleep(1)
    desk.fanout.put_in_force(file.of(team=["team"]))
    desk.fanout.accept(sent("team", alert_of("p2")), 2)
    assert desk.fanout.waiting == {"webhook (removed)": 1, "team/webhook": 1}
    desk.time.advance(60)
    await desk.until_done(1, 2)
    assert [path for path, project in got(receiver) if project == "p2"] == ["team"]
