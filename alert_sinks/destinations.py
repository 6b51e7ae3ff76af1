"""Makes the sinks that are configured. The log stands in for sinks of the team that are not, and that is said once."""

import httpx
import msgspec
import structlog

from alert_sinks.fanout import Destinations
from alert_sinks.kinds.handlers import HandlerSink, check_handler
from alert_sinks.kinds.log import LogSink
from alert_sinks.kinds.slack import SlackSink
from alert_sinks.kinds.webhook import WebhookSink
from alert_sinks.posting import TIMEOUT_SECONDS, checked_address
from alert_sinks.proxies import check_way
from alert_sinks.sink import Sink

_log = structlog.get_logger(__name__)


class SinkConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Addresses and secrets, None where not set. A secret is `whsec_` and base64, or any other text."""

    slack_webhook_url: str | None = None
    webhook_url: str | None = None
    webhook_secret: str | None = None
    oncall_slack_webhook_url: str | None = None
    oncall_webhook_url: str | None = None
    oncall_webhook_secret: str | None = None  # None: the on-call webhook is signed with `webhook_secret`
    handlers: tuple[str, ...] = ()  # of the team's own, by their names
    timeout_seconds: float = TIMEOUT_SECONDS  # for one whole request

    def __repr__(self) -> str:
        # Addresses and secrets must not reach a log by way of a traceback.
        return "SinkConfig(…)"


def build_destinations(config: SinkConfig, client: httpx.AsyncClient) -> Destinations:
    """The sinks of the team and of on-call, which all use `client` (see `posting.new_client`).

    Raises ValueError with one sentence that names the setting if an address or a secret cannot be used.
    """
    team: list[Sink] = []
    on_call: list[Sink] = []
    timeout = config.timeout_seconds
    if config.slack_webhook_url:
        url = _address(config.slack_webhook_url, "SLACK_WEBHOOK_URL")
        team.append(SlackSink(client, url, timeout_seconds=timeout))
    if config.webhook_url:
        url = _address(config.webhook_url, "MONITORING_WEBHOOK_URL")
        team.append(WebhookSink(client, url, config.webhook_secret or None, timeout_seconds=timeout))
    for handler in config.handlers:
        check_handler(handler)
        team.append(HandlerSink(handler))
    if config.oncall_slack_webhook_url:
        url = _address(config.oncall_slack_webhook_url, "ONCALL_SLACK_WEBHOOK_URL")
        on_call.append(SlackSink(client, url, name="oncall_slack", timeout_seconds=timeout))
    if config.oncall_webhook_url:
        url = _address(config.oncall_webhook_url, "ONCALL_WEBHOOK_URL")
        secret = config.oncall_webhook_secret or config.webhook_secret or None
        on_call.append(WebhookSink(client, url, secret, name="oncall_webhook", timeout_seconds=timeout))
    if missing := _missing(config):
        _log.warning("alerts also go to the log, in place of sinks that are not configured", not_configured=missing)
        team.append(LogSink())
    return Destinations(team, on_call)


def _address(url: str, setting: str) -> str:
    checked_address(url, setting)
    check_way(url)
    return url


def _missing(config: SinkConfig) -> list[str]:
    wanted = {"SLACK_WEBHOOK_URL": config.slack_webhook_url, "MONITORING_WEBHOOK_URL": config.webhook_url}
    return [setting for setting, url in wanted.items() if not url]
