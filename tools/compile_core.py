"""`./run compile`: compiles the hot part of the pure core with mypyc. Needs a C compiler and Python's headers."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from episode_monitor import compiled

# Everything that an event passes through, but the modules that define message structs, which are C already.
MODULES = (
    "base/packed_counts", "base/outcome_flags", "rates/days", "rates/busy_seconds", "rates/packed_operation",
    "rates/panes", "rates/windows", "rates/operation_series", "alerting/rate_rules", "base/open_table",
    "rates/dedup_window", "rates/operations", "rates/totals", "numbering/anomalies", "numbering/chunks",
    "numbering/episodes", "numbering/numbering", "base/intervals", "project/project_state", "project/step", "base/ids",
    "base/calendar",
    "alerting/core", "partition/partition", "base/packing", "project/body_writer", "project/numbering_codec",
    "project/state_codec", "project/rule_evaluator", "base/sketch", "numbering/suspects", "base/numbering_rules",
    "numbering/number_state", "numbering/redating",
)  # fmt: skip


def main() -> int:
    """Compile unless it is done; exit code 0, or 3 where no compiler is there."""
    target = compiled.folder()
    if (target / "complete").is_file():
        print(f"The core is compiled already ({target.name}).", file=sys.stderr)
        return 0
    if shutil.which("cc") is None and shutil.which("gcc") is None:
        print("compile: no C compiler is here; the core runs as it is, only slower.", file=sys.stderr)
        return 3
    with tempfile.TemporaryDirectory(prefix="episode-monitor-compile-") as scratch:
        work = Path(scratch)
        for package in compiled.PACKAGES:
            shutil.copytree(compiled.ROOT / package, work / package, ignore=shutil.ignore_patterns("__pycache__"))
        sources = ["models/event.py", *(f"streams/{name}.py" for name in MODULES)]
        command = [str(Path(sys.executable).with_name("mypyc")), *sources]
        done = subprocess.run(command, cwd=work, env=_environment(work), capture_output=True, text=True, check=False)
        if done.returncode != 0:
            print(done.stdout[-4000:] + done.stderr[-4000:], file=sys.stderr)
            print(
                "compile: mypyc failed, the lines above say why; the core runs as it is, only slower.", file=sys.stderr
            )
            return 1
        _install(work, target)
    print(f"The core is compiled ({target.name}).", file=sys.stderr)
    return 0


def _environment(work: Path) -> dict[str, str]:
    return {**os.environ, "MYPYPATH": str(work), "PYTHONPATH": str(work)}


def _install(work: Path, target: Path) -> None:
    shutil.rmtree(compiled.FOLDER, ignore_errors=True)
    target.mkdir(parents=True)
    for package in compiled.PACKAGES:
        shutil.copytree(work / package, target / package)
    for library in work.glob("*.so"):
        shutil.copy2(library, target)
    (target / "complete").touch()


if __name__ == "__main__":
    sys.exit(main())
