"""What the HTTP face needs to know of the configuration. Tokens are checked here, once, and never printed."""

import hashlib
from enum import Enum

import msgspec

MAX_BODY_BYTES = 64 * 1024  # a mutation's body is a few hundred bytes; anything near this is a mistake or an attack


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


class WebSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`host` is the address bound to: on a loopback address, only loopback names are accepted in the Host header.

    `local_token` and `demands_local_token` are for a monitor without `api_tokens`.
    """

    host: str = "127.0.0.1"
    port: int = 8002
    api_tokens: tuple[ApiToken, ...] = ()
    local_token: ApiToken | None = None  # lets changes from this machine in, whatever forwards them
    demands_local_token: bool = False  # no change from this machine without it
    allowed_hosts: tuple[str, ...] = ()  # further names, without port, that the Host header may bear on loopback
    allowed_origins: tuple[
        str, ...
    ] = ()  # further origins, such as https://ops.example, that may read answers and send mutations
    base_path: str = ""  # of the address that people use, without a slash at the end; a proxy may leave it in the path
    check_wait_seconds: float = 10.0  # how long run-check waits before it answers 202


def parse_api_tokens(text: str) -> tuple[ApiToken, ...]:
    """Read `role:token,role:token`. An empty text means no tokens. Raises ValueError that names the entry by place."""
    entries = [entry.strip() for entry in text.split(",") if entry.strip()]
    tokens = tuple(_parse_entry(place, entry) for place, entry in enumerate(entries, start=1))
    if len({token.digest for token in tokens}) < len(tokens):
        raise ValueError("API_TOKENS names one token twice: give each role a token of its own")
    return tokens


def _parse_entry(place: int, entry: str) -> ApiToken:
    role, colon, token = (part.strip() for part in entry.partition(":"))
    if not colon or role not in {known.value for known in Role}:
        raise ValueError(f"API_TOKENS entry {place} must be viewer:TOKEN or operator:TOKEN")
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise ValueError(f"API_TOKENS entry {place} needs a token of printable ASCII characters without spaces")
    return ApiToken.of(Role(role), token)
