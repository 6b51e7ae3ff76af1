"""The examples are read as they are meant, and what a file says of a receiver arrives in its value."""

from datetime import datetime
from functools import partial
from pathlib import Path

import pytest
from pydantic import SecretStr

from alert_sinks.kinds.alertmanager import AlertmanagerConfig
from alert_sinks.kinds.apprise import AppriseConfig
from alert_sinks.kinds.email import EmailConfig
from alert_sinks.kinds.pagerduty import PagerdutyConfig
from alert_sinks.kinds.slack import SlackConfig
from alert_sinks.kinds.webhook import WebhookConfig
from alert_sinks.receivers import Receiver, ReceiverConfig
from episode_monitor.settings.alerting_file import AlertingFile, parse_alerting
from episode_monitor.settings.oncall_file import parse_on_call
from models.times import epoch_ms
from streams.routing.alerting import Alerting, OnCall
from streams.routing.chain import Notify, OnlyIfFiring, Page, Wait, chain_for
from streams.routing.inhibit_rule import InhibitRule
from streams.routing.matcher import Matcher, MatchOperator
from streams.routing.route import Node, built
from streams.routing.schedule import Hours
from streams.routing.shifts import who
from streams.routing.time_interval import TimeInterval, lies_in

EXAMPLES = Path(__file__).parents[3] / "examples" / "alerting"
MINUTE_MS = 60_000


def alerting() -> AlertingFile:
    return parse_alerting((EXAMPLES / "alerting.yaml").read_bytes(), "alerting.yaml")


def on_call() -> OnCall:
    return parse_on_call((EXAMPLES / "oncall.yaml").read_bytes(), "oncall.yaml", alerting().alerting.receivers)


def configs(text: str) -> tuple[ReceiverConfig, ...]:
    file = f"route: {{receiver: team}}\nreceivers:\n  - name: team\n{text}"
    (receiver,) = parse_alerting(file.encode(), "alerting.yaml", {"/run/key": "from-a-file"}.__getitem__).receivers
    return receiver.configs


def test_the_example_of_receivers_says_what_it_means() -> None:
    slack = "https://hooks.slack.com/services/T00000000/B00000000/"
    mail = partial(EmailConfig, smarthost="mail.example:587", sender="episode-monitor@example.com")
    assert alerting().receivers == (
        Receiver(name="nobody"),
        Receiver(name="team", configs=(SlackConfig(api_url=SecretStr(f"{slack}team"), channel="#episodes"),)),
        Receiver(
            name="numbering",
            configs=(
                SlackConfig(api_url=SecretStr(f"{slack}numbering"), channel="#numbering"),
                WebhookConfig(url=SecretStr("https://tickets.example/hooks/episodes"), max_alerts=50),
            ),
        ),
        Receiver(
            name="incidents", configs=(PagerdutyConfig(routing_key=SecretStr("0123456789abcdef0123456789abcdef")),)
        ),
        Receiver(name="on-call", configs=(PagerdutyConfig(routing_key=SecretStr("fedcba9876543210fedcba9876543210")),)),
        Receiver(name="kim", configs=(mail(to="kim@example.com"),)),
        Receiver(name="weekly-mail", configs=(mail(to="episodes@example.com, planning@example.com"),)),
    )


def test_a_small_file_says_exactly_what_it_means() -> None:
    text = """\
route:
  receiver: team
  group_by: ['...']
  group_wait: 0s
  routes:
    - match: {severity: critical}
      match_re: {project_id: drama.*}
      receiver: pager
      continue: true
      group_by: [alertname]
      repeat_interval: 1h
      mute_time_intervals: [nights]
receivers: [{name: team}, {name: pager}]
inhibit_rules:
  - source_matchers: ['{severity="critical", alertname!~"a|b"}']
    target_match: {severity: warning}
    equal: [project_id]
time_intervals:
  - name: nights
    time_intervals: [{times: [{start_time: "22:00", end_time: "24:00"}], weekdays: [sunday], months: [1:3]}]
"""
    found = parse_alerting(text.encode(), "alerting.yaml").alerting
    child = Node(
        receiver="pager",
        group_by=("alertname",),
        repeat_interval_ms=60 * MINUTE_MS,
        matchers=(Matcher("severity", "critical"), Matcher("project_id", "drama.*", MatchOperator.REGEX)),
        continues=True,
        mute_time_intervals=("nights",),
    )
    assert found == Alerting(
        root=built(Node(receiver="team", group_by=("...",), group_wait_ms=0, routes=(child,))),
        receivers=("team", "pager"),
        inhibit_rules=(
            InhibitRule(
                source_matchers=(Matcher("severity", "critical"), Matcher("alertname", "a|b", MatchOperator.NOT_REGEX)),
                target_matchers=(Matcher("severity", "warning"),),
                equal=("project_id",),
            ),
        ),
        time_intervals={"nights": (TimeInterval(times=((1320, 1440),), weekdays=((0, 0),), months=((1, 3),)),)},
        version=found.version,
    )


