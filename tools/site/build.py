"""Builds the site of the documents: `./run docs`. The documents stay where people read them in the tree; here they,
and the files that they link to, are copied into one folder of the same shape, which mkdocs then takes.

Needs the packages of requirements-docs.lock.
"""

import argparse
import functools
import http.server
import re
import shutil
import sys
from pathlib import Path

from tools.site.outside import outside_addresses

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / ".docs" / "source"
SITE = ROOT / ".docs" / "site"
DIAGRAMS = Path(__file__).with_name("diagrams")
LOOPBACK = "127.0.0.1"


def documents() -> list[Path]:
    """All pages of the site."""
    found = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "client" / "README.md"]
    return sorted([*found, *ROOT.glob("examples/**/README.md")])


def linked_files(page: Path) -> set[Path]:
    """The files of the tree that a page links to or shows, other pages aside."""
    targets = re.findall(r"\]\(([^)\s#]+)", page.read_text(encoding="utf-8"))
    found = {(page.parent / target).resolve() for target in targets if "://" not in target}
    return {path for path in found if path.is_file() and path.suffix != ".md"}


def gather() -> None:
    """The pages, and what they link to, in SOURCE."""
    shutil.rmtree(SOURCE, ignore_errors=True)
    pages = documents()
    for path in sorted({*pages, *(file for page in pages for file in linked_files(page))}):
        target = SOURCE / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    shutil.copytree(DIAGRAMS, SOURCE / DIAGRAMS.name)


def build() -> int:
    """0, or 1 where a link leads nowhere or a page is in no menu; mkdocs says which."""
    from mkdocs.__main__ import cli

    gather()
    try:
        cli(["build", "--strict", "--config-file", str(Path(__file__).with_name("mkdocs.yml"))])
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def serve(port: int) -> None:
    """The built site on this machine, until Ctrl-C."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(SITE))
    with http.server.ThreadingHTTPServer((LOOPBACK, port), handler) as server:
        print(f"The documents: http://{LOOPBACK}:{server.server_port}/ (Ctrl-C stops)", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()


def main() -> int:
    """Builds, and with --serve shows."""
    words = argparse.ArgumentParser(prog="./run docs", description="Builds the site of the documents, strictly.")
    words.add_argument("--serve", nargs="?", type=int, const=8008, metavar="PORT", help="then show it (default: 8008)")
    options = words.parse_args()
    if code := build():
        return code
    if found := outside_addresses(SITE):
        print("The site would fetch from outside:", *found, sep="\n", file=sys.stderr)
        return 1
    print(f"The documents are built: {SITE / 'index.html'}", flush=True)
    if options.serve is not None:
        serve(options.serve)
    return 0


if __name__ == "__main__":
    sys.exit(main())
