"""The tokens of API_TOKENS, and the hashes of tokens in API_TOKENS_FILE. They are checked here, and never printed."""

import hashlib
import re
from enum import Enum
from pathlib import Path
from typing import Final

import msgspec


class Role(Enum):
    """What a token may do. Reads are open to everybody who can reach the port; `OPERATOR` may also change things."""

    VIEWER = "viewer"
    OPERATOR = "operator"


_HASHED: Final = re.compile(r"sha256:([0-9a-f]{64})")
_NAME: Final = re.compile(r"[^\s:,#]{1,200}")
_LINE: Final = "must be ROLE NAME sha256:HASH, as `episode-monitor tokens create` prints it"


class ApiToken(msgspec.Struct, frozen=True):
    """One token, kept as its SHA-256, so that no dump of settings gives it away. `name`: whose it is, for the audit."""

    role: Role
    digest: bytes
    name: str = ""

    @classmethod
    def of(cls, role: Role, token: str, name: str = "") -> "ApiToken":
        """Hash a token of the configuration."""
        return cls(role, hashlib.sha256(token.encode()).digest(), name)

    @property
    def line(self) -> str:
        """As API_TOKENS_FILE has it."""
        return f"{self.role.value} {self.name} sha256:{self.digest.hex()}"


def parse_api_tokens(text: str) -> tuple[ApiToken, ...]:
    """Read `role:token,role:token`. An empty text means no tokens. Raises ValueError that names the entry by place."""
    entries = [entry.strip() for entry in text.split(",") if entry.strip()]
    tokens = tuple(_parse_entry(place, entry) for place, entry in enumerate(entries, start=1))
    if len({token.digest for token in tokens}) < len(tokens):
        raise ValueError("API_TOKENS contains the same token twice: use a different token for each role")
    return tokens


def read_token_file(path: Path) -> tuple[ApiToken, ...]:
    """The tokens of a file: a line for each, `#` begins a comment. Raises ValueError with one sentence."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else error.strerror
        raise ValueError(f"API_TOKENS_FILE {path} cannot be read: {why}") from None
    lines = ((number, line.partition("#")[0].strip()) for number, line in enumerate(text.splitlines(), 1))
    tokens = tuple(_parse_line(f"API_TOKENS_FILE {path}, line {number},", line) for number, line in lines if line)
    if not tokens:
        raise ValueError(
            f"API_TOKENS_FILE {path} has no token, so nobody could change anything: add a line of "
            "`episode-monitor tokens create NAME`, or unset it"
        )
    if len({token.name for token in tokens}) < len(tokens) or len({token.digest for token in tokens}) < len(tokens):
        raise ValueError(f"API_TOKENS_FILE {path} has a name or a token twice: the audit could not say who it was")
    return tokens


def _parse_line(where: str, line: str) -> ApiToken:
    words = line.split()
    if len(words) != 3 or words[0] not in {role.value for role in Role} or not is_name(words[1]):
        raise ValueError(f"{where} {_LINE}")
    hashed = _HASHED.fullmatch(words[2])
    if hashed is None:
        raise ValueError(f"{where} {_LINE}; a token itself does not belong into the file")
    return ApiToken(Role(words[0]), bytes.fromhex(hashed[1]), words[1])


def is_name(text: str) -> bool:
    """Whether a token may have this name: one printable word."""
    return _NAME.fullmatch(text) is not None and text.isprintable()


def _parse_entry(place: int, entry: str) -> ApiToken:
    role, colon, token = (part.strip() for part in entry.partition(":"))
    if not colon or role not in {known.value for known in Role}:
        raise ValueError(f"API_TOKENS entry {place} must be viewer:TOKEN or operator:TOKEN")
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise ValueError(f"API_TOKENS entry {place} needs a token of printable ASCII characters without spaces")
    return ApiToken.of(Role(role), token)
