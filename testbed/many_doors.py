"""One Apache Kafka with a listener of every kind, right and wrong, so that clients can be refused in every way."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from episode_monitor.demo.ports import LOOPBACK, free_port
from testbed.apache_kafka import ApacheKafka
from testbed.locked_kafka import SECRET, USER

_STORE_PASSWORD = "of-the-store"
_USERS = (
    'org.apache.kafka.common.security.plain.PlainLoginModule required username="broker" password="of-broker" '
    f'user_broker="of-broker" user_{USER}="{SECRET}";'
)
_DOORS = {
    "PLAINTEXT": "PLAINTEXT",
    "LOGIN": "SASL_PLAINTEXT",
    "TLS": "SSL",
    "LOGINTLS": "SASL_SSL",
    "EXPIRED": "SSL",
    "OTHERHOST": "SSL",
}
_CERTIFICATES = {
    "TLS": ("-ext", f"san=ip:{LOOPBACK}", "-validity", "2"),
    "EXPIRED": ("-ext", f"san=ip:{LOOPBACK}", "-startdate", "-10d", "-validity", "5"),
    "OTHERHOST": ("-ext", "san=dns:kafka.example", "-validity", "2"),
    "STRANGER": ("-ext", f"san=ip:{LOOPBACK}", "-validity", "2"),  # no listener shows it
}


@dataclass(frozen=True, slots=True)
class Doors:
    """Addresses by the listener's name. `cafile` has all authorities, `strangers` one that signed nothing here."""

    addresses: dict[str, str]
    cafile: Path
    strangers: Path


@contextmanager
def kafka_with_many_doors(folder: Path) -> Iterator[Doors]:
    """PLAINTEXT, LOGIN, TLS, LOGINTLS are well; EXPIRED and OTHERHOST show such certificates."""
    ports: dict[str, int] = {}
    for name in (*_DOORS, "CONTROLLER"):
        ports[name] = free_port(avoid=list(ports.values()))
    stores = {name: _certificate(folder, name, words) for name, words in _CERTIFICATES.items()}
    cafile = folder / "all.pem"
    cafile.write_text("".join(pem.read_text() for name, (_, pem) in stores.items() if name != "STRANGER"))
    addresses = {name: f"{LOOPBACK}:{port}" for name, port in ports.items()}
    listed = ",".join(f"{name}://{addresses[name]}" for name in _DOORS)
    settings = {
        "controller.quorum.voters": f"1@{addresses['CONTROLLER']}",
        "listeners": f"{listed},CONTROLLER://{addresses['CONTROLLER']}",
        "advertised.listeners": listed,
        "inter.broker.listener.name": "PLAINTEXT",
        "listener.security.protocol.map": ",".join(f"{name}:{how}" for name, how in _DOORS.items())
        + ",CONTROLLER:PLAINTEXT",
        "ssl.keystore.type": "PKCS12",
        "sasl.enabled.mechanisms": "PLAIN",
        # On a listener without login everything is allowed; a user who logs in has the rights that were granted.
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",
    }
    for name, how in _DOORS.items():
        if how.startswith("SASL"):
            settings[f"listener.name.{name.lower()}.plain.sasl.jaas.config"] = _USERS
        if how.endswith("SSL"):
            store = stores.get(name, stores["TLS"])[0]
            settings[f"listener.name.{name.lower()}.ssl.keystore.location"] = str(store)
            settings[f"listener.name.{name.lower()}.ssl.keystore.password"] = _STORE_PASSWORD
            settings[f"listener.name.{name.lower()}.ssl.keystore.type"] = "PKCS12"
    with ApacheKafka(ports["PLAINTEXT"], settings=settings):
        yield Doors(addresses, cafile, stores["STRANGER"][1])


def _certificate(folder: Path, name: str, words: tuple[str, ...]) -> tuple[Path, Path]:
    """A key with a certificate that signed itself: a store for the broker, and the certificate for clients."""
    keytool = shutil.which("keytool")
    assert keytool is not None, "keytool comes with Java"
    store, pem = folder / f"{name}.p12", folder / f"{name}.pem"
    named = ["-alias", "kafka", "-keystore", str(store), "-storepass", _STORE_PASSWORD, "-storetype", "PKCS12"]
    made = ["-genkeypair", "-keyalg", "EC", "-dname", f"CN={name}", *words]
    for command in (made, ["-exportcert", "-rfc", "-file", str(pem)]):
        subprocess.run([keytool, *command, *named], check=True, capture_output=True)
    return store, pem
