"""The shell that runs the commands of a page notices what a reader would."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs_commands.pages import blocks_in
from tests.docs_commands.shell import CommandFailed, Shell


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    with Shell(tmp_path, {"PATH": os.environ["PATH"]}, "greeting=hello") as shell:
        yield shell


def run(shell: Shell, mark: str, commands: str) -> None:
    (block,) = blocks_in(f"<!-- run: {mark} -->\n```sh\n{commands}\n```\n", "p")
    shell.run_block(block)


def test_commands_share_variables_and_folder(shell: Shell) -> None:
    run(shell, "{shows: '^hello you$'}", 'name=you; mkdir a; cd a\necho "$greeting $name"')
    run(shell, "{shows: '/a$'}", "pwd")


@pytest.mark.parametrize(
    ("mark", "commands"),
    [
        ("", "false"),
        ("{exit: 1}", "true"),
        ("{exit: [0, 1]}", "true\ntrue"),
        ("{shows: bye}", "echo hello"),
        ("", "false | true"),
        ("{before: 'false'}", "true"),
    ],
)
def test_a_command_that_does_something_else_is_noticed(shell: Shell, mark: str, commands: str) -> None:
    with pytest.raises(CommandFailed, match=r"^p:2: "):
        run(shell, mark, commands)


def test_a_command_that_ends_the_shell_is_noticed(shell: Shell) -> None:
    with pytest.raises(CommandFailed, match="ended the shell"):
        run(shell, "", "exit 0")


def test_a_command_is_tried_again_as_long_as_its_mark_says(shell: Shell) -> None:
    run(shell, "{within: 30, exit: 0}", "echo x >> tries; [ $(wc -l < tries) = 3 ]")
    assert shell.run("cat tries") == (0, "x\nx\nx\n")


def test_what_does_not_end_runs_on_and_ends_with_the_page(tmp_path: Path) -> None:
    with Shell(tmp_path, {"PATH": os.environ["PATH"]}) as shell:
        run(shell, "{until: ready}", "echo $BASHPID > pid\necho ready\nsleep 600")
        pid = int((tmp_path / "pid").read_text())
        os.kill(pid, 0)
    deadline = time.monotonic() + 10
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(f"/proc/{pid}").exists()
