"""The bill of materials has every package of the lock, and a look for vulnerabilities never passes for one unmade."""

import re
from pathlib import Path
from typing import Any

import pytest
from packaging.utils import canonicalize_name

from tools.bill_of_materials import LOCK, bill_of_materials
from tools.known_vulnerabilities import verdict_of

ROOT = Path(__file__).resolve().parents[1]


def test_the_bill_of_materials_has_every_package_of_the_lock_with_its_hashes() -> None:
    made = bill_of_materials()
    assert made["bomFormat"] == "CycloneDX"
    text = LOCK.read_text()
    locked = {(canonicalize_name(name), version) for name, version in re.findall(r"^([\w.-]+)==(\S+)", text, re.M)}
    assert {(canonicalize_name(each["name"]), each["version"]) for each in made["components"]} == locked
    for each in made["components"]:
        assert each["purl"].startswith(f"pkg:pypi/{canonicalize_name(each['name'])}@{each['version']}")
    hashes = {one["content"] for each in made["components"] for one in each["externalReferences"][0]["hashes"]}
    assert hashes == set(re.findall(r"--hash=sha256:(\w+)", text))


SOUND = {"name": "a", "version": "1", "vulns": []}
FAULTY = {"name": "b", "version": "2", "vulns": [{"id": "PYSEC-1", "fix_versions": ["3"]}]}
UNKNOWN = {"name": "c", "skip_reason": "not found"}


@pytest.mark.parametrize(
    ("packages", "code", "beginning"),
    [
        ([SOUND], 0, "None of 1 packages has a known vulnerability."),
        ([SOUND, FAULTY], 1, "b 2: PYSEC-1, mended in 3\n"),
        ([UNKNOWN, FAULTY], 1, "b 2: PYSEC-1"),
        ([SOUND, UNKNOWN], 0, "SKIPPED: the package index has no data of vulnerabilities for 1 of 2 packages"),
        ([], 0, "SKIPPED: the package index has no data of vulnerabilities for any package"),
    ],
)
def test_a_verdict_is_as_sure_as_its_data(packages: list[dict[str, Any]], code: int, beginning: str) -> None:
    ended, said = verdict_of({"dependencies": packages})
    assert (ended, said.startswith(beginning)) == (code, True), said


def test_lint_and_ci_run_them() -> None:
    assert "bandit -q -c pyproject.toml" in (ROOT / "run").read_text()
    in_ci = (ROOT / ".ci" / "run").read_text()
    assert "-m tools.known_vulnerabilities" in in_ci
    assert "-m tools.bill_of_materials" in in_ci
