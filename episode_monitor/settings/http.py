"""Where the monitor listens, and who may change things."""

import socket
from enum import Enum
from functools import partial
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, PrivateAttr, SecretStr

from alert_sinks.settings import ADDRESS, secret
from episode_monitor.addresses import url_at
from episode_monitor.settings import validators
from episode_monitor.settings.fields import BaseAddress, ReadableFile, setting

_http = partial(setting, "HTTP")


class LoopbackChanges(Enum):
    """What a change from this machine needs while no API_TOKENS are set."""

    AUTO = "auto"
    DIRECT = "direct"
    TOKEN = "token"


class HttpSettings(BaseModel):
    """The group "HTTP"."""

    monitoring_host: Annotated[str, AfterValidator(validators.bind_host)] = _http(
        "127.0.0.1", "The address to listen on; 0.0.0.0 means all addresses.", form="address"
    )
    monitoring_port: int = _http(8002, "The port to listen on.", ge=1, le=65_535)
    worker_url: BaseAddress | None = _http(
        None, "The address at which other workers reach this one; unset: built from host and port.", form=ADDRESS
    )
    api_tokens: Annotated[SecretStr, BeforeValidator(secret(validators.api_tokens))] | None = _http(
        None,
        "The tokens of viewers and operators; changes need an operator's. Required behind a proxy and for callers on "
        "other machines. Unset: only programs of the monitor's own user on this machine may make changes.",
        form="role:token, several separated by commas",
    )
    api_tokens_file: ReadableFile | None = _http(
        None,
        "A file with the hashes of further tokens, each with a role and a name, which the audit has of every change; "
        "`episode-monitor tokens create NAME` makes a line. It is read at the start.",
        form="path",
    )
    operator_token: SecretStr | None = _http(
        None,
        "The token that commands on this machine send; unset: the first operator's token of API_TOKENS, or the one in "
        "STATE_DIR/operator-token.",
        form="the token",
    )
    loopback_changes: Annotated[LoopbackChanges, BeforeValidator(validators.lower)] = _http(
        LoopbackChanges.AUTO,
        "Without API_TOKENS, whether changes from this machine need the token in STATE_DIR/operator-token; "
        "auto: only if another setting shows that requests are forwarded to this monitor.",
    )
    internal_token: Annotated[SecretStr, BeforeValidator(secret(validators.internal_token))] | None = _http(
        None,
        "The token that workers of one monitor send to each other; the same on all workers.",
        form="at least 16 characters",
    )
    slack_signing_secret: SecretStr | None = _http(
        None,
        "The signing secret of the Slack app whose bot posts alerts: its messages get buttons, and presses of them are "
        "taken at /monitoring/episodes/slack/actions by Slack's signature, without a token.",
        form="the signing secret",
    )
    monitoring_allowed_hosts: Annotated[str, AfterValidator(validators.host_names)] = _http(
        "",
        "Additional host names that are accepted while the monitor listens on loopback.",
        form="names, comma-separated",
    )
    monitoring_allowed_origins: Annotated[str, AfterValidator(validators.origins)] = _http(
        "", "Other origins whose pages may read answers and make changes here.", form="origins, comma-separated"
    )
    costly_requests_per_minute: int = _http(
        30,
        "How often a minute one caller may start a replay, a backtest or a deep check or make a repair plan, each "
        "counted apart by each process; beyond it the answer is 429. 0: no limit.",
        ge=0,
        le=10_000,
    )
    metrics_max_projects: int = _http(
        100,
        "How many projects have metrics of their own, the worst first; the rest are summed as `_other`.",
        ge=0,
        le=10_000,
    )

    _own_url: str = PrivateAttr("")

    @property
    def own_url(self) -> str:
        """How other workers reach this process: `public_url`, unless it is one of several behind that."""
        return self._own_url or self.public_url

    @property
    def public_url(self) -> str:
        """How this worker is reached, as one or as several processes: `worker_url`, or made of host and port."""
        if self.worker_url:
            return self.worker_url
        host = self.monitoring_host
        if host in ("0.0.0.0", "::"):
            host = socket.gethostname()
        return url_at(host, self.monitoring_port)
