"""The image and the stack around it name only files and settings that exist, and hold no secret.

There may be no Docker where this runs, so the files are read; the image's part of the tree is laid out and started.
"""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from agents.fleet_topic.reader import STALE_MS
from episode_monitor.observe import health
from episode_monitor.settings.settings import load_settings, settings_table
from examples.project_service.settings import Settings as ServiceSettings
from testbed.apache_kafka import KAFKA_VERSION

ROOT = Path(__file__).resolve().parents[1]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
DOCKER_COMPOSE = (ROOT / "docker-compose.yml").read_text()
COMPOSE = yaml.safe_load(DOCKER_COMPOSE)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
MONITORS = ("monitor-1", "monitor-2")
SETTING_NAMES = {row.name for row in settings_table()}
SERVICE_NAMES = {str(field.validation_alias) for field in ServiceSettings.model_fields.values()}
INTERPOLATION = re.compile(r"\$\{(\w+)(?:(:[-?])([^}]*))?\}")


def instructions(stage: str) -> list[tuple[str, str]]:
    """(instruction, arguments) of one stage of the Dockerfile, continued lines joined."""
    joined = re.sub(r"\\\n\s*", "", re.sub(r"^#.*\n", "", DOCKERFILE, flags=re.MULTILINE))
    stages: dict[str, list[tuple[str, str]]] = {}
    current: list[tuple[str, str]] = []
    for line in filter(str.strip, joined.splitlines()):
        word, _, rest = line.partition(" ")
        if word == "FROM":
            current = stages.setdefault(rest.rpartition(" AS ")[2], [])
        current.append((word, rest))
    return stages[stage]


def of(stage: str, word: str) -> list[str]:
    return [rest for instruction, rest in instructions(stage) if instruction == word]


def copied(stage: str) -> list[str]:
    """What a stage takes from the tree."""
    return [source for rest in of(stage, "COPY") if not rest.startswith("--from") for source in rest.split()[:-1]]


def stage_environment(stage: str) -> dict[str, str]:
    return dict(pair.split("=", 1) for rest in of(stage, "ENV") for pair in rest.split())


# --- the image


@pytest.mark.parametrize("stage", ["packages", "examples", "core", "monitor"])
def test_what_the_image_copies_is_there_and_reaches_the_builder(stage: str) -> None:
    let_in = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    for source in copied(stage):
        assert (ROOT / source).exists(), f"{source} is copied and not there"
        assert Path(source).parts[0] in let_in, f".dockerignore keeps {source} from the builder"


def test_the_image_holds_our_packages_and_the_rules_and_nothing_else() -> None:
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["root_packages"]
    assert set(copied("monitor")) == {*packages, "client/episode_monitor_client", "rules.yaml"}


def test_the_image_takes_wheels_alone_by_the_hashes_of_the_production_lock() -> None:
    assert copied("packages") == ["requirements.lock"]
    (install,) = (rest for rest in of("packages", "RUN") if " install " in rest)
    for word in ("--require-hashes", "--no-deps", "--only-binary=:all:", "-r /tmp/requirements.lock"):
        assert word in install


def test_the_image_takes_from_the_tools_nothing_but_the_compiled_core() -> None:
    taken = [
        rest for stage in ("base", "monitor", "examples") for rest in of(stage, "COPY") if rest.startswith("--from")
    ]
    assert taken == ["--from=packages /opt/venv /opt/venv", "--from=core /app/.compiled .compiled"]
    assert {of(stage, "FROM")[0].split()[0] for stage in ("core", "monitor")} == {"base"}  # it fits one Python alone


def test_the_last_stage_is_the_monitor_and_runs_as_an_ordinary_user() -> None:
    assert re.findall(r"^FROM .* AS (\w+)$", DOCKERFILE, re.MULTILINE)[-1] == "monitor"
    assert of("monitor", "USER") == ["10001:10001"]
    assert of("monitor", "ENTRYPOINT") == ['["episode-monitor"]']
    assert of("monitor", "CMD") == ['["worker"]']
    assert of("base", "STOPSIGNAL") == ["SIGTERM"]
    assert of("monitor", "EXPOSE") == ["8002"]


