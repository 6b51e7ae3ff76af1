"""Why Kafka cannot be used, in one sentence that names what was refused and the setting to look at; never a password.

aiokafka's own error does not say it, so each address is tried once more.
"""

import asyncio
import ssl
from collections.abc import Mapping
from typing import Any

from aiokafka import errors
from aiokafka.conn import AIOKafkaConnection, collect_hosts
from aiokafka.protocol.metadata import MetadataRequest

from .probes import alert_of, speaks_kafka, speaks_tls
from .settings import ClientSettings
from .tokens import COMMAND_SETTING, FILE_SETTING, BearerAuthenticator, NoToken

TRY_SECONDS = 5.0
_OPTIONS = (
    "security_protocol", "ssl_context", "sasl_mechanism", "sasl_plain_username", "sasl_plain_password",
    "sasl_oauth_token_provider",
)  # fmt: skip
_CERTIFICATES = {  # by OpenSSL's X509_V_ERR_ numbers
    9: "a certificate that is not valid yet; check both clocks",
    10: "a certificate that expired; renew the broker's, or check this machine's clock",
    62: "a certificate for another host; name it in KAFKA_BOOTSTRAP_SERVERS as its certificate does",
    64: "a certificate for another host; name it in KAFKA_BOOTSTRAP_SERVERS as its certificate does",
}
_UNKNOWN_AUTHORITY = "a certificate that no authority in KAFKA_SSL_CAFILE has signed"


class _Connection(AIOKafkaConnection):  # type: ignore[misc]
    """One that knows a token that was refused."""

    def authenticator_oauth(self) -> BearerAuthenticator:
        """With a token."""
        return BearerAuthenticator(sasl_oauth_token_provider=self._sasl_oauth_token_provider)


async def why(error: BaseException, settings: ClientSettings) -> str:
    """A sentence for an error that came of connecting or sending."""
    servers = settings.bootstrap_servers
    if isinstance(error, errors.TopicAuthorizationFailedError):
        return f"Kafka at {servers} does not let this user write to the topic {settings.topic}; grant WRITE on it"
    if isinstance(error, errors.KafkaConnectionError | OSError | TimeoutError):
        options = settings.producer_options
        for host, port, _ in collect_hosts(servers):
            sentence = await _of_address(host, port, options)
            if sentence is not None:
                return sentence
        return f"Kafka does not answer at {servers}; start it, or check KAFKA_BOOTSTRAP_SERVERS"
    return repr(error)


async def _of_address(host: str, port: int, options: Mapping[str, Any]) -> str | None:
    where, protocol = f"Kafka at {host}:{port}", options.get("security_protocol", "PLAINTEXT")
    connection, was_let_in = None, False
    try:
        async with asyncio.timeout(TRY_SECONDS):
            connection = _Connection(host, port, **{name: options[name] for name in _OPTIONS if name in options})
            await connection.connect()
            was_let_in = True
            await connection.send(MetadataRequest([]))
            return None
    except NoToken as error:
        return f"{where} requires a token: {str(error).rstrip('.')}"
    except errors.SaslAuthenticationFailed:
        if options.get("sasl_mechanism") == "OAUTHBEARER":
            settings = f"{FILE_SETTING} or {COMMAND_SETTING}"
            return f"{where} rejects this token ({settings}); check its issuer, audience and expiry"
        return f"{where} rejects this user and password (KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD)"
    except errors.UnsupportedSaslMechanismError:
        return f"{where} does not support {options.get('sasl_mechanism')}; correct KAFKA_SASL_MECHANISM"
    except errors.IllegalSaslStateError:
        return f"{where} does not support logins; correct KAFKA_SECURITY_PROTOCOL ({protocol})"
    except ssl.SSLCertVerificationError as error:
        return f"{where} shows {_CERTIFICATES.get(error.verify_code, _UNKNOWN_AUTHORITY)}"
    except (ConnectionRefusedError, TimeoutError):
        return None
    except (OSError, errors.KafkaError):
        return await _of_what_is_spoken(host, port, options, was_let_in=was_let_in)
    finally:
        if connection is not None:
            connection.close()


async def _of_what_is_spoken(host: str, port: int, options: Mapping[str, Any], *, was_let_in: bool) -> str | None:
    where, protocol = f"Kafka at {host}:{port}", options.get("security_protocol", "PLAINTEXT")
    if protocol.endswith("SSL") and (said := await _of_own_certificate(host, port, options.get("ssl_context"))):
        return (
            f"{where} requires another certificate of this client ({said}); set KAFKA_SSL_CERTFILE and "
            f"KAFKA_SSL_KEYFILE to one that an authority in the broker's trust store has signed"
        )
    if was_let_in and not protocol.startswith("SASL_"):
        return f"{where} requires a login; correct KAFKA_SECURITY_PROTOCOL ({protocol})"
    if protocol.endswith("SSL") and await speaks_kafka(host, port):
        return f"{where} does not use TLS; correct KAFKA_SECURITY_PROTOCOL ({protocol})"
    if not protocol.endswith("SSL") and await speaks_tls(host, port):
        return f"{where} accepts TLS only; correct KAFKA_SECURITY_PROTOCOL ({protocol})"
    return None


async def _of_own_certificate(host: str, port: int, context: ssl.SSLContext | None) -> str:
    """What the broker says of the certificate that this client shows; "": nothing."""
    said = (await alert_of(host, port, context or ssl.create_default_context())).lower().replace("_", " ")
    return said if any(words in said for words in ("alert", "certificate", "unknown ca")) else ""
