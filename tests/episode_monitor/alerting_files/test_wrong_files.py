"""Every wrong configuration is refused with line, key, reason and mend; each row of the tables is a whole file."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from episode_monitor.settings.alerting_file import parse_alerting
from episode_monitor.settings.oncall_file import parse_on_call
from episode_monitor.settings.yaml_reading import MOST_BYTES, MOST_FAULTS, FileError
from testbed.properties import examples

HERE = Path(__file__).parent
EXAMPLES = HERE.parents[2] / "examples" / "alerting"
PARSERS: dict[str, Callable[[bytes], object]] = {
    "alerting": lambda data: parse_alerting(data, "file.yaml"),
    "oncall": lambda data: parse_on_call(data, "file.yaml", ["team", "on-call"]),
}
READERS: dict[str, Callable[[bytes, str], object]] = {"alerting": parse_alerting, "oncall": parse_on_call}
SECRET = "s3cr3t-token"


def rows(name: str) -> list[tuple[str, list[str], str]]:
    """Of a table: which file, the sentences after `#! `, the text of the file."""
    found = []
    for block in (HERE / f"wrong_{name}.txt").read_text().split("====\n"):
        lines = block.splitlines(keepends=True)
        expected = [line[3:].rstrip("\n") for line in lines if line.startswith("#! ")]
        found.append((name, expected, "".join(line for line in lines if not line.startswith("#! "))))
    return found


ROWS = [row for name in PARSERS for row in rows(name)]


def faults(name: str, data: bytes) -> list[str]:
    with pytest.raises(FileError) as raised:
        PARSERS[name](data)
    return [str(fault) for fault in raised.value.faults]


@pytest.mark.parametrize(("name", "expected", "text"), ROWS, ids=[f"{row[0]}: {row[1][0][:90]}" for row in ROWS])
def test_a_wrong_file_is_refused_with_line_key_reason_and_mend(name: str, expected: list[str], text: str) -> None:
    assert faults(name, text.encode()) == expected


def test_the_tables_hold_a_hundred_and_more_rows_and_none_twice() -> None:
    assert len({(name, text) for name, _, text in ROWS}) == len(ROWS) >= 100


def test_every_fault_of_a_file_is_reported_at_once_in_the_order_of_its_lines() -> None:
    text = (
        b"route:\n  receiver: nobody\n  repeat_interval: 0\nreceivers:\n  - {name: a, sns_configs: []}\ntracing: {}\n"
    )
    with pytest.raises(FileError) as raised:
        parse_alerting(text, "alerting.yaml")
    assert str(raised.value).splitlines() == [
        "alerting.yaml, line 2: `route.receiver` is `nobody`, but there is no such receiver; write one of a.",
        "alerting.yaml, line 3: `route.repeat_interval` is 0, but must be longer; write a duration such as 5m.",
        "alerting.yaml, line 5: `receivers[0].sns_configs` is not supported; "
        "remove it, and reach that service by `apprise_configs`.",
        "alerting.yaml, line 6: `tracing` is not a known key; remove it, or write one of global, route, receivers, "
        "inhibit_rules, time_intervals, mute_time_intervals, templates.",
    ]


def test_a_file_that_is_not_text_or_too_large_is_refused() -> None:
    assert faults("alerting", b"route:\n  receiver: \xff\n") == ["line 2: It is not UTF-8 text here; save it as UTF-8."]
    assert faults("alerting", b"#" * (MOST_BYTES + 1)) == [
        "It has more than 256 KiB, which is more than is read; make it smaller."
    ]


def test_routes_may_be_twenty_deep() -> None:
    nested = "{receiver: team}"
    for _ in range(20):
        nested = f"{{receiver: team, routes: [{nested}]}}"
    key = "route" + ".routes[0]" * 19
    assert faults("alerting", f"route: {nested}\nreceivers: [{{name: team}}]\n".encode()) == [
        f"line 1: `{key}.routes` is more than 20 routes deep; make the tree flatter."
    ]


def test_a_file_with_very_many_faults_names_the_first_hundred() -> None:
    routes = "".join(f"    - group_wait: {number}\n" for number in range(1, 300))
    text = f"route:\n  receiver: team\n  routes:\n{routes}receivers: [{{name: team}}]\n"
    assert len(faults("alerting", text.encode())) == MOST_FAULTS


@pytest.mark.parametrize(
    "config",
    [
        f"slack_configs: [{{bot_token: {SECRET}, api_url: 'https://hooks.example/{SECRET}'}}]",
        f"slack_configs: [{{api_url: 'hooks.example/{SECRET}'}}]",
        f"webhook_configs: [{{url: '{SECRET}'}}]",
        f"apprise_configs: [{{url: '{SECRET}'}}]",
        f"pagerduty_configs: [{{routing_key: [{SECRET}]}}]",
        f"email_configs: [{{to: a@b.example, auth_password: {SECRET}}}]",
    ],
)
def test_no_sentence_shows_a_secret(config: str) -> None:
    text = f"route: {{receiver: team}}\nreceivers:\n  - name: team\n    {config}\n"
    assert SECRET not in "".join(faults("alerting", text.encode()))


@examples(400)
@given(st.data())
def test_a_damaged_file_is_read_or_refused_and_nothing_else(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(READERS)))
    text = (EXAMPLES / f"{name}.yaml").read_text()
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = min(len(text), start + data.draw(st.integers(0, 40)))
        put = data.draw(
            st.sampled_from(["", "- ", ": ", "[", "}", "&a ", "*a", "<<: ", "'", "null", "\n", "!!int ", "0"])
        )
        text = text[:start] + put + text[end:]
    with suppress(FileError):
        READERS[name](text.encode(), "file.yaml")