def test_the_health_check_asks_for_the_integrity_summary() -> None:
    (check,) = of("monitor", "HEALTHCHECK")
    assert check.rpartition("CMD ")[2] == '["python", "-P", "-m", "episode_monitor.observe.health"]'
    assert health.SUMMARY == "/monitoring/episodes/integrity/summary"


def test_curl_in_place_of_the_health_check_is_in_the_image_and_asks_no_proxy_for_the_machine_itself() -> None:
    assert any("apt-get install" in rest and " curl " in rest for rest in of("monitor", "RUN"))
    environment = stage_environment("monitor")
    for name in ("NO_PROXY", "no_proxy"):
        assert {"localhost", "127.0.0.1"} <= set(environment[name].split(","))


PROCESS = {"HOME", "NO_PROXY", "PYTHONPATH", "no_proxy"}  # of the process, and no settings


def test_the_image_sets_only_settings_that_exist_and_that_are_valid() -> None:
    environment = stage_environment("monitor")
    settings = {name: value for name, value in environment.items() if name not in PROCESS}
    assert settings.keys() <= SETTING_NAMES
    loaded = load_settings(settings)
    assert (loaded.monitoring_host, loaded.monitoring_port) == ("0.0.0.0", 8002)
    assert str(loaded.state_dir) in "".join(of("monitor", "VOLUME"))


def test_the_files_of_the_image_alone_start_the_command_line(tmp_path: Path) -> None:
    """Laid out as in the image, without the rest of the tree and started elsewhere."""
    app, elsewhere = tmp_path / "app", tmp_path / "elsewhere"
    elsewhere.mkdir()
    for source in copied("monitor"):
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, app / source, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / source, app / source)
    tree = stage_environment("monitor")["PYTHONPATH"].replace("/app", str(app))
    done = subprocess.run(
        # -S: nothing of the tree by way of .venv; the packages come by PYTHONPATH, as the tree does.
        [sys.executable, "-S", "-P", "-m", "episode_monitor", "rules", "show", "--json"],
        cwd=elsewhere,
        env={"PATH": os.defpath, "PYTHONPATH": f"{tree}:{_site_packages()}", "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "episode_failure_rate" in done.stdout


def _site_packages() -> Path:
    return Path(yaml.__file__).resolve().parents[1]


# --- the stack


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
        return known.get(name) or (default if how == ":-" else "")

    return {name: INTERPOLATION.sub(replace, str(value)) for name, value in environment.items() if value is not None}


def test_no_secret_stands_in_a_file_and_none_has_a_default() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    secrets = {row.name for row in settings_table() if row.is_secret}
    for name, how, default in INTERPOLATION.findall(text):
        if name in secrets or "PASSWORD" in name:
            assert how != ":-" or not default, f"{name} has the default {default!r}"
    for monitor in MONITORS:
        for name in secrets:
            value = SERVICES[monitor]["environment"][name]
            assert value is None or "${POSTGRES_PASSWORD" in value or value.startswith("${"), f"{name} is written out"
    assert not re.search(r"(?i)(password|secret|token)=[^\s$#]", (ROOT / ".env.example").read_text())


def test_the_stack_does_not_start_without_a_token_for_operators_and_the_documents_make_one() -> None:
    assert resolved(SERVICES["monitor-1"]["environment"])["API_TOKENS"] == "operator:abc123"
    needed = {name: message for name, how, message in INTERPOLATION.findall(DOCKER_COMPOSE) if how == ":?"}
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


def test_every_part_is_started_again_and_only_the_load_is_an_extra() -> None:
    assert {name for name, service in SERVICES.items() if "profiles" in service} == {"load"}
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
    for name, *_ in INTERPOLATION.findall((ROOT / "docker-compose.yml").read_text()):
        assert re.search(rf"^(# )?{name}=", text, re.MULTILINE), name


def test_the_example_of_an_env_file_can_be_used_with_every_line_opened() -> None:
    lines = re.findall(r"^(?:# )?([A-Z][A-Z0-9_]+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE)
    assert {name for name, _ in lines} >= SETTING_NAMES
    load_settings(dict(lines))
    assert load_settings(dict(lines)) == load_settings({"STATE_DIR": "state"})


# --- Prometheus


def test_prometheus_asks_both_monitors() -> None:
    config = yaml.safe_load((ROOT / "deploy" / "prometheus.yml").read_text())
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
