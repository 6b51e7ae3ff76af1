"""The layers import only downwards, the core stays pure, and nobody else's package bears our names."""

import ast
import re
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path

import grimp
import pytest

from tools.compile_core import MODULES, NOT_COMPILED, files

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = {"episode_monitor_client": ROOT / "client"}  # of packages that are not in the root itself
OUR_PACKAGES = {
    "agents", "alert_sinks", "benchmarks", "episode_monitor", "examples", "faults", "models", "streams",
    "testbed", "tests", *FOLDERS,
}  # fmt: skip
CLOCK_CALLS = {"now", "utcnow", "today"}


def test_the_layers_import_only_downwards_and_the_core_is_pure() -> None:
    lint_imports = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([lint_imports, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", [*ROOT.glob("streams/**/*.py"), *ROOT.glob("models/*.py")], ids=lambda path: path.name)
def test_the_core_never_asks_what_time_it_is(path: Path) -> None:
    calls = [node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    asked = [call.attr for call in calls if isinstance(call, ast.Attribute) and call.attr in CLOCK_CALLS]
    assert asked == []


def test_every_module_that_an_event_passes_through_is_compiled_or_known_to_be_left_out() -> None:
    graph = grimp.build_graph("streams", "models", exclude_type_checking_imports=True, cache_dir=None)
    hot = {"streams.partition.quick_taking", "streams.base.value_log"}
    hot |= {each for module in sorted(hot) for each in graph.find_upstream_modules(module)}
    paths = [f"{module.replace('.', '/')}.py" for module in hot]
    listed = [*files(MODULES), *files(NOT_COMPILED)]
    reached = {path for path in paths if (ROOT / path).is_file()}
    assert len(listed) == len(set(listed))
    assert set(listed) - reached == set(), "tools/compile_core.py lists what neither of the two imports"
    assert reached - set(listed) == set(), "tools/compile_core.py must list these, as compiled or as left out"


def test_no_installed_distribution_owns_a_name_of_ours() -> None:
    owners = {
        (distribution.metadata["Name"], file.parts[0].removesuffix(".py"))
        for distribution in distributions()
        for file in distribution.files or []
        if file.parts[0].removesuffix(".py") in OUR_PACKAGES and distribution.metadata["Name"] != "episode-monitor"
    }
    assert owners == set()


def test_our_packages_come_from_this_tree() -> None:
    for name in sorted(OUR_PACKAGES):
        done = subprocess.run(
            [sys.executable, "-P", "-c", f"import {name}; print({name}.__path__[0])"],
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
        )
        assert Path(done.stdout.strip()) == FOLDERS.get(name, ROOT) / name, done.stderr


# What programs use without a monitor stands in the client alone (docs/decisions/0037): the monitor takes it from there.
FROM_THE_CLIENT = {
    "agents/kafka/access.py": {"tokens"},
    "agents/kafka/client.py": {"tokens"},
    "agents/kafka/refusals.py": {"probes", "tokens"},
    "episode_monitor/checks/integrity_checker.py": {"", "integrity", "kinds"},
    "episode_monitor/service_database/episodes_table.py": {"", "statements"},
    "alert_sinks/kinds/handlers.py": {"handler_process"},
}


def test_the_monitor_knows_nothing_of_the_client_but_for_what_programs_use_without_a_monitor() -> None:
    """What it imports of us is held by a test of its own."""
    for package in ("agents", "alert_sinks", "episode_monitor", "models", "streams"):
        for path in (ROOT / package).rglob("*.py"):
            named = set(re.findall(r"episode_monitor_client\.?(\w*)", path.read_text(encoding="utf-8")))
            assert named <= FROM_THE_CLIENT.get(str(path.relative_to(ROOT)), set()), path
