"""The settings of sinks: each kind adds its own by inheriting. The environment has their names in capitals."""

from collections.abc import Callable
from typing import Annotated, Any
from urllib.parse import urlsplit

import httpx
from pydantic import BaseModel, BeforeValidator, Field, SecretStr

from alert_sinks.proxies import check_way
from alert_sinks.texts.catalogue import Language

GROUP = "Rules and alerts"  # in the documentation
ADDRESS = "http:// or https:// address"


def sink_setting(default: Any, description: str, *, form: str = "", unit: str = "", **bounds: Any) -> Any:
    """One setting. `form` says in words what a text must look like; numbers say so by their bounds."""
    extra: dict[str, Any] = {"group": GROUP, "unit": unit, "form": form}
    return Field(default=default, description=description, json_schema_extra=extra, **bounds)


def http_address(url: str) -> str:
    """`url` if it can be posted to. Raises ValueError, which does not show the address."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        httpx.URL(url)
    except (ValueError, httpx.InvalidURL):
        usable = False
    if not usable:
        raise ValueError("must be an address that begins with http:// or https://")
    return url


def secret(check: Callable[[str], str]) -> Callable[[object], object]:
    """A check of a secret: it sees the bare text, and what is already wrapped passes through it as well."""

    def checked(value: object) -> object:
        text = value.get_secret_value() if isinstance(value, SecretStr) else value
        return SecretStr(check(text.strip())) if isinstance(text, str) else value

    return checked


SecretAddress = Annotated[SecretStr, BeforeValidator(secret(http_address))]  # Slack's address is its credential


class SinkSettings(BaseModel):
    """What all sinks share."""

    alert_language: Language = sink_setting(
        Language.EN, "The language of messages about alerts: en for English, ko for Korean."
    )
    sink_timeout_seconds: int = sink_setting(10, "Timeout of one delivery attempt.", unit="seconds", ge=1, le=300)
    allow_private_sinks: bool = sink_setting(
        False,
        "Whether alerts may be sent to hosts whose address is private, loopback or link-local. False: of these only a "
        "host that is written as localhost or as a loopback address.",
    )


def reachable(address: SecretStr) -> str:
    """The bare address. Raises ValueError with one sentence if this process's proxies cannot be used for it."""
    url = address.get_secret_value()
    check_way(url)
    return url
