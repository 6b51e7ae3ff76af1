"""The receivers of `alerting.yaml` as values, and how the file of a kind declares its keys.

Secrets are wrapped: neither `repr` nor an error shows them.
"""

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, Final

import msgspec


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


class Receiver(msgspec.Struct, frozen=True, kw_only=True):
    """A name and its ways; without a way, what goes there is not delivered."""

    name: str
    configs: tuple[ReceiverConfig, ...] = ()


Values = Mapping[str, Any]
Fault = tuple[str, str] | None  # a key, and a sentence about it


class ReceiverKind(msgspec.Struct, frozen=True, kw_only=True):
    """One `*_configs` key. `defaults` names the key of `global` that stands in for a key; `refused` says what to do."""

    key: str
    config: type[ReceiverConfig]
    forms: dict[str, Form]
    required: tuple[str, ...] = ()
    defaults: dict[str, str] = {}
    refused: dict[str, str] = {}
    renamed: dict[str, str] = {}  # key -> field
    common: dict[str, Form] = {}  # its keys of `global`
    refused_common: dict[str, str] = {}
    fault: Callable[[Values], Fault] = lambda _: None


TEXTS = "remove it: the texts of messages are the monitor's own"
HTTP = "remove it: a proxy comes from HTTPS_PROXY, and certificates from the system"
ALERTS_OWN = "remove it: it comes from the alert"


def each_of(sentence: str, *keys: str) -> dict[str, str]:
    """The same sentence for several keys."""
    return dict.fromkeys(keys, sentence)


OTHER_KINDS: Final = tuple(
    f"{name}_configs"
    for name in ("discord", "jira", "msteams", "msteamsv2", "opsgenie", "pushover", "rocketchat", "sns", "telegram",
                 "victorops", "webex", "wechat", "mattermost", "incidentio")
)  # fmt: skip
REFUSED_GLOBAL: Final = {
    "resolve_timeout": "remove it: an alert here ends when its rule says so, never by a time-out",
    "http_config": HTTP,
} | each_of(
    "remove it: `apprise_configs` of a receiver reaches such services",
    "opsgenie_api_url", "opsgenie_api_key", "opsgenie_api_key_file", "wechat_api_url", "wechat_api_secret",
    "wechat_api_corp_id", "victorops_api_url", "victorops_api_key", "victorops_api_key_file", "telegram_api_url",
    "webex_api_url",
)  # fmt: skip
