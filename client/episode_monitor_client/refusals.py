"""Why Kafka cannot be used, in one sentence that names what was refused and the setting to look at; never a password.

aiokafka's own error does not say it, so each address is tried once more.
"""

import asyncio
import ssl
import struct
from collections.abc import Mapping
from typing import Any

from aiokafka import errors
from aiokafka.conn import collect_hosts, create_conn
from aiokafka.protocol.metadata import MetadataRequest

from .settings import ClientSettings

TRY_SECONDS = 5.0
PROBE_SECONDS = 3.0
_OPTIONS = ("security_protocol", "ssl_context", "sasl_mechanism", "sasl_plain_username", "sasl_plain_password")
_ASKS_VERSIONS = struct.pack(">ihhih", 10, 18, 0, 7, -1)  # ApiVersions, the oldest form, correlation 7, no client id
_CERTIFICATES = {  # by OpenSSL's X509_V_ERR_ numbers
    9: "a certificate that is not valid yet; check both clocks",
    10: "a certificate that expired; renew the broker's, or check this machine's clock",
    62: "a certificate for another host; name it in KAFKA_BOOTSTRAP_SERVERS as its certificate does",
    64: "a certificate for another host; name it in KAFKA_BOOTSTRAP_SERVERS as its certificate does",
}
_UNKNOWN_AUTHORITY = "a certificate that no authority in KAFKA_SSL_CAFILE has signed"


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
    connection = None
    try:
        async with asyncio.timeout(TRY_SECONDS):
            connection = await create_conn(host, port, **{name: options[name] for name in _OPTIONS if name in options})
            await connection.send(MetadataRequest([]))
            return None
    except errors.SaslAuthenticationFailed:
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
        return await _of_what_is_spoken(host, port, protocol, was_let_in=connection is not None)
    finally:
        if connection is not None:
            connection.close()


async def _of_what_is_spoken(host: str, port: int, protocol: str, *, was_let_in: bool) -> str | None:
    where = f"Kafka at {host}:{port}"
    if was_let_in and not protocol.startswith("SASL_"):
        return f"{where} requires a login; correct KAFKA_SECURITY_PROTOCOL ({protocol})"
    if protocol.endswith("SSL") and await _connects(host, port, None, _ASKS_VERSIONS):
        return f"{where} does not use TLS; correct KAFKA_SECURITY_PROTOCOL ({protocol})"
    if not protocol.endswith("SSL"):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if await _connects(host, port, context, b""):
            return f"{where} accepts TLS only; correct KAFKA_SECURITY_PROTOCOL ({protocol})"
    return None


async def _connects(host: str, port: int, context: ssl.SSLContext | None, question: bytes) -> bool:
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            reader, writer = await asyncio.open_connection(host, port, ssl=context)
            try:
                writer.write(question)
                return not question or (await reader.readexactly(8))[4:] == question[8:12]
            finally:
                writer.transport.abort()
    except (OSError, TimeoutError, asyncio.IncompleteReadError):
        return False
