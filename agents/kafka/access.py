"""How Kafka is reached: addresses, login and trusted authorities. Every client of the monitor is made with it.

An address alone means an unencrypted connection without authentication.
"""

import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

import agents.kafka.client  # noqa: F401 - before any client is made: from then on they are of these classes
from agents.kafka.tls import context_of
from episode_monitor_client.tokens import token_source

if TYPE_CHECKING:
    from faust.types.auth import CredentialsT


class KafkaAccess(msgspec.Struct, frozen=True, kw_only=True):
    """Names as Kafka's own clients have them. `str()` is the address alone."""

    bootstrap_servers: str  # host:port, several separated by commas
    security_protocol: str = "PLAINTEXT"  # or SSL, SASL_PLAINTEXT, SASL_SSL
    sasl_mechanism: str = "PLAIN"  # or SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER
    sasl_username: str = ""
    sasl_password: str = ""
    oauth_token_file: Path | None = None  # for OAUTHBEARER, this or the command
    oauth_token_command: str = ""
    ssl_cafile: Path | None = None  # None: the authorities that this machine trusts
    ssl_certfile: Path | None = None  # None: no certificate is shown
    ssl_keyfile: Path | None = None  # None: the key is in `ssl_certfile`
    ssl_key_password: str = ""

    def __str__(self) -> str:
        return self.bootstrap_servers

    def __repr__(self) -> str:
        return f"KafkaAccess({self.bootstrap_servers!r}, {self.security_protocol})"

    @property
    def is_encrypted(self) -> bool:
        """Whether the connection is encrypted."""
        return self.security_protocol.endswith("SSL")

    @property
    def has_user(self) -> bool:
        """Whether the client logs in."""
        return self.security_protocol.startswith("SASL_")

    @property
    def has_token(self) -> bool:
        """Whether it logs in with a bearer token."""
        return self.has_user and self.sasl_mechanism == "OAUTHBEARER"

    def tls(self) -> ssl.SSLContext | None:
        """None: not encrypted. Raises OSError and ssl.SSLError for a file that cannot be used."""
        if not self.is_encrypted:
            return None
        return context_of(self.ssl_cafile, self.ssl_certfile, self.ssl_keyfile, self.ssl_key_password)

    def client_options(self) -> dict[str, Any]:
        """What every aiokafka client is made with. Raises OSError and ssl.SSLError for a file that cannot be used."""
        options: dict[str, Any] = {
            "bootstrap_servers": self.bootstrap_servers,
            "security_protocol": self.security_protocol,
        }
        if self.is_encrypted:
            options["ssl_context"] = self.tls()
        if self.has_token:
            options["sasl_mechanism"] = self.sasl_mechanism
            options["sasl_oauth_token_provider"] = token_source(self.oauth_token_file, self.oauth_token_command)
        elif self.has_user:
            options |= {
                "sasl_mechanism": self.sasl_mechanism,
                "sasl_plain_username": self.sasl_username,
                "sasl_plain_password": self.sasl_password,
            }
        return options

    def faust_credentials(self) -> "CredentialsT | None":
        """The same for Faust."""
        import faust  # a second, which commands that only read topics save

        context = self.tls()
        if self.has_token:
            source = token_source(self.oauth_token_file, self.oauth_token_command)
            return faust.OAuthCredentials(oauth_cb=source, ssl_context=context)
        if self.has_user:
            return faust.SASLCredentials(
                username=self.sasl_username, password=self.sasl_password, mechanism=self.sasl_mechanism,
                ssl_context=context,
            )  # fmt: skip
        return None if context is None else faust.SSLCredentials(context)


Kafka = str | KafkaAccess


def access_of(kafka: Kafka) -> KafkaAccess:
    """An address alone as an open connection."""
    return KafkaAccess(bootstrap_servers=kafka) if isinstance(kafka, str) else kafka


def client_options(kafka: Kafka) -> dict[str, Any]:
    """What an aiokafka client is made with. Raises as `KafkaAccess.client_options` does."""
    return access_of(kafka).client_options()
