"""Why Kafka cannot be used: one sentence for people, with the refusal and the setting to check.

Where the library's error does not name the cause, `why` probes the address with a handshake to see which protocol it
speaks. No sentence contains a Python class name or a password.
"""

import asyncio
import socket
import ssl

from aiokafka import errors
from aiokafka.errors import KafkaError

from agents.kafka.access import Kafka, KafkaAccess, access_of
from agents.kafka.client import KafkaUnreachable, NotServed
from agents.kafka.tls import trouble_of_own
from episode_monitor_client.probes import alert_of, speaks_kafka, speaks_tls
from episode_monitor_client.tokens import COMMAND_SETTING, FILE_SETTING, NoToken

_EXPIRED, _NOT_YET_VALID, _OTHER_HOST, _OTHER_ADDRESS = 10, 9, 62, 64  # OpenSSL's X509_V_ERR_ numbers
_UNKNOWN_SIGNER = frozenset({2, 18, 19, 20, 21})
_CLOSED = (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError, NotServed, errors.KafkaConnectionError)
RIGHTS = (
    errors.TopicAuthorizationFailedError,
    errors.GroupAuthorizationFailedError,
    errors.ClusterAuthorizationFailedError,
    errors.TransactionalIdAuthorizationFailed,
)


async def why(error: BaseException, kafka: Kafka) -> str:
    """A sentence for an error from using Kafka."""
    access = access_of(kafka)
    if isinstance(error, KafkaUnreachable):
        return await _of_addresses(error, access)
    return words_of(error, access)


async def _of_addresses(error: KafkaUnreachable, access: KafkaAccess) -> str:
    """A broker's answer explains more than the silence of others."""
    silent: list[BaseException] = []
    for address, failure in error.failures:
        sentence = _of_certificate(failure, address) or _of_login(failure, address, access)
        if sentence is None and isinstance(failure, _CLOSED) and not isinstance(failure, ConnectionRefusedError):
            sentence = await _of_protocol(address, access, failure)
        if sentence is not None:
            return sentence
        silent.append(failure)
    if silent and all(isinstance(failure, socket.gaierror) for failure in silent):
        return f"The host name in {access} cannot be resolved; correct KAFKA_BOOTSTRAP_SERVERS."
    return f"Kafka does not answer at {access}; start it, or check KAFKA_BOOTSTRAP_SERVERS."


def words_of(error: BaseException, kafka: Kafka) -> str:
    """The sentence that the error alone allows, without probing."""
    access = access_of(kafka)
    if isinstance(error, RIGHTS):
        return of_right(error, access)
    if isinstance(error, KafkaUnreachable):
        for address, failure in error.failures:
            sentence = _of_certificate(failure, address) or _of_login(failure, address, access)
            if sentence is not None:
                return sentence
    sentence = _of_certificate(error, str(access)) or _of_login(error, str(access), access)
    if sentence is not None:
        return sentence
    if isinstance(error, errors.KafkaConnectionError | OSError | TimeoutError | errors.NodeNotReadyError):
        return f"Kafka does not answer at {access}; start it, or check KAFKA_BOOTSTRAP_SERVERS."
    if isinstance(error, errors.RequestTimedOutError | errors.KafkaTimeoutError):
        return f"Kafka at {access} does not answer in time; check its load and the network."
    return f"Kafka at {access} rejects the request: {refusal(error)}."


def reason_of(error: BaseException, kafka: Kafka) -> str:
    """A sentence for a Kafka error; the `repr` of any other."""
    return words_of(error, kafka) if isinstance(error, KafkaError) else repr(error)


def reason_for_log(error: BaseException) -> str:
    """For a log line that has the address elsewhere: a missing right in words, else the `repr`."""
    return f"Kafka refuses this user the right {_lacking(error)}" if isinstance(error, RIGHTS) else repr(error)


def of_right(error: BaseException, access: KafkaAccess) -> str:
    """The missing right, as far as the error names it."""
    return f"Kafka at {access} refuses {user_of(access)} the right {_lacking(error)}; grant it (doctor names all)."


def _lacking(error: BaseException) -> str:
    named = ", ".join(str(each) for each in _flat(error.args))
    if isinstance(error, errors.GroupAuthorizationFailedError):
        return f"READ on the consumer group {named}".rstrip()
    if isinstance(error, errors.TransactionalIdAuthorizationFailed):
        return f"WRITE on the transactional id {named}".rstrip()
    if isinstance(error, errors.ClusterAuthorizationFailedError):
        return "IDEMPOTENT_WRITE or CREATE on the cluster"
    return f"READ, WRITE or DESCRIBE on the topic {named}".rstrip()


def user_of(access: KafkaAccess) -> str:
    """The user in words."""
    if access.has_token:
        return "the bearer of this token"
    if not access.has_user and access.ssl_certfile is not None:
        return "the bearer of the certificate in KAFKA_SSL_CERTFILE"
    return f"the user {access.sasl_username}" if access.has_user else "clients without authentication"


def _flat(values: tuple[object, ...]) -> list[object]:
    found: list[object] = []
    for value in values:
        found.extend(_flat(tuple(value)) if isinstance(value, set | frozenset | tuple | list) else [value])
    return found


def refusal(error: BaseException) -> str:
    """The broker's reason, without the name and number of an error class."""
    if isinstance(error, KafkaError):
        text = " ".join(str(each) for each in _flat(error.args)) or getattr(error, "description", "")
        return (text or getattr(error, "message", "") or "no reason was given").strip().rstrip(".")
    return (str(error) or "no reason was given").splitlines()[0].rstrip(".")


