"""The lock files hold what pyproject.toml asks for, whole, pinned by hash, and nothing of any machine."""

import re
import tomllib
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import episode_monitor

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
GROUPS = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
LOCKS = {
    "requirements.lock": [*PROJECT["dependencies"], *EXTRAS["tracing"]],
    "requirements-dev.lock": [*PROJECT["dependencies"], *(line for extra in EXTRAS.values() for line in extra)],
    "requirements-docs.lock": GROUPS["docs"],
}


def pins(lock: str) -> dict[str, str]:
    found = re.findall(r"^([a-z0-9._-]+)==(\S+)", (ROOT / lock).read_text(), re.MULTILINE)
    return {canonicalize_name(name): version for name, version in found}


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_pins_everything_that_pyproject_asks_for(lock: str) -> None:
    locked = pins(lock)
    for wanted in map(Requirement, LOCKS[lock]):
        version = locked.get(canonicalize_name(wanted.name))
        assert version is not None, f"{wanted.name} is not in {lock}; make the locks anew"
        assert wanted.specifier.contains(version), f"{lock} has {wanted.name} {version}; make the locks anew"


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_is_whole_so_that_pip_needs_no_resolver(lock: str) -> None:
    locked = pins(lock)
    for name in locked:
        try:
            needs = [Requirement(line) for line in requires(name) or []]
        except PackageNotFoundError:
            continue  # for another system or Python
        missing = [need.name for need in needs if needed_here(need) and canonicalize_name(need.name) not in locked]
        assert missing == [], f"{name} needs them"


def needed_here(need: Requirement) -> bool:
    return need.marker is None or need.marker.evaluate({"extra": ""})


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_has_hashes_and_names_no_host_and_no_folder_of_a_machine(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert text.count("--hash=sha256:") >= len(pins(lock))
    assert not re.search(r"://|--index|--find-links|/home|/root|/Users", text)


def test_production_runs_what_was_tested() -> None:
    production, tested = pins("requirements.lock"), pins("requirements-dev.lock")
    assert production.items() <= tested.items()


def test_the_embedded_servers_and_the_tools_are_not_in_production() -> None:
    only_for_people = {
        canonicalize_name(Requirement(line).name)
        for name, extra in EXTRAS.items()
        for line in extra
        if name != "tracing"
    }
    assert not only_for_people & pins("requirements.lock").keys()


def test_the_version_is_said_once_in_two_places() -> None:
    assert episode_monitor.__version__ == PROJECT["version"]
