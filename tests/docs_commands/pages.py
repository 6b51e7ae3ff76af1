"""The commands of the documents, and what the mark above each block says about them.

A mark is an HTML comment of YAML before a block of `sh` or `console`, which no reader sees:

    <!-- run: -->                                     each command ends with 0
    <!-- run: {exit: [1, 0], within: 30, shows: 'gaps'} -->
    <!-- not run: why -->

`exit` is one code for all commands, or one for each. `within`: seconds for which a command is tried again. `shows`: an
expression that the output of the last command has. `before`: what is run first and no reader types. `put`: what stands
in the block -> what is run for it, where each run has another. `until`: the block does not end; go on when its
output shows this.
"""

import re
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import yaml
from markdown_it import MarkdownIt

ROOT = Path(__file__).resolve().parents[2]
SHELLS = ("sh", "console", "bash", "shell")


class Run(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a block is run."""

    exit: int | list[int] = 0
    within: float = 0
    shows: str | None = None
    before: str = ""
    put: dict[str, str] = {}
    until: str | None = None


class Block(msgspec.Struct, frozen=True):
    """One block of commands. `mark` is how it is run, or why it is not; None where nothing says so."""

    page: str
    line: int
    content: str
    mark: Run | str | None

    @property
    def place(self) -> str:
        """Where a person finds it."""
        return f"{self.page}:{self.line}"

    def statements(self) -> list[str]:
        """Its commands in order, as they are run, each with the exit code that `codes` has at its place."""
        text = self.content
        for shown, run in (self.mark.put if isinstance(self.mark, Run) else {}).items():
            if shown not in text:
                raise ValueError(f"{self.place}: `put` names {shown!r}, and the block has no such text.")
            text = text.replace(shown, run)
        return split(text)

    def codes(self) -> list[int]:
        """The exit code of each command. Raises ValueError where the mark has another number of them."""
        assert isinstance(self.mark, Run)
        count = len(self.statements())
        codes = [self.mark.exit] * count if isinstance(self.mark.exit, int) else self.mark.exit
        if len(codes) != count:
            raise ValueError(f"{self.place}: {len(codes)} exit codes for {count} commands.")
        return codes


def blocks_of(path: Path) -> list[Block]:
    """The blocks of commands of one page, in their order. Raises ValueError for a mark that is none."""
    page = path.relative_to(ROOT).as_posix()
    return blocks_in(path.read_text(encoding="utf-8"), page)


def blocks_in(text: str, page: str) -> list[Block]:
    """The same of a text."""
    found: list[Block] = []
    mark: Run | str | None = None
    for token in MarkdownIt().parse(text):
        if token.type == "html_block":
            mark = _mark(token.content, page)
        elif token.type == "fence":
            if token.info.split()[:1] and token.info.split()[0] in SHELLS:
                assert token.map is not None
                found.append(Block(page, token.map[0] + 1, token.content, mark))
            mark = None
        elif token.level == 0:
            mark = None
    return found


def _mark(comment: str, page: str) -> Run | str | None:
    match = re.fullmatch(r"<!-- ((?:not )?run:.*?) -->", comment.strip(), re.DOTALL)
    if match is None:
        return None
    said: dict[str, Any] = yaml.safe_load(match[1])
    if "not run" in said:
        return str(said["not run"] or "")
    try:
        return msgspec.convert(said["run"] or {}, Run)
    except msgspec.ValidationError as error:
        raise ValueError(f"{page}: {match[0]}: {error}") from None


@cache
def _is_whole(text: str) -> bool:
    """Whether a shell would run it now, rather than wait for another line."""
    done = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True, check=False)
    return done.returncode == 0 and "here-document" not in done.stderr and not text.rstrip("\n").endswith("\\")


def split(text: str) -> list[str]:
    """The commands of a text. Comments and empty lines are none. Raises ValueError where the last one has no end."""
    found, begun = [], ""
    for line in text.splitlines():
        if not begun and (not line.strip() or line.lstrip().startswith("#")):
            continue
        begun += f"{line}\n"
        if _is_whole(begun):
            found.append(begun.rstrip("\n"))
            begun = ""
    if begun:
        raise ValueError(f"A command has no end:\n{begun}")
    return found