def _of_login(error: BaseException, address: str, access: KafkaAccess) -> str | None:
    if isinstance(error, NoToken):
        return f"Kafka at {address} requires a token: {error}"
    if isinstance(error, errors.SaslAuthenticationFailed | errors.AuthenticationFailedError):
        if access.has_token:
            setting = FILE_SETTING if access.oauth_token_file else COMMAND_SETTING
            return (
                f"Kafka at {address} rejects the token of {setting}; check its issuer, audience and expiry, and the "
                f"clocks."
            )
        return (
            f"Kafka at {address} rejects this user and password (KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD, "
            f"KAFKA_SASL_MECHANISM {access.sasl_mechanism}); correct them, or give the broker that user."
        )
    if isinstance(error, errors.UnsupportedSaslMechanismError):
        return (
            f"Kafka at {address} does not support the mechanism {access.sasl_mechanism}; correct KAFKA_SASL_MECHANISM."
        )
    if isinstance(error, errors.IllegalSaslStateError):
        open_protocol = "SSL" if access.is_encrypted else "PLAINTEXT"
        return (
            f"Kafka at {address} does not support logins, and KAFKA_SECURITY_PROTOCOL is "
            f"{access.security_protocol}; make it {open_protocol}, or use an address that supports logins."
        )
    return None


def _of_certificate(error: BaseException, address: str) -> str | None:
    if not isinstance(error, ssl.SSLCertVerificationError):
        return None
    host = address.rpartition(":")[0]
    code = error.verify_code
    if code == _EXPIRED:
        return f"Kafka at {address} shows a certificate that expired; renew it, or check this machine's clock."
    if code == _NOT_YET_VALID:
        return f"Kafka at {address} shows a certificate that is not valid yet; check both clocks."
    if code in (_OTHER_HOST, _OTHER_ADDRESS):
        return (
            f"Kafka at {address} shows a certificate for another host; name it in KAFKA_BOOTSTRAP_SERVERS as its "
            f"certificate does, or give the broker one for {host}."
        )
    if code in _UNKNOWN_SIGNER:
        return (
            f"Kafka at {address} shows a certificate that no authority in KAFKA_SSL_CAFILE has "
            f"signed; set KAFKA_SSL_CAFILE to the authority that did."
        )
    return f"Kafka at {address} shows a certificate that cannot be trusted ({error.verify_message}); KAFKA_SSL_CAFILE."


async def _of_protocol(address: str, access: KafkaAccess, failure: BaseException) -> str | None:
    host, _, port = address.rpartition(":")
    protocol = access.security_protocol
    if access.is_encrypted:
        if await speaks_kafka(host, int(port)):
            plain = "SASL_PLAINTEXT" if access.has_user else "PLAINTEXT"
            return f"Kafka at {address} does not use TLS, and KAFKA_SECURITY_PROTOCOL is {protocol}; make it {plain}."
        if not await speaks_tls(host, int(port)):
            return None if _is_plain_loss(failure) else _no_kafka(address, access)
    elif await speaks_tls(host, int(port)):
        encrypted = "SASL_SSL" if access.has_user else "SSL"
        return f"Kafka at {address} accepts TLS only, and KAFKA_SECURITY_PROTOCOL is {protocol}; make it {encrypted}."
    elif not await speaks_kafka(host, int(port)):
        return None if _is_plain_loss(failure) else _no_kafka(address, access)
    refused = await _of_own_certificate(host, int(port), access)
    if refused is not None:
        return refused
    if isinstance(failure, NotServed) and not access.has_user:
        login = "SASL_SSL" if access.is_encrypted else "SASL_PLAINTEXT"
        return (
            f"Kafka at {address} requires a login, and KAFKA_SECURITY_PROTOCOL is {protocol}; make it "
            f"{login}, and set KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD."
        )
    if access.is_encrypted and isinstance(failure, ssl.SSLError):
        return f"Kafka at {address} and this client find no way to speak TLS; the broker may ask for a certificate."
    return None


async def _of_own_certificate(host: str, port: int, access: KafkaAccess) -> str | None:
    """What the broker says of the certificate that the monitor shows, or that it shows none."""
    context = access.tls()
    alert = "" if context is None else await alert_of(host, port, context)
    if "CERTIFICATE" not in alert and "UNKNOWN_CA" not in alert and "HANDSHAKE_FAILURE" not in alert:
        return None
    said = alert.lower().replace("_", " ").removeprefix("tlsv13 ").removeprefix("tlsv1 ").removeprefix("sslv3 ")
    if access.ssl_certfile is None:
        return (
            f"Kafka at {host}:{port} requires a certificate of its clients; set KAFKA_SSL_CERTFILE and "
            f"KAFKA_SSL_KEYFILE."
        )
    own = trouble_of_own(access.ssl_certfile)
    if own:
        return f"Kafka at {host}:{port} rejects this client. {own}"
    return (
        f"Kafka at {host}:{port} rejects the certificate in KAFKA_SSL_CERTFILE ({said}); use one that an authority in "
        f"the broker's trust store has signed."
    )


def _is_plain_loss(failure: BaseException) -> bool:
    return isinstance(failure, TimeoutError)


def _no_kafka(address: str, access: KafkaAccess) -> str:
    return (
        f"What answers at {address} speaks no Kafka that the monitor knows, or closes every connection; correct "
        f"KAFKA_BOOTSTRAP_SERVERS or KAFKA_SECURITY_PROTOCOL ({access.security_protocol})."
    )
