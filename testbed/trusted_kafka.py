"""Apache Kafka that knows its clients by their certificates (listener MUTUAL) or by bearer tokens (listener TOKEN).

The tokens are unsigned ones, which Kafka takes where nothing else is configured; who may issue is the broker's affair.
"""

import base64
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import trustme
from cryptography.hazmat.primitives import serialization

from agents.kafka.access import KafkaAccess
from episode_monitor.demo.ports import LOOPBACK, free_port
from testbed.apache_kafka import ApacheKafka

_DOORS = {"PLAINTEXT": "PLAINTEXT", "MUTUAL": "SSL", "TOKEN": "SASL_SSL"}
_SESSION_MS = 12_000  # a client has to log in again, with a new token
_JAAS = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required"


def token_of(user: str, ends_in_seconds: float = 3600.0, **claims: Any) -> str:
    """An unsigned JSON Web Token."""
    now = time.time()
    parts = ({"alg": "none"}, {"sub": user, "iat": now, "exp": now + ends_in_seconds, **claims})
    packed = (base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts)
    return ".".join((*packed, ""))


@dataclass(frozen=True, slots=True)
class TrustedKafka:
    """Addresses by listener, and a folder with `ca.pem` and, by the name of a client, `NAME.pem` and `NAME.key`."""

    addresses: dict[str, str]
    folder: Path

    def mutual(self, client: str = "monitor") -> KafkaAccess:
        """By the certificate of a client; "": none is shown."""
        shown = [self.folder / f"{client}{ending}" if client else None for ending in (".pem", ".key")]
        return KafkaAccess(
            bootstrap_servers=self.addresses["MUTUAL"], security_protocol="SSL", ssl_cafile=self.folder / "ca.pem",
            ssl_certfile=shown[0], ssl_keyfile=shown[1],
        )  # fmt: skip

    def by_token(self, **source: Any) -> KafkaAccess:
        """`source`: `oauth_token_file` or `oauth_token_command`."""
        return KafkaAccess(
            bootstrap_servers=self.addresses["TOKEN"], security_protocol="SASL_SSL", sasl_mechanism="OAUTHBEARER",
            ssl_cafile=self.folder / "ca.pem", **source,
        )  # fmt: skip

    def environment(self, listener: str, client: str = "monitor", **token: str) -> dict[str, str]:
        """The same as variables of programs, by a client's certificate ("": none is shown) or by a token, `file` or
        `command`."""
        variables = {
            "KAFKA_BOOTSTRAP_SERVERS": self.addresses[listener], "KAFKA_SECURITY_PROTOCOL": _DOORS[listener],
            "KAFKA_SSL_CAFILE": str(self.folder / "ca.pem"),
        }  # fmt: skip
        if listener == "TOKEN":
            variables["KAFKA_SASL_MECHANISM"] = "OAUTHBEARER"
            return variables | {f"KAFKA_SASL_OAUTH_TOKEN_{name.upper()}": text for name, text in token.items()}
        if client:
            variables["KAFKA_SSL_CERTFILE"] = str(self.folder / f"{client}.pem")
            variables["KAFKA_SSL_KEYFILE"] = str(self.folder / f"{client}.key")
        return variables


@contextmanager
def trusted_kafka(folder: Path) -> Iterator[TrustedKafka]:
    """Clients: `monitor` is known, `expired` was, `stranger` has another authority."""
    authority, other = trustme.CA(), trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    _write(folder, "monitor", authority.issue_cert("monitor.example"))
    end = datetime.now(UTC) - timedelta(days=1)
    expired = authority.issue_cert("expired.example", not_before=end - timedelta(days=9), not_after=end)
    _write(folder, "expired", expired)
    _write(folder, "stranger", other.issue_cert("stranger.example"))
    shown = folder / "broker.pem"
    issued = authority.issue_cert(LOOPBACK)
    shown.write_bytes(_java_key(issued) + b"".join(each.bytes() for each in issued.cert_chain_pems))
    ports: dict[str, int] = {}
    for name in (*_DOORS, "CONTROLLER"):
        ports[name] = free_port(avoid=list(ports.values()))
    addresses = {name: f"{LOOPBACK}:{port}" for name, port in ports.items()}
    with ApacheKafka(ports["PLAINTEXT"], settings=_settings(addresses, folder, shown)):
        yield TrustedKafka(addresses, folder)


def _settings(addresses: dict[str, str], folder: Path, shown: Path) -> dict[str, str]:
    listed = ",".join(f"{name}://{addresses[name]}" for name in _DOORS)
    mapped = ",".join(f"{name}:{how}" for name, how in _DOORS.items())
    return {
        "controller.quorum.voters": f"1@{addresses['CONTROLLER']}",
        "listeners": f"{listed},CONTROLLER://{addresses['CONTROLLER']}",
        "advertised.listeners": listed,
        "inter.broker.listener.name": "PLAINTEXT",
        "listener.security.protocol.map": f"{mapped},CONTROLLER:PLAINTEXT",
        "ssl.keystore.type": "PEM", "ssl.keystore.location": str(shown),
        "ssl.truststore.type": "PEM", "ssl.truststore.location": str(folder / "ca.pem"),
        "listener.name.mutual.ssl.client.auth": "required",
        "listener.name.token.sasl.enabled.mechanisms": "OAUTHBEARER",
        "listener.name.token.oauthbearer.sasl.jaas.config": f'{_JAAS} unsecuredLoginStringClaim_sub="broker";',
        "listener.name.token.oauthbearer.connections.max.reauth.ms": str(_SESSION_MS),
    }  # fmt: skip


def _write(folder: Path, name: str, issued: trustme.LeafCert) -> None:
    (folder / f"{name}.pem").write_bytes(b"".join(each.bytes() for each in issued.cert_chain_pems))
    issued.private_key_pem.write_to_path(str(folder / f"{name}.key"))


def _java_key(issued: trustme.LeafCert) -> bytes:
    """In PKCS #8, the only form of a key in PEM that Java reads."""
    key = serialization.load_pem_private_key(issued.private_key_pem.bytes(), None)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )  # fmt: skip
