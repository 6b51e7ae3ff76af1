"""Plays are given to a real Alertmanager as time passes, and to the dispatcher's core at the same times."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import httpx

from episode_monitor.alertmanager_api.fingerprints import fingerprint
from episode_monitor.settings.alerting_file import parse_alerting
from models.alert import Alert, AlertStatus, Severity
from models.times import rfc3339
from streams.dispatch.config import DispatchConfig
from streams.dispatch.decide import decide
from streams.dispatch.inputs import AnyInput, ExpireSilence, SetSilence, Tick, Transition
from streams.dispatch.outputs import Notification
from streams.dispatch.state import State
from streams.routing.alerting import OnCall
from streams.routing.labels import labels_of
from streams.routing.matcher import Matcher, MatchOperator
from tests.alertmanager_api.plays import PLAYS, Play
from tests.alertmanager_api.real import Received, posted
from tests.streams.dispatch.scripts import alert

END_SECONDS = 28
_HEAD = """
inhibit_rules:
  - source_matchers: [severity="critical"]
    target_matchers: [severity="warning"]
    equal: [play]
time_intervals:
  - name: always
    time_intervals: [{times: [{start_time: '00:00', end_time: '24:00'}]}]
  - name: never
    time_intervals: [{years: ['1999']}]
route:
  receiver: nobody
  group_wait: 2s
  group_interval: 4s
  repeat_interval: 1h
  routes:
