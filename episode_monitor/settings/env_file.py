"""Mistakes in `.env` and the environment that reading the settings would not notice.

pydantic-settings passes over a `.env` that is a folder, over lines that are no assignment, and over unknown names.
"""

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from dotenv import dotenv_values
from dotenv.parser import parse_stream

from episode_monitor.settings.secret_files import SUFFIX

ENV_FILE: Final = Path(".env")
_LIKENESS: Final = 0.85  # SLACK_WEBHOOK is like SLACK_WEBHOOK_URL, and LOG_PATH is not like LOG_LEVEL
_MAX_NOTICES: Final = 20
RETIRED: Final = {
    "ALERT_DISPATCHER": "the dispatcher always decides who is notified of what",
}  # settings of older versions, and what is so now


def unusable(path: Path) -> str | None:
    """Why the file cannot be read although something of its name is there; one sentence."""
    if path.is_dir():
        return f"{path} is a folder (Docker creates one for a missing file); replace it with the file or remove it."
    if path.exists() and not path.is_file():
        return f"{path} is not a regular file; replace it with one or remove it."
    return None


def notices(path: Path, environment: Mapping[str, str], settings: Iterable[str]) -> list[str]:
    """Lines of the file that are no assignment, and names in file and environment that resemble a setting's, or are one
    of an older version."""
    known = {name.upper() for name in settings}
    known |= {name + SUFFIX for name in known}  # a secret may be a file
    found = [*_of_file(path, known), *(_resembling("The environment", name, known) for name in environment)]
    said = [sentence for sentence in found if sentence]
    return said[:_MAX_NOTICES]


def source_of(name: str, path: Path, environment: Mapping[str, str]) -> str:
    """Where the value of a setting comes from. An empty text is unset."""
    names = (name, name + SUFFIX)
    if any(value for key, value in environment.items() if key.upper() in names):
        return "environment"
    values = dotenv_values(path) if path.is_file() else {}
    return str(path) if any(value for key, value in values.items() if key.upper() in names) else "default"


def _of_file(path: Path, known: set[str]) -> Iterator[str]:
    try:
        with path.open(encoding="utf-8") as lines:
            bindings = list(parse_stream(lines))
    except (OSError, UnicodeDecodeError):
        return  # reading the settings says why
    for binding in bindings:
        line = binding.original.line + binding.original.string[: len(_leading(binding.original.string))].count("\n")
        if binding.error or (binding.key is not None and binding.value is None):
            yield f"{path} line {line} is not an assignment and is ignored; write NAME=VALUE."
        elif binding.key is not None:
            yield _resembling(f"{path} line {line}", binding.key, known)


def _leading(text: str) -> str:
    return text[: len(text) - len(text.lstrip())]


def _resembling(place: str, name: str, known: set[str]) -> str:
    upper = name.upper()
    if upper in known:
        return ""
    if upper in RETIRED:
        return f"{place} sets {name}, which is not a setting any more and is ignored: {RETIRED[upper]}. Remove it."
    near = get_close_matches(upper, known, n=1, cutoff=_LIKENESS)
    return f"{place} sets {name}, which is not a setting and is ignored; {near[0]} may be meant." if near else ""
