"""Looks for packages of the lock with known vulnerabilities, by pip-audit: `python -m tools.known_vulnerabilities`.

Exit code 1 if there are any. Where the index has no such data, as most mirrors, it prints SKIPPED and proves nothing.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

LOCK: Final = Path(__file__).parent.parent / "requirements.lock"


def verdict_of(report: dict[str, Any]) -> tuple[int, str]:
    """Exit code and what to print, of pip-audit's JSON."""
    packages = report["dependencies"]
    unknown = [package["name"] for package in packages if "skip_reason" in package]
    found = [
        f"{package['name']} {package['version']}: {vulnerability['id']}, mended in "
        f"{', '.join(vulnerability['fix_versions']) or 'no version yet'}"
        for package in packages
        for vulnerability in package.get("vulns", ())
    ]
    if found:
        return 1, "\n".join([*found, "Raise these packages in the locks (CONTRIBUTING.md, Packages)."])
    if unknown or not packages:
        said = f"{len(unknown)} of {len(packages)} packages" if packages else "any package"
        return 0, f"SKIPPED: the package index has no data of vulnerabilities for {said}; ask where it has."
    return 0, f"None of {len(packages)} packages has a known vulnerability."


def main() -> None:
    """Ask, print, and end with the code."""
    program = Path(sys.executable).parent / "pip-audit"
    done = subprocess.run(
        [program, "-r", LOCK, "--disable-pip", "--no-deps", "-f", "json", "--progress-spinner", "off"],
        capture_output=True, check=False,
    )  # fmt: skip
    try:
        report = json.loads(done.stdout)
    except ValueError:
        words = done.stderr.decode(errors="replace").strip().splitlines()
        print(f"SKIPPED: the data of vulnerabilities cannot be asked for ({words[-1] if words else 'no answer'}).")
        return
    code, said = verdict_of(report)
    print(said)
    sys.exit(code)


if __name__ == "__main__":
    main()
