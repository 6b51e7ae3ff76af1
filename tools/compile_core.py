"""`./run compile`: compiles the hot part of the pure core with mypyc. Needs a C compiler and Python's headers."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from episode_monitor import compiled

# All modules that the loop around the partition and its stored values import, of the packages in
# `compiled.PACKAGES`; a test holds them complete.
MODULES = {
    "models": "event quick_events",
    "streams/alerting": "alert_life core findings_rules rate_rules verdict",
    "streams/base": (
        "calendar ids intervals numbering_rules open_table outcome_flags packed_counts packing sketch value_log"
    ),
    "streams/numbering": "anomalies chunks episodes number_state numbering redating suspects",
    "streams/partition": "checkpointer deadline_queue partition project_index quick_taking state_cache",
    "streams/project": "body_writer numbering_codec project_state rule_evaluator state_codec step",
    "streams/rates": (
        "busy_seconds days dedup_window leaving operation_series operations packed_operation pane_codec panes "
        "past_windows totals windows"
    ),
}
# Left out: those that define message structs, which are C already, and those that no single event passes through.
NOT_COMPILED = {
    "models": "alert times wire wording",
    "streams/alerting": ("alert_inputs alert_of alert_state cusum rule rule_state rule_types rules statistics wilson"),
    "streams/base": "changelog_keys checkpoint_types steps",
    "streams/numbering": "finding_history waivers",
    "streams/partition": "listed splits",
    "streams/project": "state_shapes",
    "streams/rates": "fleet_seconds stored_totals",
}


def files(modules: dict[str, str]) -> list[str]:
    """The paths of such modules."""
    return [f"{package}/{name}.py" for package, names in modules.items() for name in names.split()]


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
        command = [str(Path(sys.executable).with_name("mypyc")), *files(MODULES)]
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
    # Without this flag gcc inlines no function of a shared library: any of them might be replaced at load time.
    flags = f"{os.environ.get('CFLAGS', '')} -fno-semantic-interposition"
    return {**os.environ, "MYPYPATH": str(work), "PYTHONPATH": str(work), "CFLAGS": flags.strip()}


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