def test_the_version_of_a_file_is_the_hash_of_its_bytes() -> None:
    text = b"route: {receiver: team}\nreceivers: [{name: team}]\n"
    # sha256sum of the text above.
    assert (
        parse_alerting(text, "alerting.yaml").alerting.version
        == "f8a361543ffed36abf9e2c7d5b0cc641e7787ed79fee0e65e42e2cd81d91e37a"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "    slack_configs: [{bot_token_file: /run/key, channel: '#a', send_resolved: false}]",
            SlackConfig(bot_token=SecretStr("from-a-file"), channel="#a", send_resolved=False),
        ),
        (
            "    webhook_configs: [{url: 'http://h.example/x', secret: abc}]",
            WebhookConfig(url=SecretStr("http://h.example/x"), secret=SecretStr("abc")),
        ),
        (
            "    email_configs: [{to: a@b.example, from: m@b.example, smarthost: '[::1]:25', require_tls: false}]",
            EmailConfig(to="a@b.example", sender="m@b.example", smarthost="[::1]:25", require_tls=False),
        ),
        (
            "    alertmanager_configs: [{url: 'http://am.example:9093', bearer_token: abc}]",
            AlertmanagerConfig(url=SecretStr("http://am.example:9093"), bearer_token=SecretStr("abc")),
        ),
        (
            "    apprise_configs: [{url: 'tgram://TOKEN/CHAT'}]",
            AppriseConfig(url=SecretStr("tgram://TOKEN/CHAT")),
        ),
        (
            "    pagerduty_configs: [{routing_key: abc}]\nglobal: {pagerduty_url: 'https://e.example'}",
            PagerdutyConfig(routing_key=SecretStr("abc"), url="https://e.example"),
        ),
        (
            "    slack_configs: [{bot_token: xoxb-1, channel: a}]\nglobal: {slack_api_url: 'https://h.example'}",
            SlackConfig(bot_token=SecretStr("xoxb-1"), channel="a"),
        ),
    ],
)
def test_a_receiver_has_what_its_file_says(text: str, expected: ReceiverConfig) -> None:
    assert configs(text) == (expected,)


@pytest.mark.parametrize(
    ("utc", "muted"),
    [
        ("2026-11-29T12:59:00", None),  # 21:59 in Seoul
        ("2026-11-29T13:00:00", "nights"),
        ("2026-11-29T21:59:00", "nights"),
        ("2026-11-29T22:00:00", None),
    ],
)
def test_the_nights_of_the_example_are_seouls(utc: str, muted: str | None) -> None:
    at_ms = epoch_ms(datetime.fromisoformat(f"{utc}+00:00"))
    assert lies_in(("nights",), alerting().alerting.time_intervals, at_ms) == muted


def test_the_example_of_chains_says_what_it_means() -> None:
    numbering, critical = on_call().chains
    assert numbering.steps == (Page("primary"), Wait(15 * MINUTE_MS), OnlyIfFiring(), Page("secondary"))
    assert [at_ms // MINUTE_MS for at_ms, _ in critical.due()] == [5, 15, 30, 30, 35, 45, 60, 60, 65, 75, 90, 90]
    assert critical.steps[-1] == Notify("incidents")
    taken = chain_for(on_call().chains, {"severity": "critical", "alert_type": "HIGH_CONFLICT_RATE"})
    assert taken == critical


@pytest.mark.parametrize(
    ("seoul", "person", "source"),
    [
        ("2026-01-05T10:00", "kim", "layer working-hours"),
        ("2026-01-06T10:00", "lee", "layer working-hours"),
        ("2026-01-06T18:00", "park", "layer weeks"),
        ("2026-01-11T12:00", "park", "layer weeks"),
        ("2026-01-12T08:59", "park", "layer weeks"),
        ("2026-01-19T20:00", "jung", "layer weeks"),
    ],
)
def test_the_example_of_a_schedule_says_who_is_on_call(seoul: str, person: str, source: str) -> None:
    schedule = on_call().schedule("primary")
    assert schedule is not None
    found = who(schedule, epoch_ms(datetime.fromisoformat(f"{seoul}+09:00")))
    assert (found.person, found.source) == (person, source)


def test_weekdays_of_a_layer_count_from_monday_and_those_of_a_file_from_sunday() -> None:
    text = """\
schedules:
  - name: a
    time_zone: UTC
    receiver: team
    layers:
      - name: b
        people: [kim]
        start: 2026-01-05 00:00
        rotation: 12h
        hours: [{weekdays: [sunday:monday, friday], start_time: "22:00", end_time: "06:00"}]
"""
    (schedule,) = parse_on_call(text.encode(), "oncall.yaml").schedules
    assert schedule.layers[0].hours == (Hours(weekdays=(0, 4, 6), start_minute=1320, end_minute=360),)
    assert schedule.layers[0].turn_minutes == 720
