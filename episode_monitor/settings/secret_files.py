"""Secrets that are files, as Docker and Kubernetes mount them: `NAME_FILE` names the file that holds the secret NAME.

A line break at its end, which editors write, is no part of the secret. No sentence repeats what a file holds.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

SUFFIX: Final = "_FILE"
MOST_BYTES: Final = 64 * 1024


class BadSecretFile(ValueError):
    """A file that holds no secret; the message is one sentence for each, with the name of the setting."""


def secrets_of_files(environment: Mapping[str, str], secrets: Iterable[str]) -> dict[str, str]:
    """By name, the secrets that files hold. `secrets`: the names that may be given so. Raises BadSecretFile."""
    found, wrong = {}, []
    given = {name.upper(): text for name, text in environment.items() if text}
    for name in secrets:
        path = given.get(name + SUFFIX)
        if path is None:
            continue
        try:
            if name in given:
                raise BadSecretFile(f"{name} and {name}{SUFFIX} are both set; unset one of them.")
            found[name] = _secret_in(Path(path.strip()), name + SUFFIX)
        except BadSecretFile as error:
            wrong.append(str(error))
    if wrong:
        raise BadSecretFile(" ".join(wrong))
    return found


def _secret_in(file: Path, setting: str) -> str:
    try:
        with file.open("rb") as opened:
            raw = opened.read(MOST_BYTES + 1)
    except IsADirectoryError:
        raise BadSecretFile(f"{setting} is a folder; name the file in it that holds the secret.") from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "no path"
        raise BadSecretFile(f"{setting} cannot be read ({why}); correct the path or the rights of the file.") from None
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise BadSecretFile(f"{setting} is no text in UTF-8; write the secret into it as text.") from None
    text = text.removesuffix("\n").removesuffix("\r")
    if not text.strip():
        raise BadSecretFile(f"{setting} is empty; write the secret into it.")
    if len(raw) > MOST_BYTES or "\n" in text or "\r" in text:
        raise BadSecretFile(f"{setting} has several lines; a secret is one line, so write nothing else into it.")
    return text