"""


def config_of(url: str) -> str:
    """One route and two receivers a play."""
    routes = "".join(
        f'    - matchers: [play="{name}"]\n      receiver: {name}/team\n'
        f"      {play.route.replace('receiver: ', f'receiver: {name}/')}\n"
        for name, play in PLAYS.items()
    )
    receivers = "".join(
        f"  - name: {name}/{who}\n    webhook_configs: [{{url: '{url}/'}}]\n"
        for name in PLAYS
        for who in ("team", "pager")
    )
    return f"{_HEAD}{routes}receivers:\n  - name: nobody\n{receivers}"


class Message(NamedTuple):
    """What a receiver got, and how many seconds after the beginning. `content` is the rest of what is compared."""

    at: float
    text: str
    content: Mapping[str, Any]


class Stage:
    """One play."""

    def __init__(self, name: str, play: Play, began_ms: int) -> None:
        self.name, self.began_ms = name, began_ms
        self.events = [line.split() for line in play.script.splitlines()]
        self.given: list[tuple[int, AnyInput]] = []
        self.firings: dict[str, Alert] = {}
        self._ids: dict[str, str] = {}

    async def play(self, client: httpx.AsyncClient) -> None:
        """Give it to Alertmanager as time passes."""
        for seconds, name, *words in self.events:
            at_ms = self.began_ms + int(float(seconds) * 1000)
            await asyncio.sleep(at_ms / 1000 - time.time())
            now_ms = time.time_ns() // 1_000_000
            given = self._input(name, words, now_ms)
            self.given.append((now_ms, given))
            await self._send(client, given)

    async def _send(self, client: httpx.AsyncClient, given: AnyInput) -> None:
        match given:
            case Transition():
                answer = await client.post("/alerts", json=[posted(given.alert)])
            case SetSilence():
                answer = await client.post("/silences", json=_posted_silence(given))
                self._ids[given.silence_id] = answer.json()["silenceID"]
            case ExpireSilence():
                answer = await client.delete(f"/silence/{self._ids[given.silence_id]}")
        assert answer.status_code == 200, answer.text

    def _input(self, name: str, words: list[str], now_ms: int) -> AnyInput:
        verb, *rest = words
        options = dict(word.split("=") for word in rest if "=" in word)
        match verb:
            case "silences":
                times = dict(zip(rest[1::2], rest[2::2], strict=True))
                return SetSilence(
                    silence_id=name,
                    matchers=(
                        Matcher("play", self.name), Matcher("project_id", rest[0], MatchOperator.REGEX),
                    ),
                    starts_at_ms=self._at(times["from"]) if "from" in times else now_ms,
                    ends_at_ms=self._at(times["until"]),
                    by="ann",
                )  # fmt: skip
            case "expires":
                return ExpireSilence(silence_id=name)
        return Transition(alert=self._alert(name, verb, rest, now_ms + 1000 * int(options.get("since", 0))))

    def _alert(self, name: str, verb: str, words: list[str], at_ms: int) -> Alert:
        before = self.firings.get(name)
        if verb == "ends":
            assert before is not None
            return _over(before, at_ms)
        if before is None or verb == "anew":
            severity = Severity.CRITICAL if "critical" in words else Severity.WARNING
            number = 1 if before is None else 2
            self.firings[name] = alert(name, AlertStatus.FIRING, severity, number, at_ms, labels={"play": self.name})
        return self.firings[name]

    def _at(self, seconds: str) -> int:
        return self.began_ms + int(float(seconds) * 1000)

    def ours(self, config: DispatchConfig) -> list[Message]:
        """What the core sends at the times at which Alertmanager was given the same."""
        state, sent = State(), list[Notification]()
        for at_ms, given in [*self.given, (self.began_ms + END_SECONDS * 1000, Tick())]:
            sent += decide(config, state, given, at_ms).notifications
        return [_of_ours(one, self.began_ms) for one in sent]

    def theirs(self, received: list[Received]) -> list[Message]:
        """What came of this play."""
        mine = [one for one in received if one.body["receiver"].startswith(f"{self.name}/")]
        return [_of_theirs(one, self.began_ms) for one in mine]


def _over(before: Alert, at_ms: int) -> Alert:
    found = alert(
        before.project_id, AlertStatus.RESOLVED, before.severity, int(before.alert_id[-1]), at_ms, labels=before.labels
    )
    return Alert(
        **{**{name: getattr(found, name) for name in found.__struct_fields__}, "starts_at_ms": before.starts_at_ms}
    )


def _posted_silence(given: SetSilence) -> dict[str, Any]:
    matchers = [
        {"name": one.name, "value": one.value, "isRegex": one.operator is MatchOperator.REGEX} for one in given.matchers
    ]
    times = {"startsAt": rfc3339(given.starts_at_ms), "endsAt": rfc3339(given.ends_at_ms)}
    return {"matchers": matchers, **times, "createdBy": given.by, "comment": ""}


def _of_ours(one: Notification, began_ms: int) -> Message:
    content = {
        "receiver": one.receiver,
        "groupKey": one.group_keys[0].removeprefix(f"{one.receiver}:"),
        "groupLabels": one.group_labels,
        "alerts": sorted((fingerprint(labels_of(each)), each.status.value) for each in one.alerts),
    }
    names = [(each.project_id, each.status is AlertStatus.RESOLVED) for each in one.alerts]
    return Message((one.at_ms - began_ms) / 1000, _text(one.receiver, names), content)


def _of_theirs(one: Received, began_ms: int) -> Message:
    body = one.body
    content = {
        "receiver": body["receiver"],
        "groupKey": body["groupKey"].replace('", ', '",'),  # blanks after commas are left out here
        "groupLabels": body["groupLabels"],
        "alerts": sorted((each["fingerprint"], each["status"]) for each in body["alerts"]),
    }
    names = [(each["labels"]["project_id"], each["status"] == "resolved") for each in body["alerts"]]
    return Message((one.at_ms - began_ms) / 1000, _text(body["receiver"], names), content)


def _text(receiver: str, names: list[tuple[str, bool]]) -> str:
    marked = [f"-{name}" if is_over else name for name, is_over in sorted(names, key=lambda one: (one[1], one[0]))]
    return " ".join([receiver.rpartition("/")[2], *marked])


def wanted(lines: str) -> list[tuple[float, str]]:
    """The lines of a play."""
    return [(float(when), text) for when, _, text in (line.partition(" ") for line in lines.splitlines())]


def dispatch_config(text: str) -> DispatchConfig:
    """The dispatcher's from the same file."""
    return DispatchConfig(alerting=parse_alerting(text.encode(), "alerting.yaml").alerting, on_call=OnCall())
