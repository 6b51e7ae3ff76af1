"""The stack of docker-compose.yml is one that Compose takes, names only files and settings that exist, and holds no
secret."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from agents.fleet_topic.reader import STALE_MS
from episode_monitor.settings.settings import load_settings, settings_table
from examples.project_service.settings import Settings as ServiceSettings
from testbed.apache_kafka import KAFKA_VERSION
from tests.deploy_shapes import faults_of_compose

ROOT = Path(__file__).resolve().parents[1]
DOCKER_COMPOSE = (ROOT / "docker-compose.yml").read_text()
COMPOSE = yaml.safe_load(DOCKER_COMPOSE)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
MONITORS = ("monitor-1", "monitor-2")
SETTING_NAMES = {row.name for row in settings_table()}
SERVICE_NAMES = {str(field.validation_alias) for field in ServiceSettings.model_fields.values()}
INTERPOLATION = re.compile(r"\$\{(\w+)(?:(:?[-?])([^${}]*))?\}")  # one with no other in it


def interpolations(text: str) -> list[tuple[str, str, str]]:
    """(name, how, default or message), also of those within others, whose place in a default is empty."""
    found: list[tuple[str, str, str]] = []
    while INTERPOLATION.search(text):
        found += INTERPOLATION.findall(text)
        text = INTERPOLATION.sub("", text)
    return found


@pytest.mark.parametrize("monitor", MONITORS)
def test_a_monitor_of_the_stack_gets_every_setting_and_nothing_that_is_none(monitor: str) -> None:
    assert SERVICES[monitor]["environment"].keys() == SETTING_NAMES


@pytest.mark.parametrize("monitor", MONITORS)
def test_what_the_stack_sets_for_a_monitor_is_valid(monitor: str) -> None:
    load_settings(resolved(SERVICES[monitor]["environment"]))


def test_the_monitors_differ_in_address_port_and_volume_alone() -> None:
    first, second = (SERVICES[name] for name in MONITORS)
    settings = load_settings(resolved(first["environment"])), load_settings(resolved(second["environment"]))
    assert [each.worker_url for each in settings] == ["http://monitor-1:8002", "http://monitor-2:8002"]
    assert [each["ports"] for each in (first, second)] == [
        ["${PUBLISH_ADDRESS:-127.0.0.1}:${MONITOR_1_PORT:-8002}:8002"],
        ["${PUBLISH_ADDRESS:-127.0.0.1}:${MONITOR_2_PORT:-8012}:8002"],
    ]
    own = {"environment", "ports", "volumes"}
    assert {name: part for name, part in first.items() if name not in own} == {
        name: part for name, part in second.items() if name not in own
    }
    assert {**first["environment"], "WORKER_URL": ""} == {**second["environment"], "WORKER_URL": ""}


def test_the_sample_service_gets_only_settings_that_exist() -> None:
    environment = SERVICES["project-service"]["environment"]
    assert environment.keys() <= SERVICE_NAMES
    for name, field in ServiceSettings.model_fields.items():
        assert not field.is_required() or field.validation_alias in environment, name


def test_service_and_monitor_share_topic_broker_and_database() -> None:
    service = resolved(SERVICES["project-service"]["environment"])
    monitor = load_settings(resolved(SERVICES["monitor-1"]["environment"]))
    assert service["EVENTS_TOPIC"] == monitor.events_topic
    assert service["EVENTS_PARTITIONS"] == str(monitor.events_partitions)
    assert service["KAFKA_BOOTSTRAP_SERVERS"] == monitor.kafka_bootstrap_servers
    assert monitor.database_url is not None
    assert service["DATABASE_URL"] == monitor.database_url.get_secret_value()


def resolved(environment: dict[str, str | None], **given: str) -> dict[str, str]:
    """As Docker Compose hands it on in an empty shell, with a password and a token alone."""
    known = {"POSTGRES_PASSWORD": "abc123", "API_TOKENS": "operator:abc123", **given}

    def replace(found: re.Match[str]) -> str:
        name, how, default = found.groups()
        if how == "-":
            return known.get(name, default)
        return known.get(name) or (default if how == ":-" else "")

    def whole(text: str) -> str:
        while INTERPOLATION.search(text):
            text = INTERPOLATION.sub(replace, text)
        return text

    return {name: whole(str(value)) for name, value in environment.items() if value is not None}


def test_no_secret_stands_in_a_file_and_none_has_a_default() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    secrets = {row.name for row in settings_table() if row.is_secret}
    for name, how, default in interpolations(text):
        if (name in secrets and not name.endswith("DATABASE_URL")) or "PASSWORD" in name:
            assert how not in ("-", ":-") or not default, f"{name} has the default {default!r}"
    for monitor in MONITORS:
        for name in secrets:
            value = SERVICES[monitor]["environment"][name]
            assert value is None or "${POSTGRES_PASSWORD" in value or value.startswith("${"), f"{name} is written out"
    assert not re.search(r"(?i)(password|secret|token)=[^\s$#]", (ROOT / ".env.example").read_text())


def test_the_stack_does_not_start_without_a_token_for_operators_and_the_documents_make_one() -> None:
    assert resolved(SERVICES["monitor-1"]["environment"])["API_TOKENS"] == "operator:abc123"
    needed = {name: message for name, how, message in interpolations(DOCKER_COMPOSE) if how == ":?"}
    assert needed.keys() == {"POSTGRES_PASSWORD", "API_TOKENS"}
    assert "operator:" in needed["API_TOKENS"]
    line = next(line for line in (ROOT / "README.md").read_text().splitlines() if line.startswith("printf 'POSTGRES_"))
    made = subprocess.run(
        ["sh", "-c", line.removesuffix(" >> .env")], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    given = dict(pair.split("=", 1) for pair in made)
    assert given.keys() == needed.keys()
    assert re.fullmatch(r"[0-9a-f]{32}", given["POSTGRES_PASSWORD"])
    tokens = load_settings(resolved(SERVICES["monitor-1"]["environment"], **given)).api_tokens
    assert tokens is not None
    assert re.fullmatch(r"operator:[0-9a-f]{48}", tokens.get_secret_value())
    for document in ("README.ko.md", "docker-compose.yml"):
        assert line in (ROOT / document).read_text(), document


def test_everything_that_is_waited_for_has_a_health_check() -> None:
    for name, service in SERVICES.items():
        for needed, how in service.get("depends_on", {}).items():
            assert needed in SERVICES
            if how["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[needed], f"{name} waits for {needed}, which never says that it is well"


def started(*profiles: str) -> set[str]:
    """The services that Compose starts with these profiles."""
    return {
        name
        for name, service in SERVICES.items()
        if "profiles" not in service or set(service["profiles"]) & set(profiles)
    }


def test_profiles_add_to_a_core_that_stands_alone() -> None:
    core = {"kafka", *MONITORS}
    assert started() == core
    assert started("database") == core | {"postgres"}
    assert started("service") == core | {"postgres", "project-service"}
    assert started("observability") == core | {"prometheus", "alertmanager", "grafana"}
    assert started("load") == core | {"postgres", "project-service", "load"}
    given = re.search(r"^COMPOSE_PROFILES=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE)
    assert given is not None
    assert started(*given[1].split(",")) == SERVICES.keys() - {"load"}


@pytest.mark.parametrize("profile", ["", "database", "service", "observability", "load"])
def test_with_each_profile_all_that_is_waited_for_is_started(profile: str) -> None:
    for name in started(profile):
        for needed, how in SERVICES[name].get("depends_on", {}).items():
            assert needed in started(profile) or how.get("required") is False, f"{name} waits for {needed}"


def test_without_the_database_of_the_stack_a_monitor_takes_another_or_none() -> None:
    environment = SERVICES["monitor-1"]["environment"]
    none = load_settings(resolved(environment, MONITOR_DATABASE_URL="", DATABASE_URL=""))
    assert (none.monitor_database_url, none.database_url) == (None, None)
    other = load_settings(resolved(environment, MONITOR_DATABASE_URL="postgresql://u:p@db/m"))
    assert other.monitor_database_url is not None
    assert other.monitor_database_url.get_secret_value() == "postgresql://u:p@db/m"


def test_the_specification_of_compose_takes_the_stack_and_refuses_what_it_does_not_know() -> None:
    assert faults_of_compose(COMPOSE) == []
    wrong = {**COMPOSE, "services": {**SERVICES, "kafka": {**SERVICES["kafka"], "restarts": "always"}}}
    assert any("restarts" in fault for fault in faults_of_compose(wrong))


def test_the_alertmanager_of_the_stack_can_be_used_and_has_a_place_for_the_dead_mans_switch() -> None:
    path = ROOT / "deploy" / "alertmanager.yml"
    rules = yaml.safe_load((ROOT / "deploy" / "prometheus-rules.yml").read_text())
    names = {rule["alert"] for group in rules["groups"] for rule in group["rules"]}
    (route,) = yaml.safe_load(path.read_text())["route"]["routes"]
    assert re.fullmatch(r'alertname="(\w+)"', route["matchers"][0])[1] in names  # type: ignore[index]
    amtool = shutil.which("amtool")
    if amtool is not None:
        done = subprocess.run([amtool, "check-config", str(path)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_every_part_is_started_again() -> None:
    assert {service["restart"] for service in SERVICES.values()} == {"unless-stopped", "on-failure"}
    assert all(SERVICES[name]["restart"] == "unless-stopped" for name in SERVICES if name != "load")


def test_mounted_files_are_there_and_named_volumes_are_declared() -> None:
    used = set()
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("./"):
                assert (ROOT / source).exists(), source
            else:
                used.add(source)
    assert used == set(COMPOSE["volumes"])


def test_ports_are_open_on_this_machine_alone_unless_somebody_says_otherwise() -> None:
    for name, service in SERVICES.items():
        for port in service.get("ports", []):
            assert port.startswith("${PUBLISH_ADDRESS:-127.0.0.1}:"), name


def test_our_own_containers_have_no_rights_they_do_not_need() -> None:
    for name in (*MONITORS, "project-service", "load"):
        assert SERVICES[name]["read_only"] is True
        assert SERVICES[name]["cap_drop"] == ["ALL"]
        assert SERVICES[name]["init"] is True


def test_the_broker_of_the_stack_is_the_one_that_the_tests_run_on() -> None:
    assert SERVICES["kafka"]["image"] == f"apache/kafka:{KAFKA_VERSION}"


def test_the_variables_of_the_stack_are_explained_in_the_example() -> None:
    text = (ROOT / ".env.example").read_text()
    for name, *_ in [*interpolations(DOCKER_COMPOSE), ("COMPOSE_PROFILES",)]:
        assert re.search(rf"^(# )?{name}=", text, re.MULTILINE), name


def test_the_example_of_an_env_file_can_be_used_with_every_line_opened() -> None:
    lines = re.findall(r"^(?:# )?([A-Z][A-Z0-9_]+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE)
    assert {name for name, _ in lines} >= SETTING_NAMES
    load_settings(dict(lines))
    assert load_settings(dict(lines)) == load_settings({"STATE_DIR": "state"})


# --- Prometheus


def test_prometheus_asks_both_monitors() -> None:
    config = yaml.safe_load((ROOT / "deploy" / "prometheus.yml").read_text())
    (manager,) = config["alerting"]["alertmanagers"]
    assert manager["static_configs"][0]["targets"] == ["alertmanager:9093"]
    (job,) = config["scrape_configs"]
    assert job["metrics_path"] == "/metrics"
    assert job["static_configs"] == [{"targets": [f"{name}:8002" for name in MONITORS]}]
    mounted = {volume.split(":")[1] for volume in SERVICES["prometheus"]["volumes"]}
    assert set(config["rule_files"]) <= mounted


def test_a_silent_partition_is_told_of_later_than_the_monitor_itself_calls_it_silent() -> None:
    document = yaml.safe_load((ROOT / "deploy" / "prometheus-rules.yml").read_text())
    rules = {rule["alert"]: rule for group in document["groups"] for rule in group["rules"]}
    waits_minutes = int(rules["EpisodeMonitorPartitionSilent"]["for"].removesuffix("m"))
    assert waits_minutes * 60_000 > STALE_MS
