"""What mkdocs does beside its own work for the site of the documents; tools/site/build.py calls it.

Diagrams are pictures made beforehand, because the program that draws them is megabytes fetched from elsewhere.
"""

import hashlib
import re
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
DIAGRAMS = HERE / "diagrams"
_MERMAID = re.compile(r"^```mermaid\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_BLOCK_OR_HEADING = re.compile(r"^(?P<code>```.*?^```)|^#+ (?P<words>[^\n]*)$", re.MULTILINE | re.DOTALL)
_OTHER_LANGUAGE = re.compile(r"^\[(?:한국어|English)\]\([^)]*\)\n", re.MULTILINE)
_ONLY_ENGLISH = "*이 문서는 아직 영어로만 있습니다.*\n\n"
# The theme's scripts and styles name hosts in notes and for what this site does not use. Without the scheme they reach
# nobody, and a note can still be read.
_SCHEME = re.compile(rb"https?://(?!www\.w3\.org/)")
_OF_OTHER_LANGUAGES = ("tinyseg.js", "wordcut.js")


def diagram_name(source: str) -> str:
    """The file of a diagram: by its source, so that a changed one is missing until it is drawn."""
    return f"{hashlib.sha256(source.encode()).hexdigest()[:16]}.svg"


def diagrams_of(markdown: str) -> list[str]:
    """The sources of a page's diagrams."""
    return _MERMAID.findall(markdown)


def with_english_anchors(korean: str, english: str) -> str:
    """A Korean page whose headings have the names of the English ones too: pages that are English only lead there."""
    names = iter([github_slug(words) for words in headings(english)])

    def named(match: re.Match[str]) -> str:
        if match["code"] is not None:
            return match[0]
        name = next(names, "")
        return f'<a id="{name}"></a>\n\n{match[0]}' if name and not match[0].startswith("# ") else match[0]

    return _BLOCK_OR_HEADING.sub(named, korean)


def headings(markdown: str) -> list[str]:
    """The words of all headings, in their order."""
    return [match["words"] for match in _BLOCK_OR_HEADING.finditer(markdown) if match["code"] is None]


def github_slug(words: str) -> str:
    """The name under which GitHub and this site link to a heading."""
    return re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")


def on_config(config: Any) -> Any:
    """Adds every decision to the menu, below their index."""
    decisions = config["nav"][-1]["Decisions"]
    names = sorted(path.name for path in Path(config["docs_dir"], "docs", "decisions").glob("[0-9]*.md"))
    pages = [f"docs/decisions/{name}" for name in names]
    decisions.extend(page for page in pages if page not in decisions)
    return config


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """The menu has the languages, so pages need no link to their other one; diagrams become pictures."""
    text = _OTHER_LANGUAGE.sub("", markdown)
    text = re.sub(r"(\]\([^)\s:]*)\.ko\.md", r"\1.md", text)
    is_english_in_korean = page.file.locale_alternate_of == "ko" and ".ko.md" not in page.file.src_uri
    if is_english_in_korean and "decisions/" not in page.file.src_uri:
        text = re.sub(r"^(# .*\n+)", rf"\1{_ONLY_ENGLISH}", text, count=1)

    if ".ko.md" in page.file.src_uri:
        english = Path(config["docs_dir"], page.file.src_uri.replace(".ko.md", ".md"))
        text = with_english_anchors(text, english.read_text(encoding="utf-8"))

    def drawn(match: re.Match[str]) -> str:
        name = diagram_name(match[1])
        if not (DIAGRAMS / name).is_file():
            raise FileNotFoundError(f"{page.file.src_uri} has a diagram that is not drawn: run tools/site/draw.py")
        return f"![]({'../' * page.file.src_uri.count('/')}diagrams/{name})"

    return _MERMAID.sub(drawn, text)


def on_post_build(config: Any) -> None:
    """No script or style of the site names an outside address."""
    for path in Path(config["site_dir"], "assets").rglob("*"):
        if path.name in _OF_OTHER_LANGUAGES:
            path.unlink()
        elif path.suffix in (".js", ".css"):
            path.write_bytes(_SCHEME.sub(b"", path.read_bytes()))
