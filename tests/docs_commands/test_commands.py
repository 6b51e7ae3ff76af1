"""The commands of the documents do what the pages say: each page in one shell, as a reader types them, beside the
system that the page is about. Pages of one system share it (plan.py)."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from episode_monitor.demo.ports import free_port
from testbed.apache_kafka import ApacheKafka, jars
from tests.docs_commands.kafka_distribution import make_distribution
from tests.docs_commands.pages import ROOT, Run, blocks_of
from tests.docs_commands.plan import PLAN, page
from tests.docs_commands.shell import Shell
from tests.system.demo_process import Demo

SECONDS = 600
PORTS = ("KAFKA_PORT", "CONTROLLER", "TLS_PORT", "RECEIVER", "MONITOR")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """One demo for all pages."""
    running = Demo(tmp_path_factory.mktemp("demo") / "output", seconds=SECONDS)
    try:
        yield running
    finally:
        running.interrupt()


def run_page(name: str, folder: Path, prelude: str = "", **variables: str) -> None:
    """All commands of a page. Raises CommandFailed for the first that does something else."""
    path = f"{ROOT / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}"
    kept = {name: os.environ[name] for name in ("HOME", "LANG", "JAVA_HOME") if name in os.environ}
    environment = {"PATH": path, "TREE": str(ROOT), **kept, **variables}
    with Shell(folder, environment, prelude) as shell:
        for block in blocks_of(page(name)):
            if isinstance(block.mark, Run):
                shell.run_block(block)


@pytest.mark.parametrize("name", PLAN["alone"])
def test_commands_that_need_nothing_else(name: str, tmp_path: Path) -> None:
    run_page(name, tmp_path)


@pytest.mark.parametrize("name", PLAN["demo"])
def test_commands_beside_the_demo(name: str, tmp_path: Path, demo: Demo) -> None:
    (file_of_settings,) = [line.removeprefix(". ") for line in demo.commands() if line.startswith(". ")]
    run_page(name, tmp_path, f". {file_of_settings}", DEMO_ENV=file_of_settings)


@pytest.mark.broker
@pytest.mark.apache
@pytest.mark.parametrize("name", PLAN["kafka"])
def test_commands_that_start_apache_kafka(name: str, tmp_path: Path) -> None:
    make_distribution(tmp_path / "kafka")
    taken: list[int] = []
    for _ in PORTS:
        taken.append(free_port(avoid=taken))
    ports = {port: str(number) for port, number in zip(PORTS, taken, strict=True)}
    work = tmp_path / "tutorial"
    run_page(name, tmp_path, WORK=str(work), KAFKA_FOLDER=str(tmp_path / "kafka"), **ports)
    assert not work.exists()


@pytest.mark.broker
@pytest.mark.apache
@pytest.mark.parametrize("name", PLAN["clients"])
def test_commands_of_clients_in_other_languages(name: str, tmp_path: Path) -> None:
    with ApacheKafka() as kafka:
        servers = {"KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers, "TOPIC_REPLICATION_FACTOR": "1"}
        run_page(name, tmp_path, **servers, MONITORING_PORT=str(free_port()), JARS=str(jars()))
