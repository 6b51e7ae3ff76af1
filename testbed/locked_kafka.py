"""Apache Kafka behind a login, with TLS or without: only one user and its password are let in."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from agents.kafka.access import KafkaAccess
from testbed.apache_kafka import ApacheKafka

USER = "monitor"
SECRET = "s3cret-of-monitor"
_USERS = (
    'org.apache.kafka.common.security.plain.PlainLoginModule required username="broker" password="of-broker" '
    f'user_broker="of-broker" user_{USER}="{SECRET}";'
)
_STORE_PASSWORD = "of-the-store"


@dataclass(frozen=True, slots=True)
class LockedKafka:
    """A broker that runs, and how it is entered. `cafile` None: nothing is encrypted."""

    bootstrap_servers: str
    protocol: str
    cafile: Path | None

    def access(self, password: str = SECRET) -> KafkaAccess:
        """As configured in the monitor's clients."""
        return KafkaAccess(
            bootstrap_servers=self.bootstrap_servers, security_protocol=self.protocol, sasl_username=USER,
            sasl_password=password, ssl_cafile=self.cafile,
        )  # fmt: skip

    def environment(self, password: str = SECRET) -> dict[str, str]:
        """As environment variables of programs, the monitor's and the client library's."""
        variables = {
            "KAFKA_BOOTSTRAP_SERVERS": self.bootstrap_servers,
            "KAFKA_SECURITY_PROTOCOL": self.protocol,
            "KAFKA_SASL_USERNAME": USER,
            "KAFKA_SASL_PASSWORD": password,
        }
        return variables if self.cafile is None else variables | {"KAFKA_SSL_CAFILE": str(self.cafile)}


@contextmanager
def locked_kafka(protocol: str, folder: Path) -> Iterator[LockedKafka]:
    """`protocol` is SASL_PLAINTEXT or SASL_SSL; keys and certificates are put into `folder`."""
    settings = {
        "sasl.enabled.mechanisms": "PLAIN",
        "sasl.mechanism.inter.broker.protocol": "PLAIN",
        f"listener.name.{protocol.lower()}.plain.sasl.jaas.config": _USERS,
    }
    cafile = None
    if protocol == "SASL_SSL":
        store, cafile = _certificate(folder)
        settings |= {
            "ssl.keystore.type": "PKCS12", "ssl.keystore.location": str(store),
            "ssl.keystore.password": _STORE_PASSWORD,
            "ssl.truststore.type": "PEM", "ssl.truststore.location": str(cafile),
        }  # fmt: skip
    with ApacheKafka(settings=settings, protocol=protocol) as kafka:
        yield LockedKafka(kafka.bootstrap_servers, protocol, cafile)


def _certificate(folder: Path) -> tuple[Path, Path]:
    """A key with a certificate it signed itself, in a store for the broker, and the certificate for clients."""
    keytool = shutil.which("keytool")
    assert keytool is not None, "keytool comes with Java"
    store, pem = folder / "store.p12", folder / "ca.pem"
    named = ["-alias", "kafka", "-keystore", str(store), "-storepass", _STORE_PASSWORD, "-storetype", "PKCS12"]
    names = ["-dname", "CN=127.0.0.1", "-ext", "san=ip:127.0.0.1", "-validity", "2"]
    for words in (["-genkeypair", "-keyalg", "EC", *names], ["-exportcert", "-rfc", "-file", str(pem)]):
        subprocess.run([keytool, *words, *named], check=True, capture_output=True)
    return store, pem
