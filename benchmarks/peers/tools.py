"""Makes the Python environment that contenders need, once, under .bench/."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.peers.contender import ROOT, CannotRun

BENCH = ROOT / ".bench"
REQUIREMENTS = Path(__file__).with_name("requirements.txt")


def python_with(package: str) -> Path:
    """The Python that has the peers' packages, each tried alone: one that has no build here must not stop the others.

    Raises CannotRun where `package` cannot be installed.
    """
    venv = BENCH / "venv"
    python = venv / "bin" / "python"
    if not python.exists():
        run([sys.executable, "-m", "venv", "--clear", str(venv)], "could not make a Python environment")
    lines = [line.strip() for line in REQUIREMENTS.read_text().splitlines()]
    wanted = next(line for line in lines if line.startswith(f"{package}=="))
    stamp = venv / f".installed-{wanted}"
    if not stamp.exists():
        print(f"Installing {wanted} into .bench/ (once) ...", file=sys.stderr)
        install = [str(python), "-m", "pip", "install", "--quiet", "--constraint", str(REQUIREMENTS), wanted]
        run(install, f"{wanted} could not be installed on Python {sys.version_info.major}.{sys.version_info.minor}")
        stamp.touch()
    return python


def run(command: Sequence[str], complaint: str) -> None:
    """To its end. Raises CannotRun with the complaint and the last words."""
    BENCH.mkdir(exist_ok=True)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise CannotRun(f"{complaint}: {(done.stderr + done.stdout).strip()[-400:]}")
