"""An older version of this repository, laid out beside the tree, whose workers run next to those of the tree.

Only the code is old: packages, settings and faults of the worker are those of the tree.
"""

import io
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VARIABLE = "FAULTS_OLD_VERSION"
# The oldest version whose workers run beside those of the tree: docs/operations.md, "Upgrade". A change that makes it
# impossible puts itself here. A commit, because tags are no part of the history: a remote need not have been given
# them, and a clone need not fetch them (`--no-tags`, `fetch --depth`); the commit comes with the branch.
ROLLS_FROM = "37ea8c20"
_START = (
    "import json, sys, pathlib; from faults import worker_entry; "
    "assert pathlib.Path(worker_entry.__file__).is_relative_to(pathlib.Path.cwd()); "
    "worker_entry.main(json.loads(sys.argv[1]), pathlib.Path(sys.argv[2]))"
)


class NoOldVersion(Exception):
    """There is no older version to lay out; the message is one sentence."""


class OldProcess:
    """A worker of another tree, in the shape of a forked one."""

    def __init__(self, tree: Path, given: Mapping[str, str], log: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", _START, json.dumps(dict(given)), str(log)],
            cwd=tree,
            env={**os.environ, "PYTHONPATH": f"{tree}:{tree / 'client'}"},
            stdin=subprocess.DEVNULL,
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exitcode(self) -> int | None:
        """None while it runs; negative: the signal that ended it."""
        return self._process.poll()


def old_commit() -> str:
    """The version that a fleet is upgraded from: `FAULTS_OLD_VERSION`, else the newest tag behind the present commit,
    else `ROLLS_FROM`. Raises NoOldVersion."""
    chosen = os.environ.get(VARIABLE)
    if chosen:
        return _commit(chosen)
    try:
        return _commit(_git("describe", "--tags", "--abbrev=0", "HEAD^").decode().strip())
    except NoOldVersion:
        pass
    try:
        return _commit(ROLLS_FROM)
    except NoOldVersion:
        is_shallow = _git("rev-parse", "--is-shallow-repository").decode().strip() == "true"
        why = "its history is cut off (git fetch --unshallow)" if is_shallow else "its history is another one"
        raise NoOldVersion(
            f"This clone has no tag and no commit {ROLLS_FROM} to run beside this version: {why}; "
            f"{VARIABLE} names another."
        ) from None


def _commit(name: str) -> str:
    return _git("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}").decode().strip()


def lay_out(commit: str, folder: Path) -> Path:
    """The files of a commit, without what only tests and documents need; the folder. Raises NoOldVersion."""
    with tarfile.open(fileobj=io.BytesIO(_git("archive", "--format=tar", commit))) as archive:
        archive.extraction_filter = getattr(tarfile, "data_filter", None)  # from Python 3.11.4 on
        archive.extractall(folder)
    return folder


def _git(*words: str) -> bytes:
    try:
        done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, check=False)
    except FileNotFoundError:
        raise NoOldVersion("Git is not installed, so there is no older version to run beside this one.") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise NoOldVersion(f"Git cannot give an older version: {said[-1] if said else ' '.join(words)}.")
    return done.stdout
