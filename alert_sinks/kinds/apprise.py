"""Any of the services that the library Apprise knows, by its address. It works in a thread.

Only addresses of the list `ALLOWED` are taken: others write to this machine's desktop or log, or to any web address.
"""

import asyncio
import logging
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from pydantic import SecretStr

from alert_sinks import wording
from alert_sinks.digest import Digest
from alert_sinks.posting import printable
from alert_sinks.receivers import Fault, Form, ReceiverConfig, ReceiverKind, Values
from alert_sinks.sink import Attempt, Delivered, Outcome, Retry, SinkKind, SinkParts
from models.alert import Alert, AlertStatus, Severity

MAX_TITLE = 250
MAX_BODY = 4000  # Apprise cuts what a service does not take
_NAMES = """
bark barks betterstack bulksms chanify clickatell clicksend cliq d7sms dingtalk discord exotel feishu firehydrant flock
gchat goalert goalerts gotify gotifys guilded ilert incidentio join kakaotalk lark line mailgun mastodon mastodons
matrix matrixs msgbird mmost mmosts msg91 nctalk nctalks notifiarr ntfy ntfys o365 opsgenie pagertree pbul plivo
postmark pover prowl pushdeer pushed pushme pushy ringc rocket rockets ryver sendgrid signal signals signl4 sinch slack
sns sparkpost spike splunk squadcast stackfield synology synologys telnyx tgram threema twilio twist victorops vonage
webex wechat wecombot whatsapp workflow workflows wxteams xmatters zoom zulip
"""
ALLOWED = frozenset(_NAMES.split())
OWN = frozenset({"bark", "gotify", "mastodon", "matrix", "mmost", "nctalk", "rocket", "signal", "synology", "goalert"})
_OF_THIS_MACHINE = frozenset({"template", "file", "attach", "attachment", "config", "keyfile", "pem", "subfile"})
_REDIRECT = "redirect"
_KINDS = {Severity.CRITICAL: "failure", Severity.WARNING: "warning", Severity.INFO: "info"}


class AppriseConfig(ReceiverConfig, frozen=True, kw_only=True):
    """Any service that Apprise knows, by its address, such as tgram://TOKEN/CHAT."""

    url: SecretStr


def _fault(values: Values) -> Fault:
    try:
        check_address(values["url"].get_secret_value())
    except ValueError as error:
        return "url", str(error)
    return None


RECEIVER = ReceiverKind(
    key="apprise_configs", config=AppriseConfig, forms={"url": Form.APPRISE}, required=("url",), fault=_fault
)


class AppriseSink:
    """One address of Apprise. One message is on its way at a time."""

    def __init__(self, config: AppriseConfig, parts: SinkParts) -> None:
        """Raises ValueError, which does not show the address."""
        self.name = parts.name
        self._seconds = parts.timeout_seconds
        self._lock = asyncio.Lock()
        self._guard = parts.guard
        self._host = own_host(config.url.get_secret_value())
        self._apprise = opened(config.url.get_secret_value())

    async def deliver(self, alert: Alert, attempt: Attempt) -> Outcome:
        """Sends the alert once."""
        kind = "success" if alert.status is AlertStatus.RESOLVED else _KINDS[alert.severity]
        return await self._send(
            wording.headline(alert, attempt.texts), wording.text(alert, attempt.texts), kind, attempt
        )

    async def deliver_digest(self, digest: Digest, attempt: Attempt) -> Outcome:
        """Sends them all in one message."""
        is_on = digest.worst.status is AlertStatus.FIRING
        kind = _KINDS[digest.worst.severity] if is_on else "success"
        return await self._send(digest.title, wording.digest_text(digest), kind, attempt)

    async def _send(self, title: str, text: str, kind: str, attempt: Attempt) -> Outcome:
        async with self._lock:
            try:
                if self._host is not None:
                    await self._guard.addresses(*self._host)
            except OSError as error:
                return Retry(None, f"cannot connect ({printable(str(error))})")
            attempt.check()
            work = asyncio.to_thread(
                self._apprise.notify, body=wording.cut(wording.encodable(text), MAX_BODY), notify_type=kind,
                title=wording.cut(wording.one_line(title), MAX_TITLE),
            )  # fmt: skip
            try:
                async with asyncio.timeout(self._seconds):
                    is_taken = bool(await work)
            except TimeoutError:
                return Retry(None, f"no answer within {self._seconds:g} s")
            except Exception as error:
                return Retry(None, f"Apprise raised {type(error).__name__}")
        return Delivered() if is_taken else Retry(None, "Apprise could not deliver it; its library does not say why")

    async def aclose(self) -> None:
        """Nothing to close."""


def check_address(address: str) -> None:
    """Raises ValueError, which does not show the address, if it is not one to which alerts may go."""
    scheme = address.partition("://")[0].lower()
    if scheme not in ALLOWED:
        raise ValueError(
            f"begins with `{scheme[:30]}`, which is not among the services to which alerts may go; "
            "use one that docs/alerting.md lists, or `webhook_configs`"
        )
    keys = {key.lower().lstrip("+-:") for key, _ in parse_qsl(urlsplit(address).query, keep_blank_values=True)}
    if named := sorted(keys & _OF_THIS_MACHINE):
        raise ValueError(f"names a file of this machine (`{named[0]}`); remove that parameter")
    if _REDIRECT in keys:
        raise ValueError("sets `redirect`, but redirects are not followed; remove that parameter")


def own_host(address: str) -> tuple[str, int] | None:
    """Host and port of a service that one may run oneself; None: the address has a token in the host's place."""
    parts = urlsplit(address)
    if parts.scheme.lower().removesuffix("s") not in OWN or not parts.hostname:
        return None
    return parts.hostname, parts.port or (443 if parts.scheme.endswith("s") else 80)


def opened(address: str) -> Any:
    """An `Apprise` with this address, which keeps nothing on disk. Raises ValueError."""
    check_address(address)
    import apprise  # takes about a second, so only those wait who use it

    logging.getLogger("apprise").disabled = True  # it logs addresses, which have credentials
    asset = apprise.AppriseAsset(app_id="episode-monitor", storage_mode="memory", http_redirects=False)
    found = apprise.Apprise(asset=asset)
    if not found.add(address):
        raise ValueError(
            "The `url` of an apprise receiver cannot be read; compare it with Apprise's page of that service."
        )
    return found


KIND = SinkKind(receiver=RECEIVER, of_config=AppriseSink)
