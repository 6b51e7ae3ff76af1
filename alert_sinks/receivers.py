"""The receivers of `alerting.yaml` as values: which keys each kind has, and what of Alertmanager it has not.

Secrets are wrapped: neither `repr` nor an error shows them.
"""

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, Final

import msgspec
from pydantic import SecretStr

PAGERDUTY_URL = "https://events.pagerduty.com/v2/enqueue"


class Form(Enum):
    """What a key's text must look like. A secret may also stand in a file: `api_url_file` for `api_url`."""

    TEXT = "text"
    FLAG = "flag"
    COUNT = "count"
    ADDRESS = "address"
    HOST_PORT = "host and port"
    MAIL = "mail addresses"
    SECRET = "secret"
    SECRET_ADDRESS = "secret address"
    APPRISE = "apprise address"


SECRETS = (Form.SECRET, Form.SECRET_ADDRESS, Form.APPRISE)


class ReceiverConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One way of a receiver. Unlike Alertmanager's, every kind sends resolved alerts unless that is switched off."""

    send_resolved: bool = True


class SlackConfig(ReceiverConfig, frozen=True, kw_only=True):
    """An incoming webhook, or a bot that posts to a channel. Exactly one of the two."""

    api_url: SecretStr | None = None
    bot_token: SecretStr | None = None
    channel: str = ""  # with a webhook of Slack: fixed by Slack, and only shown


class WebhookConfig(ReceiverConfig, frozen=True, kw_only=True):
    """An address that takes a POST. `secret` signs it (Standard Webhooks). `max_alerts` 0: all of a group."""

    url: SecretStr
    secret: SecretStr | None = None
    max_alerts: int = 0


class PagerdutyConfig(ReceiverConfig, frozen=True, kw_only=True):
    """A service of PagerDuty, Events API v2."""

    routing_key: SecretStr
    url: str = PAGERDUTY_URL


class EmailConfig(ReceiverConfig, frozen=True, kw_only=True):
    """Mail by SMTP. `to` may hold several addresses with commas between."""

    to: str
    smarthost: str
    sender: str  # `from` in the file
    hello: str = "localhost"
    auth_username: str = ""
    auth_password: SecretStr | None = None
    require_tls: bool = True


class AlertmanagerConfig(ReceiverConfig, frozen=True, kw_only=True):
    """An Alertmanager that gets the alerts through its API v2. `url` is its base address."""

    url: SecretStr
    bearer_token: SecretStr | None = None


class AppriseConfig(ReceiverConfig, frozen=True, kw_only=True):
    """Any service that Apprise knows, by its address, such as tgram://TOKEN/CHAT."""

    url: SecretStr


class Receiver(msgspec.Struct, frozen=True, kw_only=True):
    """A name and its ways; without a way, what goes there is not delivered."""

    name: str
    configs: tuple[ReceiverConfig, ...] = ()


Values = Mapping[str, Any]
Fault = tuple[str, str] | None  # a key, and a sentence about it


class ReceiverKind(msgspec.Struct, frozen=True, kw_only=True):
    """One `*_configs` key. `defaults` names the key of `global` that stands in for a key; `refused` says what to do."""

    config: type[ReceiverConfig]
    forms: dict[str, Form]
    required: tuple[str, ...] = ()
    defaults: dict[str, str] = {}
    refused: dict[str, str] = {}
    renamed: dict[str, str] = {}  # key -> field
    fault: Callable[[Values], Fault] = lambda _: None


_TEXTS = "remove it: the texts of messages are the monitor's own"
_HTTP = "remove it: a proxy comes from HTTPS_PROXY, and certificates from the system"
_ALERTS_OWN = "remove it: it comes from the alert"


def _each(sentence: str, *keys: str) -> dict[str, str]:
    return dict.fromkeys(keys, sentence)


def _slack_fault(values: Values) -> Fault:
    if values.get("api_url") and values.get("bot_token"):
        return "bot_token", "stands beside `api_url`; keep one of the two"
    if not values.get("api_url") and not values.get("bot_token"):
        return "api_url", "is missing, and `bot_token` too; set one of the two, or `slack_api_url` under `global`"
    if values.get("bot_token") and not values.get("channel"):
        return "channel", "is missing; name the channel to which the bot posts"
    return None


