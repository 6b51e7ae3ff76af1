"""How Kafka is logged in to: the names that Kafka has for it, and which settings go together."""

import ssl
from enum import Enum
from pathlib import Path
from typing import NamedTuple


class SecurityProtocol(Enum):
    """How a connection to Kafka is protected, by Kafka's own names."""

    PLAINTEXT = "PLAINTEXT"
    SSL = "SSL"
    SASL_PLAINTEXT = "SASL_PLAINTEXT"
    SASL_SSL = "SASL_SSL"


class SaslMechanism(Enum):
    """How a user logs in to Kafka."""

    PLAIN = "PLAIN"
    SCRAM_SHA_256 = "SCRAM-SHA-256"
    SCRAM_SHA_512 = "SCRAM-SHA-512"
    OAUTHBEARER = "OAUTHBEARER"


class Login(NamedTuple):
    """Which of the settings are set."""

    protocol: SecurityProtocol
    mechanism: SaslMechanism
    has_username: bool
    has_password: bool
    has_token_file: bool
    has_token_command: bool
    has_cafile: bool


def check_login(login: Login) -> None:
    """Raises ValueError where the settings contradict each other; the sentence says what to do."""
    said = f"KAFKA_SECURITY_PROTOCOL is {login.protocol.value}"
    logs_in = login.protocol.value.startswith("SASL_")
    has_user, has_token = login.has_username or login.has_password, login.has_token_file or login.has_token_command
    if logs_in and login.mechanism is SaslMechanism.OAUTHBEARER:
        _check_token(login, has_user)
    elif logs_in and not (login.has_username and login.has_password):
        raise ValueError(f"{said}, which needs KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD")
    elif logs_in and has_token:
        raise ValueError(
            f"KAFKA_SASL_MECHANISM is {login.mechanism.value}, which takes no token; change it to OAUTHBEARER, or "
            f"unset KAFKA_SASL_OAUTH_TOKEN_FILE and KAFKA_SASL_OAUTH_TOKEN_COMMAND"
        )
    if not logs_in and (has_user or has_token):
        raise ValueError(
            f"{said}, which does not authenticate; change it to SASL_SSL or SASL_PLAINTEXT, or unset "
            f"{'KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD' if has_user else 'the KAFKA_SASL_OAUTH_ settings'}"
        )
    if login.has_cafile and not login.protocol.value.endswith("SSL"):
        raise ValueError(f"{said}, which does not encrypt; change it to SSL or SASL_SSL, or unset KAFKA_SSL_CAFILE")


def _check_token(login: Login, has_user: bool) -> None:
    if has_user:
        raise ValueError(
            "KAFKA_SASL_MECHANISM is OAUTHBEARER, which takes a token and no password; unset KAFKA_SASL_USERNAME and "
            "KAFKA_SASL_PASSWORD"
        )
    if login.has_token_file == login.has_token_command:
        raise ValueError(
            "KAFKA_SASL_MECHANISM is OAUTHBEARER, which needs one of KAFKA_SASL_OAUTH_TOKEN_FILE and "
            "KAFKA_SASL_OAUTH_TOKEN_COMMAND; set exactly one"
        )


def check_own_certificate(
    protocol: SecurityProtocol, certfile: Path | None, keyfile: Path | None, password: str | None
) -> None:
    """Raises ValueError where the certificate that the monitor shows cannot be used."""
    if certfile is None:
        if keyfile is not None:
            raise ValueError("KAFKA_SSL_KEYFILE is set and KAFKA_SSL_CERTFILE is not; set both, or neither")
        return
    if not protocol.value.endswith("SSL"):
        raise ValueError(
            f"KAFKA_SECURITY_PROTOCOL is {protocol.value}, which shows no certificate; change it to SSL or SASL_SSL, "
            f"or unset KAFKA_SSL_CERTFILE"
        )
    try:
        ssl.create_default_context().load_cert_chain(certfile, keyfile, password=password or "")
    except ssl.SSLError as error:
        raise ValueError(_why_unusable(error, certfile, keyfile)) from None


def _why_unusable(error: ssl.SSLError, certfile: Path, keyfile: Path | None) -> str:
    key = "KAFKA_SSL_CERTFILE" if keyfile is None else "KAFKA_SSL_KEYFILE"
    if error.reason == "KEY_VALUES_MISMATCH":
        return f"the key in {key} is not the one of the certificate in KAFKA_SSL_CERTFILE; name files that fit"
    if b"ENCRYPTED" in (keyfile or certfile).read_bytes():
        return f"the key in {key} cannot be opened; correct KAFKA_SSL_KEY_PASSWORD"
    return f"KAFKA_SSL_CERTFILE must hold a certificate, and {key} its key, both in PEM; correct the files"
