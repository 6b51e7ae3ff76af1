"""Where a worker is found by programs of its machine, by its siblings and by workers on other machines."""

from urllib.parse import urlsplit

_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}


def local_url(host: str, port: int | str) -> str:
    """Of what listens on `host`, for a program of the same machine."""
    return url_at(_ANY.get(host, host), port)


def advertised_url(public_url: str, port: int) -> str:
    """The same machine as `public_url`, at another port. Workers speak plain HTTP with each other."""
    return url_at(urlsplit(public_url).hostname or "127.0.0.1", port)


def url_at(host: str, port: int | str) -> str:
    """Of a name, or of an address of IPv4 or IPv6."""
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"