def _email_fault(values: Values) -> Fault:
    if bool(values.get("auth_username")) != bool(values.get("auth_password")):
        return "auth_username", "and `auth_password` belong together; set both or none"
    return None


KINDS: Final = {
    "slack_configs": ReceiverKind(
        config=SlackConfig,
        forms={"api_url": Form.SECRET_ADDRESS, "bot_token": Form.SECRET, "channel": Form.TEXT},
        defaults={"api_url": "slack_api_url"},
        refused=_each(_TEXTS, "username", "color", "title", "title_link", "pretext", "text", "fields", "short_fields",
                      "footer", "fallback", "callback_id", "icon_emoji", "icon_url", "image_url", "thumb_url",
                      "link_names", "mrkdwn_in", "actions") | {"http_config": _HTTP},
        fault=_slack_fault,
    ),
    "webhook_configs": ReceiverKind(
        config=WebhookConfig,
        forms={"url": Form.SECRET_ADDRESS, "secret": Form.SECRET, "max_alerts": Form.COUNT},
        required=("url",),
        refused={"http_config": "remove it, and sign requests with `secret`; a proxy comes from HTTPS_PROXY"},
    ),
    "pagerduty_configs": ReceiverKind(
        config=PagerdutyConfig,
        forms={"routing_key": Form.SECRET, "url": Form.ADDRESS},
        required=("routing_key",),
        defaults={"url": "pagerduty_url"},
        refused=_each(_TEXTS, "client", "client_url", "description", "details", "images", "links")
        | _each(_ALERTS_OWN, "severity", "class", "component", "group")
        | {"http_config": _HTTP, "service_key": "use `routing_key`, the key of an integration with Events API v2"},
    ),
    "email_configs": ReceiverKind(
        config=EmailConfig,
        forms={"to": Form.MAIL, "from": Form.TEXT, "smarthost": Form.HOST_PORT, "hello": Form.TEXT,
               "auth_username": Form.TEXT, "auth_password": Form.SECRET, "require_tls": Form.FLAG},
        required=("to", "from", "smarthost"),
        defaults={key: f"smtp_{key}" for key in
                  ("from", "smarthost", "hello", "auth_username", "auth_password", "require_tls")},
        refused=_each(_TEXTS, "html", "text", "headers")
        | _each("use `auth_username` and `auth_password`", "auth_secret", "auth_identity")
        | {"tls_config": "remove it: certificates come from the system"},
        renamed={"from": "sender"},
        fault=_email_fault,
    ),
    "alertmanager_configs": ReceiverKind(
        config=AlertmanagerConfig,
        forms={"url": Form.SECRET_ADDRESS, "bearer_token": Form.SECRET},
        required=("url",),
    ),
    "apprise_configs": ReceiverKind(config=AppriseConfig, forms={"url": Form.APPRISE}, required=("url",)),
}  # fmt: skip
OTHER_KINDS: Final = tuple(
    f"{name}_configs"
    for name in ("discord", "jira", "msteams", "msteamsv2", "opsgenie", "pushover", "rocketchat", "sns", "telegram",
                 "victorops", "webex", "wechat", "mattermost", "incidentio")
)  # fmt: skip
GLOBAL: Final = {
    "slack_api_url": Form.SECRET_ADDRESS,
    "pagerduty_url": Form.ADDRESS,
    "smtp_from": Form.TEXT,
    "smtp_smarthost": Form.HOST_PORT,
    "smtp_hello": Form.TEXT,
    "smtp_auth_username": Form.TEXT,
    "smtp_auth_password": Form.SECRET,
    "smtp_require_tls": Form.FLAG,
}
REFUSED_GLOBAL: Final = {
    "resolve_timeout": "remove it: an alert here ends when its rule says so, never by a time-out",
    "http_config": _HTTP,
    "smtp_auth_secret": "use `smtp_auth_password`",
    "smtp_auth_identity": "use `smtp_auth_username`",
    "smtp_tls_config": "remove it: certificates come from the system",
} | _each(
    "remove it: `apprise_configs` of a receiver reaches such services",
    "opsgenie_api_url", "opsgenie_api_key", "opsgenie_api_key_file", "wechat_api_url", "wechat_api_secret",
    "wechat_api_corp_id", "victorops_api_url", "victorops_api_key", "victorops_api_key_file", "telegram_api_url",
    "webex_api_url",
)  # fmt: skip
