"""The tokens of API_TOKENS. They are checked here, once, and never printed."""

import hashlib
from enum import Enum

import msgspec


class Role(Enum):
    """What a token may do. Reads are open to everybody who can reach the port; `OPERATOR` may also change things."""

    VIEWER = "viewer"
    OPERATOR = "operator"


class ApiToken(msgspec.Struct, frozen=True):
    """One token, kept as its SHA-256, so that a settings dump cannot give it away."""

    role: Role
    digest: bytes

    @classmethod
    def of(cls, role: Role, token: str) -> "ApiToken":
        """Hash a token of the configuration."""
        return cls(role, hashlib.sha256(token.encode()).digest())


def parse_api_tokens(text: str) -> tuple[ApiToken, ...]:
    """Read `role:token,role:token`. An empty text means no tokens. Raises ValueError that names the entry by place."""
    entries = [entry.strip() for entry in text.split(",") if entry.strip()]
    tokens = tuple(_parse_entry(place, entry) for place, entry in enumerate(entries, start=1))
    if len({token.digest for token in tokens}) < len(tokens):
        raise ValueError("API_TOKENS contains the same token twice: use a different token for each role")
    return tokens


def _parse_entry(place: int, entry: str) -> ApiToken:
    role, colon, token = (part.strip() for part in entry.partition(":"))
    if not colon or role not in {known.value for known in Role}:
        raise ValueError(f"API_TOKENS entry {place} must be viewer:TOKEN or operator:TOKEN")
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise ValueError(f"API_TOKENS entry {place} needs a token of printable ASCII characters without spaces")
    return ApiToken.of(Role(role), token)
