"""Where the monitor listens, and who may change things."""

import socket
from enum import Enum
from functools import partial
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, SecretStr

from alert_sinks.settings import ADDRESS, secret
from episode_monitor.settings import validators
from episode_monitor.settings.fields import (
    BaseAddress,
    setting,
)

_http = partial(setting, "HTTP")


class LoopbackChanges(Enum):
    """What a change from this machine needs while no API_TOKENS are set."""

    AUTO = "auto"
    DIRECT = "direct"
    TOKEN = "token"


class HttpSettings(BaseModel):
    """The group "HTTP"."""

    monitoring_host: Annotated[str, AfterValidator(validators.bind_host)] = _http(
        "127.0.0.1", "The address to listen on; 0.0.0.0 is all of them.", form="address"
    )
    monitoring_port: int = _http(8002, "The port to listen on.", ge=1, le=65_535)
    worker_url: BaseAddress | None = _http(
        None, "How other workers reach this one; unset: from host and port.", form=ADDRESS
    )
    api_tokens: Annotated[SecretStr, BeforeValidator(secret(validators.api_tokens))] | None = _http(
        None,
        "Who may change things: roles viewer and operator. Needed behind a proxy and for callers on other machines; "
        "unset: programs of the monitor's own user on this machine.",
        form="role:token, several separated by commas",
    )
    loopback_changes: Annotated[LoopbackChanges, BeforeValidator(validators.lower)] = _http(
        LoopbackChanges.AUTO,
        "Without API_TOKENS, whether changes from this machine need the token in STATE_DIR/operator-token; "
        "auto: where another setting says that something forwards to this monitor.",
    )
    internal_token: Annotated[SecretStr, BeforeValidator(secret(validators.internal_token))] | None = _http(
        None, "What workers of one monitor know each other by; the same on all.", form="at least 16 characters"
    )
    monitoring_allowed_hosts: Annotated[str, AfterValidator(validators.host_names)] = _http(
        "", "Further names this monitor may be opened by while it listens on loopback.", form="names, comma-separated"
    )
    monitoring_allowed_origins: Annotated[str, AfterValidator(validators.origins)] = _http(
        "", "Other sites whose pages may read answers and change things here.", form="origins, comma-separated"
    )
    metrics_max_projects: int = _http(
        100, "Projects with metrics of their own, the worst; the rest are one sum.", ge=0, le=10_000
    )

    @property
    def public_url(self) -> str:
        """How other workers reach this one: `worker_url`, or made of host and port."""
        if self.worker_url:
            return self.worker_url
        host = self.monitoring_host
        if host in ("0.0.0.0", "::"):
            host = socket.gethostname()
        return f"http://{f'[{host}]' if ':' in host else host}:{self.monitoring_port}"
