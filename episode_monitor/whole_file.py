"""Files that are replaced as a whole: written beside their place and renamed, so that they are whole or not there."""

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from errno import EINVAL
from pathlib import Path
from typing import BinaryIO


def check_replaceable(path: Path) -> None:
    """Raises OSError where there is anything but a regular file: a rename would put one in the place of a device."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISREG(mode):
        raise OSError(EINVAL, "A directory is there" if stat.S_ISDIR(mode) else "What is there is not a regular file")


@contextmanager
def replacing(path: Path, *, keeps: bool = True) -> Iterator[BinaryIO]:
    """The new content, for its owner alone to read (0600). Raises OSError, and leaves nothing behind then; without
    `keeps` it only tries whether this place can be written."""
    check_replaceable(path)
    number, name = tempfile.mkstemp(prefix=f"{path.name}.", suffix=".new", dir=path.parent)
    beside = Path(name)
    try:
        with os.fdopen(number, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        check_replaceable(path)
        if keeps:
            beside.replace(path)
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
