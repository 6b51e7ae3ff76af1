"""The committed build of the dashboard is of the committed sources, of the routes there are, and small."""

import gzip
import hashlib
from pathlib import Path

import episode_monitor.web
from tools import openapi_document

ROOT = Path(__file__).resolve().parents[2]
DASHBOARD, BUILD = ROOT / "dashboard", Path(episode_monitor.web.__file__).parent / "static"
FILES = (
    "index.html", "package-lock.json", "package.json", "sources-digest.ts", "tsconfig.json",
    "vite.config.ts",
)  # fmt: skip
TYPES = "src/api/schema.d.ts"  # types leave no trace in a build
MOST_SCRIPT_BYTES, MOST_STYLE_BYTES = 260 * 1024, 20 * 1024  # gzipped


def digest_of_sources() -> str:
    """As dashboard/sources-digest.ts has it: path, NUL, content, NUL of each source."""
    below = (path for folder in ("public", "src") for path in (DASHBOARD / folder).rglob("*") if path.is_file())
    names = sorted([*FILES, *({path.relative_to(DASHBOARD).as_posix() for path in below} - {TYPES})])
    digest = hashlib.sha256()
    for name in names:
        digest.update(name.encode() + b"\0" + (DASHBOARD / name).read_bytes() + b"\0")
    return digest.hexdigest()


def gzipped(pattern: str) -> int:
    return sum(len(gzip.compress(path.read_bytes(), 9)) for path in BUILD.glob(pattern))


def test_the_build_is_of_these_sources() -> None:
    built = (BUILD / "sources.sha256").read_text().strip()
    assert built == digest_of_sources(), "The sources have changed: run `npm run build` in dashboard/ and commit."


def test_the_types_are_of_the_routes_that_a_worker_has() -> None:
    assert openapi_document.DOCUMENT.read_bytes() == openapi_document.document(), (
        "Routes or shapes have changed: run `python -m tools.openapi_document`, then `npm ci` and `npm run types` in "
        "dashboard/, and commit."
    )


def test_scripts_and_styles_stay_within_their_budget() -> None:
    assert 0 < gzipped("*.js") <= MOST_SCRIPT_BYTES
    assert 0 < gzipped("*.css") <= MOST_STYLE_BYTES


def test_no_registry_is_named_in_what_is_committed() -> None:
    assert '"resolved"' not in (DASHBOARD / "package-lock.json").read_text()
