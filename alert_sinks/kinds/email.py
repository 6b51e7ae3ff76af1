"""Mail by SMTP, in plain text. A message's `Message-ID` is computed, and all messages of a group are one thread.

The thread begins at an id that is computed from the group and that no message has: mail programs join by it.
"""

import asyncio
import hashlib
import ssl
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import formatdate, getaddresses, parseaddr

import aiosmtplib
from pydantic import SecretStr

from alert_sinks import wording
from alert_sinks.address_guard import PrivateAddress
from alert_sinks.digest import Digest
from alert_sinks.posting import printable
from alert_sinks.receivers import TEXTS, Fault, Form, ReceiverConfig, ReceiverKind, Values, each_of
from alert_sinks.sink import Attempt, Delivered, Outcome, Rejected, Retry, SinkKind, SinkParts
from models.alert import Alert

MAX_SUBJECT = 200
MAX_BODY = 100_000
IMPLICIT_TLS_PORT = 465


class EmailConfig(ReceiverConfig, frozen=True, kw_only=True):
    """Mail by SMTP. `to` may hold several addresses with commas between."""

    to: str
    smarthost: str
    sender: str  # `from` in the file
    hello: str = "localhost"
    auth_username: str = ""
    auth_password: SecretStr | None = None
    require_tls: bool = True


def _fault(values: Values) -> Fault:
    if bool(values.get("auth_username")) != bool(values.get("auth_password")):
        return "auth_username", "and `auth_password` belong together; set both or none"
    return None


_COMMON = ("from", "smarthost", "hello", "auth_username", "auth_password", "require_tls")
_FORMS = {"to": Form.MAIL, "from": Form.TEXT, "smarthost": Form.HOST_PORT, "hello": Form.TEXT,
          "auth_username": Form.TEXT, "auth_password": Form.SECRET, "require_tls": Form.FLAG}  # fmt: skip

RECEIVER = ReceiverKind(
    key="email_configs",
    config=EmailConfig,
    forms=_FORMS,
    required=("to", "from", "smarthost"),
    defaults={key: f"smtp_{key}" for key in _COMMON},
    refused=each_of(TEXTS, "html", "text", "headers")
    | each_of("use `auth_username` and `auth_password`", "auth_secret", "auth_identity")
    | {"tls_config": "remove it: certificates come from the system"},
    renamed={"from": "sender"},
    fault=_fault,
    common={f"smtp_{key}": _FORMS[key] for key in _COMMON},
    refused_common={
        "smtp_auth_secret": "use `smtp_auth_password`",
        "smtp_auth_identity": "use `smtp_auth_username`",
        "smtp_tls_config": "remove it: certificates come from the system",
    },
)


class EmailSink:
    """Sends mail by one server, with a connection for each message."""

    def __init__(self, config: EmailConfig, parts: SinkParts, *, tls: ssl.SSLContext | None = None) -> None:
        """`tls`: None for the certificates of the system."""
        self.name = parts.name
        self._config = config
        host, _, port = config.smarthost.rpartition(":")
        self._host, self._port = host.strip("[]"), int(port)
        self._password = None if config.auth_password is None else config.auth_password.get_secret_value()
        self._parts = parts
        self._tls = tls

    async def deliver(self, alert: Alert, attempt: Attempt) -> Outcome:
        """Sends the alert once."""
        name = attempt.message_id or alert.transition_id
        thread = attempt.group_key or alert.alert_key
        return await self._send(
            wording.headline(alert, attempt.texts), wording.text(alert, attempt.texts), name, thread, attempt
        )

    async def deliver_digest(self, digest: Digest, attempt: Attempt) -> Outcome:
        """Sends them all in one message."""
        name = attempt.message_id
        thread = attempt.group_key or digest.group_key
        return await self._send(digest.title, wording.digest_text(digest), name, thread, attempt)

    async def _send(self, subject: str, text: str, name: str, thread: str, attempt: Attempt) -> Outcome:
        message = mail(self._config, subject, text, name, thread, attempt.at_ms)
        seconds = self._parts.timeout_seconds
        try:
            async with asyncio.timeout(seconds):
                return await self._sent(message, attempt)
        except aiosmtplib.SMTPRecipientsRefused as error:
            codes = [each.code for each in error.recipients]
            return smtp_outcome(min(codes), ", ".join(self._said(each.code, each.message) for each in error.recipients))
        except aiosmtplib.SMTPResponseException as error:
            return smtp_outcome(error.code, self._said(error.code, error.message))
        except TimeoutError:
            return Retry(None, f"no answer within {seconds:g} s")
        except aiosmtplib.SMTPNotSupported as error:
            return Rejected(f"the mail server lacks what is needed ({printable(error.message)})")
        except ssl.SSLCertVerificationError as error:
            return Retry(None, f"the mail server's certificate is not valid ({error.verify_message})")
        except PrivateAddress as error:
            return Retry(None, f"cannot connect ({error})")
        except (OSError, aiosmtplib.SMTPException) as error:
            return Retry(None, f"the connection to the mail server failed ({type(error).__name__})")

    async def _sent(self, message: EmailMessage, attempt: Attempt) -> Outcome:
        opened = await self._parts.guard.connect(self._host, self._port)
        server = aiosmtplib.SMTP(
            hostname=self._host, sock=opened, timeout=self._parts.timeout_seconds,
            local_hostname=self._config.hello, use_tls=self._port == IMPLICIT_TLS_PORT, tls_context=self._tls,
            start_tls=True if self._config.require_tls and self._port != IMPLICIT_TLS_PORT else None,
        )  # fmt: skip
        try:
            await server.connect()
            if self._password is not None:
                await server.login(self._config.auth_username, self._password)
            attempt.check()
            await server.send_message(message)
        finally:
            if server.transport is None:
                opened.close()  # else the transport does
            server.close()
        return Delivered()

    def _said(self, code: int, words: str) -> str:
        return f"SMTP {code}: {printable(words.replace(self._password or chr(0), '***'))}"

    async def aclose(self) -> None:
        """Nothing to close."""


def smtp_outcome(code: int, said: str) -> Outcome:
    """A 4xx is for a while; a 5xx is for ever."""
    return Retry(None, said) if code < 500 else Rejected(said)


def mail(config: EmailConfig, subject: str, text: str, name: str, thread: str, at_ms: int) -> EmailMessage:
    """The message named `name` in the thread named `thread`."""
    domain = parseaddr(config.sender)[1].rpartition("@")[2] or "localhost"
    root = f"<{_hash(thread)}.group@{domain}>"
    message = EmailMessage(policy=SMTP_POLICY)
    message["From"] = config.sender
    message["To"] = ", ".join(address for _, address in getaddresses([config.to]))
    message["Subject"] = wording.cut(wording.one_line(subject), MAX_SUBJECT)
    message["Date"] = formatdate(at_ms / 1000)
    message["Message-ID"] = f"<{_hash(name)}@{domain}>"
    message["In-Reply-To"] = root
    message["References"] = root
    message["List-Id"] = f"episode-monitor <episode-monitor.{domain}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(wording.cut(wording.encodable(text), MAX_BODY), cte="base64")
    return message


def _hash(name: str) -> str:
    return hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()[:32]


KIND = SinkKind(receiver=RECEIVER, of_config=EmailSink)
