"""amtool, Alertmanager's own tool, accepts the example, and its routes end where ours do."""

import itertools
import subprocess
from pathlib import Path

import pytest
from hypothesis import given

from episode_monitor.settings.alerting_file import parse_alerting
from streams.routing.labels import FIXED
from streams.routing.matcher_parsing import parse_matchers
from streams.routing.route import Node, built, reached
from streams.routing.time_interval import TimeInterval
from testbed.properties import examples
from tests.alertmanager_api.installed import amtool_path
from tests.episode_monitor.alerting_files.printed import alerting_text
from tests.streams.routing.trees import RECEIVERS, labels, trees

EXAMPLE = Path(__file__).parents[3] / "examples" / "alerting" / "alerting.yaml"
ALWAYS: dict[str, tuple[TimeInterval, ...]] = {"nights": (TimeInterval(),), "weekends": (TimeInterval(),)}

# A label set, and the receivers in the order in which they are reached.
BY_HAND = {
    "severity=critical alert_type=HIGH_CONFLICT_RATE project_id=drama_1": "team,incidents",
    "severity=critical alert_type=INTEGRITY_VIOLATION project_id=drama_1": "team,numbering",
    "severity=critical alert_type=INTEGRITY_VIOLATION project_id=test-1": "team,nobody",
    "severity=warning alert_type=HIGH_FAILURE_RATE project_id=drama_1": "team",
    "severity=warning alert_type=HIGH_FAILURE_RATE project_id=sandbox-1": "nobody",
    "severity=info alert_type=HIGH_FAILURE_RATE project_id=drama_1": "weekly-mail",
    "severity=info alert_type=SLOW_CREATION project_id=sandbox-1": "team",
    "": "team",
}
VALUES = (
    ("critical", "warning", "info"),
    ("HIGH_FAILURE_RATE", "HIGH_CONFLICT_RATE", "INTEGRITY_VIOLATION", "SLOW_CREATION", "NEW_TYPE"),
    ("drama_1", "test-1", "sandbox-", "한글", "attest-1"),
)
LABEL_SETS = [
    *BY_HAND,
    *(f"severity={a} alert_type={b} project_id={c}" for a, b, c in itertools.product(*VALUES)),
    "severity=CRITICAL alert_type=SLOW_CREATION",
    "severity=critical",
    "alertname=episode_integrity service=project-service component=episode-numbering",
]


@pytest.fixture(scope="module")
def amtool() -> str:
    return amtool_path()


def run(amtool: str, *arguments: str) -> str:
    done = subprocess.run([amtool, *arguments], capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def theirs(amtool: str, file: Path, given: list[str]) -> str:
    return run(amtool, "config", "routes", "test", f"--config.file={file}", *given).strip()


def ours(root: Node | None, given: dict[str, str]) -> str:
    route = built(root) if root else parse_alerting(EXAMPLE.read_bytes(), "alerting.yaml").alerting.root
    return ",".join(each.receiver for each in reached(route, given))


def as_labels(text: str) -> dict[str, str]:
    return dict(pair.split("=", 1) for pair in text.split())


def test_amtool_accepts_the_example(amtool: str) -> None:
    assert "SUCCESS" in run(amtool, "check-config", str(EXAMPLE))


def test_the_table_has_forty_label_sets_and_more() -> None:
    assert len(set(LABEL_SETS)) >= 40


@pytest.mark.parametrize(("text", "receivers"), BY_HAND.items())
def test_the_router_takes_the_routes_of_the_example(text: str, receivers: str) -> None:
    assert ours(None, as_labels(text)) == receivers


def test_amtool_and_the_router_agree_on_each_label_set(amtool: str) -> None:
    found = {text: (theirs(amtool, EXAMPLE, text.split()), ours(None, as_labels(text))) for text in LABEL_SETS}
    assert {text: pair for text, pair in found.items() if pair[0] != pair[1]} == {}
    assert len({pair[0] for pair in found.values()}) >= 7  # the table reaches every way through the tree


def test_labels_that_all_alerts_have_can_be_matched(amtool: str, tmp_path: Path) -> None:
    matchers = ",".join(f'{name}="{value}"' for name, value in FIXED.items())
    root = Node(receiver="team", routes=(Node(receiver="on-call", matchers=parse_matchers(matchers)),))
    file = written(tmp_path, root)
    assert theirs(amtool, file, [f"{name}={value}" for name, value in FIXED.items()]) == "on-call" == ours(root, FIXED)


def written(folder: Path, root: Node) -> Path:
    file = folder / "alerting.yaml"
    file.write_text(alerting_text(root, RECEIVERS, (), ALWAYS), encoding="utf-8")
    return file


@examples(80)
@given(trees(), labels())
def test_amtool_and_the_router_agree_on_any_tree(
    amtool: str, tmp_path_factory: pytest.TempPathFactory, root: Node, found: dict[str, str]
) -> None:
    file = written(tmp_path_factory.getbasetemp(), root)
    quoted = [name + '="' + value.replace("\\", "\\\\").replace('"', '\\"') + '"' for name, value in found.items()]
    assert theirs(amtool, file, quoted) == ours(root, found)
