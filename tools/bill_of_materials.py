"""Writes what a production installation contains, from the lock: `python -m tools.bill_of_materials FILE` (CycloneDX).

A release has it beside the image. Equal locks give equal bytes.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parent.parent
LOCK: Final = ROOT / "requirements.lock"


def bill_of_materials() -> dict[str, Any]:
    """The document: every package of the lock with its version, hashes and package URL."""
    program = Path(sys.executable).parent / "cyclonedx-py"
    done = subprocess.run(
        [program, "requirements", LOCK, "--pyproject", ROOT / "pyproject.toml", "--output-reproducible", "--of",
         "JSON"],
        capture_output=True, check=True,
    )  # fmt: skip
    made: dict[str, Any] = json.loads(done.stdout)
    for component in made["components"]:
        component.pop("description", None)  # the line of the lock once more
    return made


def main() -> None:
    """Write it to the file that is named."""
    if len(sys.argv) != 2:
        sys.exit("usage: python -m tools.bill_of_materials FILE")
    made = bill_of_materials()
    Path(sys.argv[1]).write_text(json.dumps(made, indent=1, sort_keys=True) + "\n")
    print(f"{len(made['components'])} packages are in {sys.argv[1]}.")


if __name__ == "__main__":
    main()
