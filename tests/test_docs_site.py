"""The site of the documents: what `./run docs` makes of the pages, and what it refuses to fetch from elsewhere."""

import re
from pathlib import Path

import pytest

from tools.site.build import documents, linked_files
from tools.site.hooks import DIAGRAMS, diagram_name, diagrams_of, with_english_anchors
from tools.site.outside import outside_addresses

ROOT = Path(__file__).resolve().parents[1]
MENU = (ROOT / "tools" / "site" / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:")[2]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("page.html", '<script src="https://cdn.example/x.js"></script>'),
        ("page.html", '<link rel="stylesheet" href="//fonts.example/css">'),
        ("page.html", '<img src="http://pictures.example/x.png"/>'),
        ("page.html", "<style>body { background: url(https://x.example/a.png) }</style>"),
        ("page.html", "<script>fetch('https://x.example/a.json')</script>"),
        ("page.html", '<p style="background: url(//x.example/a.png)">'),
        ("look.css", "@import 'https://fonts.example/css';"),
        ("code.js", 'load("https://unpkg.com/x")'),
        ("picture.svg", '<image xlink:href="https://x.example/a.png"/>'),
    ],
)
def test_what_a_page_would_fetch_from_outside_is_found(name: str, content: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(content)
    assert len(outside_addresses(tmp_path)) == 1


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("page.html", '<p>See <a href="https://example.org/">there</a>, <code>https://hooks.slack.com/</code>.</p>'),
        ("page.html", '<script src="../assets/x.js"></script><img src="a.png">'),
        (
            "look.css",
            "/* from https://example.org */ svg { background: url(\"data:x xmlns='http://www.w3.org/2000/svg'\") }",
        ),
        ("picture.svg", '<svg xmlns="http://www.w3.org/2000/svg"><text>https://example.org</text></svg>'),
    ],
)
def test_what_is_only_text_or_a_link_to_follow_is_not(name: str, content: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(content)
    assert outside_addresses(tmp_path) == []


def test_every_diagram_is_drawn_as_it_is_written_and_none_is_left_over() -> None:
    wanted = {diagram_name(source) for page in documents() for source in diagrams_of(page.read_text(encoding="utf-8"))}
    assert wanted == {path.name for path in DIAGRAMS.glob("*.svg")}, "run python -m tools.site.draw"


def test_every_english_page_but_a_decision_is_in_the_menu() -> None:
    pages = {path.relative_to(ROOT).as_posix() for path in documents() if not path.name.endswith(".ko.md")}
    listed = set(re.findall(r"\S+\.md", MENU))
    assert listed == {page for page in pages if not re.search(r"decisions/\d", page)}


def test_every_word_of_the_menu_has_a_korean_one() -> None:
    settings = (ROOT / "tools" / "site" / "mkdocs.yml").read_text(encoding="utf-8")
    words = re.findall(r"^ +- ([^:]+):", MENU, re.MULTILINE)
    assert [word for word in words if f"            {word}: " not in settings] == []


def test_a_file_that_a_page_links_to_comes_along() -> None:
    assert ROOT / "examples" / "alerting" / "alerting.yaml" in linked_files(ROOT / "docs" / "alerting.md")


def test_headings_of_a_korean_page_have_the_english_names_too() -> None:
    english = "# Rules\n\n```sh\n# no heading\n```\n\n## Unit tests\n\n### `a_b` and c\n"
    korean = "# 규칙\n\n```sh\n# no heading\n```\n\n## 단위 시험\n\n### `a_b`와 c\n"
    assert with_english_anchors(korean, english) == (
        '# 규칙\n\n```sh\n# no heading\n```\n\n<a id="unit-tests"></a>\n\n## 단위 시험\n\n'
        '<a id="a_b-and-c"></a>\n\n### `a_b`와 c\n'
    )
