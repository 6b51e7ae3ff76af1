"""The image names only files and settings that exist, and holds no secret.

There may be no Docker where this runs, so the files are read; the image's part of the tree is laid out and started.
"""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from episode_monitor.observe import health
from episode_monitor.settings.settings import load_settings, settings_table

ROOT = Path(__file__).resolve().parents[1]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
SETTING_NAMES = {row.name for row in settings_table()}


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
