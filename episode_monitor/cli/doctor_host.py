"""What `doctor` says of this machine's part: the folder for files, room on its disk, and who may change things."""

import shutil
import tempfile
from pathlib import Path
from typing import Final

from episode_monitor.access import secret
from episode_monitor.cli.diagnosis import Diagnosis, DiagnosisLevel
from episode_monitor.settings.api_tokens import ApiToken, Role, parse_api_tokens, read_token_file
from episode_monitor.settings.settings import Settings
from episode_monitor.web.local_changes import places_elsewhere

STATE, TOKENS = "state", "tokens"
LEAST_FREE_BYTES: Final = 64 * 1024 * 1024


def state_dir(settings: Settings) -> Diagnosis:
    """It is made by the worker; until then its nearest folder decides."""
    folder: Path = settings.state_dir
    nearest = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
    if not nearest.is_dir():
        return _wrong(f"STATE_DIR {folder} is not a folder;")
    try:
        with tempfile.TemporaryFile(dir=nearest):
            free = shutil.disk_usage(nearest).free
    except OSError as error:
        return _wrong(f"STATE_DIR {folder} cannot be written to ({error.strerror}); give this user the right to, or")
    if free < LEAST_FREE_BYTES:
        least = f"{LEAST_FREE_BYTES >> 20} are needed"
        return _wrong(f"STATE_DIR {folder} has {free >> 20} MiB left, and {least}; make room, or")
    return Diagnosis(STATE, DiagnosisLevel.OK, f"STATE_DIR {folder} can be used.")


def _wrong(sentence: str) -> Diagnosis:
    return Diagnosis(STATE, DiagnosisLevel.WRONG, f"{sentence} choose another one.")


def tokens(settings: Settings) -> Diagnosis:
    """Who may acknowledge alerts and make other changes."""
    found: list[ApiToken] = []
    if settings.api_tokens is not None:
        found += parse_api_tokens(secret(settings.api_tokens) or "")
    if settings.api_tokens_file is not None:
        try:
            found += read_token_file(settings.api_tokens_file)
        except ValueError as error:
            return Diagnosis(TOKENS, DiagnosisLevel.WRONG, f"{error}.")
    operators = sum(token.role is Role.OPERATOR for token in found)
    if operators:
        named = ", ".join(token.name for token in found if token.name)
        who = f", of them by name: {named}" if named else ""
        return Diagnosis(TOKENS, DiagnosisLevel.OK, f"{operators} of {len(found)} may make changes{who}.")
    if found:
        sentence = "Nobody may acknowledge an alert or make another change; add an operator's token."
        return Diagnosis(TOKENS, DiagnosisLevel.WRONG, sentence)
    elsewhere = places_elsewhere(settings)
    if elsewhere:
        sentence = (
            f"There is none, and {', '.join(elsewhere)} shows that other machines reach this monitor: nobody there may "
            "acknowledge an alert; set API_TOKENS or API_TOKENS_FILE."
        )
        return Diagnosis(TOKENS, DiagnosisLevel.WRONG, sentence)
    return Diagnosis(TOKENS, DiagnosisLevel.OK, "There is none: only programs of this machine may make changes.")
