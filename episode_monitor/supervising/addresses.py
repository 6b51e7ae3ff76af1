"""Where a worker process is found by its siblings and by workers on other machines."""

from urllib.parse import urlsplit

_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}


def local_url(host: str, port: int) -> str:
    """Of what listens on `host`, for a program of the same machine."""
    return _url(_ANY.get(host, host), port)


def advertised_url(public_url: str, port: int) -> str:
    """The same machine as `public_url`, at another port. Workers speak plain HTTP with each other."""
    return _url(urlsplit(public_url).hostname or "127.0.0.1", port)


def _url(host: str, port: int) -> str:
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"
