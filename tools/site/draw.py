"""Draws the diagrams of the documents: `python -m tools.site.draw`, after one has changed. Each is committed as a
picture named by its source. Needs Node.js (npx) and Chromium; fetches mermaid-cli from npm.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tools.site.build import documents
from tools.site.hooks import DIAGRAMS, diagram_name, diagrams_of

MERMAID_CLI = "@mermaid-js/mermaid-cli@11"
# Words in the diagrams take no room of their own font's width; the readers' own fonts are used.
_LOOK = {"theme": "neutral", "htmlLabels": False, "flowchart": {"htmlLabels": False}, "fontFamily": "sans-serif"}


def draw(source: str, target: Path, browser: str) -> None:
    """One diagram. Raises CalledProcessError when mermaid cannot read it."""
    with tempfile.TemporaryDirectory() as folder:
        diagram, look, puppeteer = (Path(folder, name) for name in ("diagram.mmd", "look.json", "puppeteer.json"))
        diagram.write_text(source, encoding="utf-8")
        look.write_text(json.dumps(_LOOK))
        puppeteer.write_text(json.dumps({"executablePath": browser, "args": ["--no-sandbox"]}))
        words = ["npx", "--yes", MERMAID_CLI, "--quiet", "-i", str(diagram), "-o", str(target), "-c", str(look)]
        subprocess.run([*words, "-p", str(puppeteer), "-b", "white"], check=True)
    drawn = target.read_text(encoding="utf-8")
    target.write_text(re.sub(r"@import url\([^)]*\);", "", drawn).rstrip() + "\n", encoding="utf-8")


def main() -> int:
    """Draws what is missing and removes what no document has any more."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        print("Diagrams are drawn by Chromium, and it is missing; install it, then run this again.", file=sys.stderr)
        return 2
    DIAGRAMS.mkdir(exist_ok=True)
    sources = {diagram_name(source): source for page in documents() for source in diagrams_of(page.read_text())}
    for name, source in sources.items():
        if not (DIAGRAMS / name).is_file():
            draw(source, DIAGRAMS / name, browser)
    for path in DIAGRAMS.glob("*.svg"):
        if path.name not in sources:
            path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
