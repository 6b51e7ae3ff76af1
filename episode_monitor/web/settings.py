"""What the HTTP face needs to know of the configuration."""

import msgspec

from episode_monitor.settings.api_tokens import ApiToken

MAX_BODY_BYTES = 64 * 1024  # a mutation's body is a few hundred bytes; anything near this is a mistake or an attack


class WebSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`host` is the address bound to: on a loopback address, only loopback names are accepted in the Host header.

    `local_token` and `demands_local_token` are for a monitor without `api_tokens`.
    """

    host: str = "127.0.0.1"
    port: int = 8002
    api_tokens: tuple[ApiToken, ...] = ()
    local_token: ApiToken | None = None  # lets changes from this machine in, whatever forwards them
    demands_local_token: bool = False  # no change from this machine without it
    slack_signing_secret: str = ""  # "": presses of Slack's buttons are not taken
    allowed_hosts: tuple[str, ...] = ()  # further names, without port, that the Host header may have on loopback
    allowed_origins: tuple[
        str, ...
    ] = ()  # further origins, such as https://ops.example, that may read answers and send mutations
    base_path: str = ""  # of the address that people use, without a slash at the end; a proxy may leave it in the path
    check_wait_seconds: float = 10.0  # how long run-check waits before it answers 202
