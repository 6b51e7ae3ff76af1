"""How Kafka is logged in to, whose certificates are trusted and which one is shown, by the monitor's own variables.

What contradicts itself is refused rather than sent in the clear.
"""

import os
import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .tokens import COMMAND_SETTING, FILE_SETTING, token_source

PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER")
_TOKEN = (FILE_SETTING, COMMAND_SETTING)
_OF_TLS = ("KAFKA_SSL_CAFILE", "KAFKA_SSL_CERTFILE", "KAFKA_SSL_KEYFILE", "KAFKA_SSL_KEY_PASSWORD")
Given = Callable[..., str]  # the text of a variable, without space around it; a default where it is not set


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
    named = [name for name in _OF_TLS if given(name)]
    if protocol.endswith("SSL"):
        options["ssl_context"] = _context(given)
    elif named:
        raise SettingsError(
            f"KAFKA_SECURITY_PROTOCOL is {protocol}, which does not encrypt; change it to SSL or SASL_SSL, or unset "
            f"{' and '.join(named)}."
        )
    return options


def _login(protocol: str, given: Given) -> dict[str, Any]:
    user = [name for name in ("KAFKA_SASL_USERNAME", "KAFKA_SASL_PASSWORD") if given(name)]
    token = [name for name in _TOKEN if given(name)]
    if not protocol.startswith("SASL_"):
        if user or token:
            raise SettingsError(
                f"KAFKA_SECURITY_PROTOCOL is {protocol}, which does not authenticate; change it to SASL_SSL or "
                f"SASL_PLAINTEXT, or unset {' and '.join(user + token)}."
            )
        return {}
    mechanism = given("KAFKA_SASL_MECHANISM", "PLAIN").upper()
    if mechanism not in MECHANISMS:
        raise SettingsError(f"KAFKA_SASL_MECHANISM must be {_one_of(MECHANISMS)}.")
    if mechanism == "OAUTHBEARER":
        return _bearer(user, token, given)
    if len(user) < 2:
        raise SettingsError(
            f"KAFKA_SECURITY_PROTOCOL is {protocol}, which needs KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD."
        )
    if token:
        raise SettingsError(
            f"KAFKA_SASL_MECHANISM is {mechanism}, which takes no token; change it to OAUTHBEARER, or unset "
            f"{' and '.join(token)}."
        )
    username, password = (given(name) for name in user)
    return {"sasl_mechanism": mechanism, "sasl_plain_username": username, "sasl_plain_password": password}


def _bearer(user: list[str], token: list[str], given: Given) -> dict[str, Any]:
    if user:
        raise SettingsError(
            f"KAFKA_SASL_MECHANISM is OAUTHBEARER, which takes a token and no password; unset {' and '.join(user)}."
        )
    if len(token) != 1:
        raise SettingsError(
            f"KAFKA_SASL_MECHANISM is OAUTHBEARER, which needs one of {' and '.join(_TOKEN)}; set exactly one."
        )
    file, command = given(FILE_SETTING), given(COMMAND_SETTING)
    source = token_source(Path(file) if file else None, command)
    return {"sasl_mechanism": "OAUTHBEARER", "sasl_oauth_token_provider": source}


def _context(given: Given) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=given("KAFKA_SSL_CAFILE") or None)
    except OSError as error:  # ssl.SSLError is one
        raise SettingsError(
            f"KAFKA_SSL_CAFILE must be a file of certificates in PEM that can be read ({error.strerror or error})."
        ) from None
    certfile, keyfile = given("KAFKA_SSL_CERTFILE"), given("KAFKA_SSL_KEYFILE")
    if keyfile and not certfile:
        raise SettingsError("KAFKA_SSL_KEYFILE is set and KAFKA_SSL_CERTFILE is not; set both, or neither.")
    if certfile:
        try:
            # Without a password OpenSSL would ask for one at the terminal; an empty one is an error instead.
            context.load_cert_chain(certfile, keyfile or None, password=given("KAFKA_SSL_KEY_PASSWORD"))
        except OSError as error:
            raise SettingsError(_why_unusable(error, bool(keyfile))) from None
    return context


def _why_unusable(error: OSError, has_keyfile: bool) -> str:
    key = "KAFKA_SSL_KEYFILE" if has_keyfile else "KAFKA_SSL_CERTFILE"
    if not isinstance(error, ssl.SSLError):
        return f"KAFKA_SSL_CERTFILE and {key} must be files that can be read ({error.strerror}); correct the paths."
    if error.reason == "KEY_VALUES_MISMATCH":
        return f"The key in {key} is not the one of the certificate in KAFKA_SSL_CERTFILE; name files that fit."
    return (
        f"KAFKA_SSL_CERTFILE must hold a certificate, and {key} its key, both in PEM; correct the files, or "
        f"KAFKA_SSL_KEY_PASSWORD if the key has a password."
    )


def _one_of(words: tuple[str, ...]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"
