"""TLS to Kafka: the authorities that are trusted and the monitor's own certificate."""

import ssl
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from cryptography import x509


@cache
def context_of(cafile: Path | None, certfile: Path | None, keyfile: Path | None, password: str) -> ssl.SSLContext:
    """For all clients of the process. Raises OSError and ssl.SSLError for a file that cannot be used."""
    context = ssl.create_default_context(cafile=None if cafile is None else str(cafile))
    if certfile is not None:
        # Without a password OpenSSL would ask for one at the terminal; an empty one is an error instead.
        context.load_cert_chain(certfile, keyfile, password=password)
    return context


def trouble_of_own(certfile: Path | None, now: datetime | None = None) -> str:
    """Why a broker cannot accept the certificate that the monitor shows; "" where nothing is known against it."""
    if certfile is None:
        return ""
    try:
        own = x509.load_pem_x509_certificate(certfile.read_bytes())
    except (OSError, ValueError):
        return ""  # the settings check what can be read
    now = now or datetime.now(UTC)
    if own.not_valid_after_utc <= now:
        return f"The certificate in KAFKA_SSL_CERTFILE expired on {own.not_valid_after_utc:%Y-%m-%d}; renew it."
    if own.not_valid_before_utc > now:
        return (
            f"The certificate in KAFKA_SSL_CERTFILE is valid from {own.not_valid_before_utc:%Y-%m-%d} on; check this "
            f"machine's clock."
        )
    return ""
