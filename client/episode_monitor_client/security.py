"""How Kafka is logged in to and whose certificates are trusted, as the environment says it in Kafka's own words.

What contradicts itself is refused rather than sent in the clear.
"""

import os
from collections.abc import Mapping
from typing import Any

PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")


class SettingsError(ValueError):
    """A setting is wrong; the message names it and says what it must be, and shows no secret."""


def security_options(environment: Mapping[str, str] | None = None) -> dict[str, Any]:
    """What any aiokafka client is made with to be let in; `os.environ` by default. Raises SettingsError."""
    source = os.environ if environment is None else environment

    def given(name: str, default: str = "") -> str:
        return source.get(name, "").strip() or default

    protocol = given("KAFKA_SECURITY_PROTOCOL", "PLAINTEXT").upper()
    if protocol not in PROTOCOLS:
        raise SettingsError(f"KAFKA_SECURITY_PROTOCOL must be {_one_of(PROTOCOLS)}.")
    options: dict[str, Any] = {} if protocol == "PLAINTEXT" else {"security_protocol": protocol}
    options |= _login(protocol, given)
    cafile = given("KAFKA_SSL_CAFILE")
    if protocol.endswith("SSL"):
        options["ssl_context"] = _trusting(cafile or None)
    elif cafile:
        raise SettingsError(
            f"KAFKA_SECURITY_PROTOCOL is {protocol}, which does not encrypt; change it to SSL or SASL_SSL, or unset "
            f"KAFKA_SSL_CAFILE."
        )
    return options


def _login(protocol: str, given: Any) -> dict[str, Any]:
    username, password = given("KAFKA_SASL_USERNAME"), given("KAFKA_SASL_PASSWORD")
    if not protocol.startswith("SASL_"):
        if username or password:
            raise SettingsError(
                f"KAFKA_SECURITY_PROTOCOL is {protocol}, which does not authenticate; change it to SASL_SSL or "
                f"SASL_PLAINTEXT, or unset KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD."
            )
        return {}
    if not (username and password):
        raise SettingsError(
            f"KAFKA_SECURITY_PROTOCOL is {protocol}, which needs KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD."
        )
    mechanism = given("KAFKA_SASL_MECHANISM", "PLAIN").upper()
    if mechanism not in MECHANISMS:
        raise SettingsError(f"KAFKA_SASL_MECHANISM must be {_one_of(MECHANISMS)}.")
    return {"sasl_mechanism": mechanism, "sasl_plain_username": username, "sasl_plain_password": password}


def _trusting(cafile: str | None) -> Any:
    from aiokafka.helpers import create_ssl_context

    try:
        return create_ssl_context(cafile=cafile)
    except OSError as error:  # ssl.SSLError is one
        raise SettingsError(
            f"KAFKA_SSL_CAFILE must be a file of certificates in PEM that can be read ({error.strerror or error})."
        ) from None


def _one_of(words: tuple[str, ...]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"
