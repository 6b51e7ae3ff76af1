"""What a built site would fetch from other hosts: it must be nothing. A link to follow fetches nothing by itself."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

# Attributes by which a browser fetches something when it shows the page.
_FETCHING = {"src", "srcset", "poster", "data", "action", "background", "xlink:href"}
_ADDRESS = re.compile(r"(?:https?:|wss?:)?//[a-z0-9$]", re.IGNORECASE)
_IN_CODE = re.compile(r"""(?:https?|wss?)://(?!www\.w3\.org/)[^\s"'`)<>]+""", re.IGNORECASE)
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)


def outside_addresses(site: Path) -> list[str]:
    """`file: address` for each, in the order of the files."""
    found = []
    for path in sorted(site.rglob("*")):
        if path.suffix in _READERS:
            text = path.read_text(encoding="utf-8")
            found += [f"{path.relative_to(site)}: {address}" for address in _READERS[path.suffix](text)]
    return found


def in_code(text: str) -> Iterator[str]:
    """Of a script or a style sheet: every address but names of XML and those in comments."""
    yield from _IN_CODE.findall(_COMMENT.sub("", text))


def in_page(text: str) -> Iterator[str]:
    """Of a page: what its tags, inline scripts and styles fetch."""
    page = _Page()
    page.feed(text)
    yield from page.found


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = tag if tag in ("script", "style") else ""
        for name, value in attrs:
            fetches = name in _FETCHING or (name == "href" and tag not in ("a", "area"))
            if value and ((fetches and _ADDRESS.match(value.strip())) or (name == "style" and "//" in value)):
                self.found.append(value)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self._inside = ""

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.found.extend(in_code(data))


_READERS = {".html": in_page, ".svg": in_page, ".js": in_code, ".css": in_code}
