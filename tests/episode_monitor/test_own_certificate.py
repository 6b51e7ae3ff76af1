"""The certificate that the monitor shows to Kafka: files that do not fit are one sentence at the start."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import faust
import pytest
import trustme
from cryptography.hazmat.primitives import serialization

from agents.kafka.tls import trouble_of_own
from episode_monitor.access import kafka_access
from episode_monitor.settings.settings import SettingsError, load_settings

AUTHORITY = trustme.CA()


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """A certificate, its key, that key with a password, and the key of another."""
    issued, other = (AUTHORITY.issue_cert(name) for name in ("monitor.example", "other.example"))
    key = serialization.load_pem_private_key(issued.private_key_pem.bytes(), None)
    locked = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"hush")
    )
    parts = {
        "cert": issued.cert_chain_pems[0].bytes(), "key": issued.private_key_pem.bytes(), "locked": locked,
        "other": other.private_key_pem.bytes(), "both": issued.private_key_and_cert_chain_pem.bytes(),
    }  # fmt: skip
    for name, content in parts.items():
        (tmp_path / name).write_bytes(content)
    return {name: str(tmp_path / name) for name in parts}


def environment(files: dict[str, str], cert: str, key: str = "", password: str = "") -> dict[str, str]:
    return {
        "KAFKA_SECURITY_PROTOCOL": "SSL", "KAFKA_SSL_CERTFILE": files[cert],
        "KAFKA_SSL_KEYFILE": files.get(key, ""), "KAFKA_SSL_KEY_PASSWORD": password,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("cert", "key", "password"), [("cert", "key", ""), ("both", "", ""), ("cert", "locked", "hush")]
)
def test_files_that_fit_are_used_by_every_client(files: dict[str, str], cert: str, key: str, password: str) -> None:
    access = kafka_access(load_settings(environment(files, cert, key, password)))
    credentials = access.faust_credentials()
    assert isinstance(credentials, faust.SSLCredentials)
    assert credentials.context is access.client_options()["ssl_context"] is access.tls()


@pytest.mark.parametrize(
    ("cert", "key", "password", "sentence"),
    [
        ("cert", "other", "", "the key in KAFKA_SSL_KEYFILE is not the one of the certificate in KAFKA_SSL_CERTFILE"),
        ("cert", "locked", "", "the key in KAFKA_SSL_KEYFILE cannot be opened; correct KAFKA_SSL_KEY_PASSWORD"),
        ("cert", "locked", "guessed", "the key in KAFKA_SSL_KEYFILE cannot be opened; correct KAFKA_SSL_KEY_PASSWORD"),
        ("cert", "", "", "KAFKA_SSL_CERTFILE must hold a certificate, and KAFKA_SSL_CERTFILE its key, both in PEM"),
        ("key", "key", "", "KAFKA_SSL_CERTFILE must hold a certificate, and KAFKA_SSL_KEYFILE its key, both in PEM"),
    ],
)
def test_files_that_do_not_fit_are_said(
    files: dict[str, str], cert: str, key: str, password: str, sentence: str
) -> None:
    with pytest.raises(SettingsError) as raised:
        load_settings(environment(files, cert, key, password))
    assert sentence in str(raised.value)
    assert "guessed" not in str(raised.value)


def test_an_expired_certificate_is_known_before_the_broker_says_so(tmp_path: Path) -> None:
    now = datetime(2026, 5, 1, tzinfo=UTC)
    issued = AUTHORITY.issue_cert("m.example", not_before=now - timedelta(days=9), not_after=now - timedelta(days=1))
    file = tmp_path / "cert"
    file.write_bytes(issued.cert_chain_pems[0].bytes())
    said = "The certificate in KAFKA_SSL_CERTFILE expired on 2026-04-30; renew it."
    assert trouble_of_own(file, now) == said
    assert trouble_of_own(file, now - timedelta(days=2)) == ""
    early = "The certificate in KAFKA_SSL_CERTFILE is valid from 2026-04-22 on; check this machine's clock."
    assert trouble_of_own(file, now - timedelta(days=20)) == early
    assert trouble_of_own(None) == trouble_of_own(tmp_path / "missing") == ""
