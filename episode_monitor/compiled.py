"""Uses the compiled form of the pure core where there is one of exactly these sources; otherwise the sources.

`./run compile` makes it (mypyc, a C compiler). It is the same code; only faster. COMPILED_CORE=off leaves it aside.
"""

import os
import sys
from hashlib import blake2b
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / ".compiled"
PACKAGES = ("streams", "models")


def digest() -> str:
    """Names these sources on this Python: a change of either needs a new compilation."""
    hashed = blake2b(sys.version.encode() + sys.platform.encode(), digest_size=8)
    for source in sorted(source for package in PACKAGES for source in (ROOT / package).rglob("*.py")):
        hashed.update(str(source.relative_to(ROOT)).encode() + b"\0" + source.read_bytes())
    return hashed.hexdigest()


def folder() -> Path:
    """Where the compiled form of these sources is, or would be."""
    return FOLDER / digest()


def activate() -> bool:
    """To be called before anything of the core is imported; says whether the compiled form is in use."""
    if os.environ.get("COMPILED_CORE", "on").lower() == "off" or not FOLDER.is_dir():
        return False
    compiled = folder()
    if not (compiled / "complete").is_file():
        return False
    sys.path.insert(0, str(compiled))
    return True
