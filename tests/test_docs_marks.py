"""Every block of commands in the documents says how it is run, or why it is not; and the marks are read as meant."""

from pathlib import Path

import pytest

from tests.docs_commands.pages import ROOT, Run, blocks_in, blocks_of, split
from tests.docs_commands.plan import PLAN, english_pages
from tests.test_docs import commands_in


@pytest.mark.parametrize("path", english_pages(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_block_of_commands_is_marked(path: Path) -> None:
    for block in blocks_of(path):
        assert block.mark is not None, f"{block.place} says neither how it is run nor why not (CONTRIBUTING.md)"
        if isinstance(block.mark, Run):
            assert block.codes(), f"{block.place} has no command"
        else:
            assert len(block.mark) > 10, f"{block.place} needs a reason"


def test_every_page_with_commands_to_run_is_run_and_no_other() -> None:
    with_commands = {
        path.relative_to(ROOT).as_posix()
        for path in english_pages()
        if any(isinstance(block.mark, Run) for block in blocks_of(path))
    }
    assert with_commands == {page for pages in PLAN.values() for page in pages}


@pytest.mark.parametrize("path", sorted(ROOT.glob("**/*.ko.md")), ids=lambda path: path.name)
def test_a_korean_page_has_the_commands_of_the_english_one(path: Path) -> None:
    english = path.with_name(path.name.replace(".ko.md", ".md"))
    assert commands_in(path.read_text(encoding="utf-8")) == commands_in(english.read_text(encoding="utf-8"))


def test_a_mark_belongs_to_the_block_right_below_it() -> None:
    page = (
        "<!-- run: {exit: 1} -->\n```sh\nfalse\n```\n\n```console\ntrue\n```\n\n"
        "<!-- not run: needs a phone -->\n\n```sh\ncall\n```\n"
    )
    assert [block.mark for block in blocks_in(page, "p")] == [Run(exit=1), None, "needs a phone"]


def test_a_mark_above_other_words_is_nobodys() -> None:
    assert blocks_in("<!-- run: -->\n\nWords.\n\n```sh\ntrue\n```\n", "p")[0].mark is None


@pytest.mark.parametrize("mark", ["<!-- run: {exits: 1} -->", "<!-- run: {exit: one} -->"])
def test_a_mark_with_an_unknown_or_wrong_word_is_refused(mark: str) -> None:
    with pytest.raises(ValueError, match="p: <!-- run"):
        blocks_in(f"{mark}\n```sh\ntrue\n```\n", "p")


def test_commands_over_several_lines_are_one() -> None:
    text = "a \\\n  b  # note\n\n# only a note\nx=$(c |\n  d)\ncat <<'END'\ne\n\nEND\nf 'g\nh'\n"
    assert split(text) == ["a \\\n  b  # note", "x=$(c |\n  d)", "cat <<'END'\ne\n\nEND", "f 'g\nh'"]


def test_a_text_that_is_put_in_must_be_in_the_block() -> None:
    (block,) = blocks_in("<!-- run: {put: {ID: $id}} -->\n```sh\nshow ID\n```\n", "p")
    assert block.statements() == ["show $id"]
    (block,) = blocks_in("<!-- run: {put: {NAME: $id}} -->\n```sh\nshow ID\n```\n", "p")
    with pytest.raises(ValueError, match="no such text"):
        block.statements()


def test_there_is_an_exit_code_for_each_command() -> None:
    (block,) = blocks_in("<!-- run: {exit: [1]} -->\n```sh\nfalse\nfalse\n```\n", "p")
    with pytest.raises(ValueError, match="1 exit codes for 2 commands"):
        block.codes()
