"""The two files as a worker reads them at its start, and again at a reload: everything is taken over, or nothing."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from episode_monitor.dispatch.in_force import AlertingInForce
from episode_monitor.dispatch.loading import alerting_in_force
from episode_monitor.settings.settings import SettingsError, load_settings
from streams.routing.chain import Notify, Wait

ALERTING = """
route:
  receiver: db
  routes: [{matchers: [severity="critical"], receiver: pager}]
receivers:
  - name: db
    webhook_configs: [{url: "http://127.0.0.1:9/db", send_resolved: false}]
    slack_configs: [{api_url: "http://127.0.0.1:9/slack"}]
  - name: pager
    webhook_configs: [{url: "http://127.0.0.1:9/pager"}]
  - name: quiet
"""
ON_CALL = """
chains: [{name: all, steps: [{wait: 1m}, {page: team}]}]
schedules:
  - name: team
    time_zone: Asia/Seoul
    receiver: pager
    layers: [{name: week, people: [kim, lee], start: 2026-01-05 09:00, rotation: weekly}]
"""


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient() as client:
        yield client


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def loaded(client: httpx.AsyncClient, **env: str) -> AlertingInForce:
    settings = load_settings({"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9", **env})
    return alerting_in_force(settings, client)


def names(found: AlertingInForce) -> dict[str, list[str]]:
    return {name: [each.sink.name for each in sinks]
            for name, sinks in found.current.destinations.by_receiver.items()}  # fmt: skip


async def test_without_files_the_settings_make_the_team_and_on_call(folder: Path, client: httpx.AsyncClient) -> None:
    found = loaded(client, SLACK_WEBHOOK_URL="http://127.0.0.1:9/s", ESCALATE_AFTER_MINUTES="7")
    assert names(found) == {"team": ["slack"], "on-call": []}
    assert found.config().alerting.version == "built-in"
    assert found.config().on_call.chains[0].steps == (Wait(7 * 60_000), Notify("on-call"))
    assert found.config().empty_receivers == {"on-call"}


async def test_the_files_in_the_working_directory_are_read_without_a_setting(
    folder: Path, client: httpx.AsyncClient
) -> None:
    (folder / "alerting.yaml").write_text(ALERTING)
    (folder / "oncall.yaml").write_text(ON_CALL)
    found = loaded(client)
    assert names(found) == {"db": ["db/slack", "db/webhook"], "pager": ["pager/webhook"], "quiet": []}
    config = found.config()
    assert config.empty_receivers == {"quiet"}
    assert config.stand_ins == ("on-call", "team", "db"), "the root's receiver last"
    assert [each.name for each in config.on_call.schedules] == ["team"]
    ways = found.current.destinations.by_receiver["db"]
    assert {each.sink.name: each.sends_resolved for each in ways} == {"db/slack": True, "db/webhook": False}


async def test_the_files_of_the_settings_come_before_those_in_the_working_directory(
    folder: Path, client: httpx.AsyncClient
) -> None:
    (folder / "alerting.yaml").write_text("wrong")
    other = folder / "other.yaml"
    other.write_text(ALERTING)
    assert "db" in names(loaded(client, ALERTING_FILE=str(other)))


async def test_an_alerting_file_alone_has_the_built_in_chain_only_if_it_has_an_on_call_receiver(
    folder: Path, client: httpx.AsyncClient
) -> None:
    file = folder / "alerting.yaml"
    file.write_text(ALERTING)
    assert loaded(client).config().on_call.chains == ()
    file.write_text(ALERTING + "  - name: on-call\n")
    assert [chain.name for chain in loaded(client).config().on_call.chains] == ["critical"]


async def test_an_on_call_file_alone_may_name_the_receivers_of_the_settings(
    folder: Path, client: httpx.AsyncClient
) -> None:
    (folder / "oncall.yaml").write_text(ON_CALL.replace("receiver: pager", "receiver: on-call"))
    assert loaded(client).config().on_call.schedules[0].receiver == "on-call"
    (folder / "oncall.yaml").write_text(ON_CALL)
    with pytest.raises(SettingsError, match=r"oncall.yaml.*`pager`"):
        loaded(client)


async def test_settings_of_sinks_have_no_effect_beside_a_file_and_that_is_said(
    folder: Path, client: httpx.AsyncClient, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "alerting.yaml").write_text(ALERTING)
    found = loaded(client, SLACK_WEBHOOK_URL="http://127.0.0.1:9/s")
    assert "team" not in names(found)
    assert "SLACK_WEBHOOK_URL" in capsys.readouterr().out


async def test_nothing_is_delivered_where_alert_on_issues_is_off(folder: Path, client: httpx.AsyncClient) -> None:
    (folder / "alerting.yaml").write_text(ALERTING)
    assert names(loaded(client, ALERT_ON_ISSUES="false")) == {"db": [], "pager": [], "quiet": []}


async def test_a_sink_that_cannot_be_made_is_named_with_its_file_and_place(
    folder: Path, client: httpx.AsyncClient
) -> None:
    (folder / "alerting.yaml").write_text(ALERTING.replace('/pager"', '/pager", secret: "whsec_*"'))
    with pytest.raises(SettingsError, match=r"alerting.yaml: receiver pager, webhook_configs 1: after 'whsec_'"):
        loaded(client)


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("alerting.yaml", ALERTING.replace("receiver: pager}", "receiver: pages}"), "alerting.yaml, line 4: "),
        ("alerting.yaml", ALERTING + "templates: [x]\n", "alerting.yaml, line 12: "),
        ("oncall.yaml", ON_CALL.replace("page: team", "page: teem"), "oncall.yaml, line 2: "),
        ("oncall.yaml", ON_CALL.replace("Asia/Seoul", "Asia/Soul"), "oncall.yaml, line 5: "),
        ("oncall.yaml", "", "oncall.yaml"),
    ],
)
async def test_a_reload_with_a_wrong_file_is_refused_with_its_line_and_the_old_one_stays(
    folder: Path, client: httpx.AsyncClient, file: str, text: str, said: str
) -> None:
    (folder / "alerting.yaml").write_text(ALERTING)
    (folder / "oncall.yaml").write_text(ON_CALL)
    found = loaded(client)
    before = found.current
    (folder / file).write_text(text)
    with pytest.raises(SettingsError) as raised:
        found.prepare()
    assert said in str(raised.value)
    assert found.current is before


async def test_a_file_in_force_that_is_gone_is_refused(folder: Path, client: httpx.AsyncClient) -> None:
    (folder / "alerting.yaml").write_text(ALERTING)
    found = loaded(client)
    (folder / "alerting.yaml").unlink()
    with pytest.raises(SettingsError, match="in force, and is gone; put it back"):
        found.prepare()


async def test_a_reload_without_a_change_keeps_the_configuration_and_a_change_makes_another(
    folder: Path, client: httpx.AsyncClient
) -> None:
    (folder / "alerting.yaml").write_text(ALERTING)
    found = loaded(client)
    before = found.current
    found.put(found.prepare())
    assert found.config() is before.config
    assert found.current.destinations is before.destinations
    (folder / "alerting.yaml").write_text(ALERTING.replace("receiver: db\n", "receiver: pager\n"))
    found.put(found.prepare())
    assert found.config().alerting.root.receiver == "pager"
    assert found.config().alerting.version != before.config.alerting.version


async def test_a_secret_that_changed_in_its_own_file_is_a_change(folder: Path, client: httpx.AsyncClient) -> None:
    (folder / "alerting.yaml").write_text(ALERTING.replace('"http://127.0.0.1:9/pager"', '"http://x/", secret_file: s'))
    (folder / "s").write_text("one")
    found = loaded(client)
    before = found.current
    (folder / "s").write_text("two")
    assert found.prepare().destinations is not before.destinations


@pytest.mark.parametrize("name", ["ALERTING_FILE", "ONCALL_FILE"])
def test_a_worker_with_a_wrong_file_ends_with_code_2_and_names_file_line_and_key(tmp_path: Path, name: str) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text("\nsomething: 1\n")
    env = {**os.environ, "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9", name: str(file)}
    done = subprocess.run(
        [sys.executable, "-m", "episode_monitor", "worker"], env=env, cwd=tmp_path, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert f"{file}, line 2: " in done.stderr
    assert "something" in done.stderr


async def test_a_receiver_of_alertmanagers_alone_gets_all_alerts_and_one_with_other_kinds_the_worst(
    folder: Path, client: httpx.AsyncClient
) -> None:
    alertmanager = 'alertmanager_configs: [{url: "http://127.0.0.1:9/am"}]'
    slack = 'slack_configs: [{api_url: "http://127.0.0.1:9/slack"}]'
    text = f"""
route: {{receiver: all}}
receivers:
  - name: all
    {alertmanager}
  - name: mixed
    {alertmanager}
    {slack}
  - name: quiet
"""
    (folder / "alerting.yaml").write_text(text)
    assert loaded(client).config().in_parts == {"all"}
