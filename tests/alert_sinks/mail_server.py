"""A real SMTP server on 127.0.0.1 with STARTTLS, which answers as a test says."""

import asyncio
import contextlib
import ssl
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import trustme
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


def certificates() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """For a server on 127.0.0.1, and for a client that trusts it."""
    authority = trustme.CA()
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(server)
    client = ssl.create_default_context()
    authority.configure_trust(client)
    return server, client


@dataclass
class MailServer:
    """`mails` holds what came, in order. Each mail is answered with the next of `script`; after it, `default`."""

    client_tls: ssl.SSLContext
    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    logins: list[tuple[str, str]] = field(default_factory=list)
    script: deque[str] = field(default_factory=deque)
    default: str = "250 OK"
    recipient_answers: dict[str, str] = field(default_factory=dict)
    hangs: bool = False
    listener: asyncio.Server | None = None

    @property
    def port(self) -> int:
        """Where it listens."""
        assert self.listener is not None
        return int(self.listener.sockets[0].getsockname()[1])

    def stop(self) -> None:
        """Refuses connections from now on."""
        assert self.listener is not None
        self.listener.close()

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        answer = self.recipient_answers.get(address, "250 OK")
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.hangs:
            await asyncio.Event().wait()
        content = envelope.content
        assert isinstance(content, bytes)
        self.mails.append(message_from_bytes(content, policy=policy.default))
        self.recipients.append(envelope.rcpt_tos)
        self.encrypted.append(session.ssl is not None)
        return self.script.popleft() if self.script else self.default

    def authenticate(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.logins.append((data.login.decode(), data.password.decode()))
        return AuthResult(success=data.password != b"wrong", handled=False)


@contextlib.asynccontextmanager
async def mailing(*, offers_tls: bool = True) -> AsyncIterator[MailServer]:
    """A server for as long as the block lasts."""
    server_tls, client_tls = certificates()
    mails = MailServer(client_tls)

    def protocol() -> SMTP:
        return SMTP(
            mails, hostname="mail.example", tls_context=server_tls if offers_tls else None,
            authenticator=mails.authenticate, auth_require_tls=False, enable_SMTPUTF8=True,
        )  # fmt: skip

    mails.listener = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0)
    try:
        yield mails
    finally:
        mails.stop()
