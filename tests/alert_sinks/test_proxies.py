"""Proxy variables in every form: which address goes where, and that no value of them stops what does not need it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from alert_sinks.destinations import build_destinations
from alert_sinks.posting import HttpAnswer, NoHttpAnswer, new_client, post
from alert_sinks.proxies import ProxyRules, UnusableProxy
from tests.alert_sinks.receiver import Receiver
from tests.alert_sinks.support import sink_settings

HOOK = "https://hooks.example/T0"
VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "ssl_cert_file", "ssl_cert_dir")


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return monkeypatch


@pytest.mark.parametrize(
    ("given", "url", "proxy"),
    [
        ({}, HOOK, None),
        ({"HTTPS_PROXY": "http://proxy:3128"}, HOOK, "http://proxy:3128"),
        ({"https_proxy": "http://proxy:3128"}, HOOK, "http://proxy:3128"),
        ({"https_proxy": "http://small:1", "HTTPS_PROXY": "http://large:1"}, HOOK, "http://small:1"),
        ({"https_proxy": "", "HTTPS_PROXY": "http://large:1"}, HOOK, None),
        ({"HTTPS_PROXY": "proxy:3128"}, HOOK, "http://proxy:3128"),
        ({"HTTPS_PROXY": "proxy"}, HOOK, "http://proxy"),
        ({"HTTPS_PROXY": " http://mina:secret@proxy:3128/ "}, HOOK, "http://mina:secret@proxy:3128/"),
        ({"HTTPS_PROXY": "http://[2001:db8::1]:3128"}, HOOK, "http://[2001:db8::1]:3128"),
        ({"HTTPS_PROXY": "https://proxy"}, HOOK, "https://proxy"),
        ({"HTTP_PROXY": "http://proxy:3128"}, HOOK, None),
        ({"HTTP_PROXY": "http://proxy:3128"}, "http://hooks.example/T0", "http://proxy:3128"),
        ({"ALL_PROXY": "http://proxy:3128"}, HOOK, "http://proxy:3128"),
        ({"ALL_PROXY": "socks5://proxy", "HTTPS_PROXY": "http://proxy:3128"}, HOOK, "http://proxy:3128"),
        ({"HTTP_PROXY": ":::", "HTTPS_PROXY": "http://proxy:3128"}, HOOK, "http://proxy:3128"),
    ],
)
def test_an_address_goes_through_the_proxy_of_its_scheme(given: dict[str, str], url: str, proxy: str | None) -> None:
    assert ProxyRules(given).proxy_for(url) == proxy


@pytest.mark.parametrize(
    ("exceptions", "url", "is_direct"),
    [
        ("*", HOOK, True),
        ("hooks.example", HOOK, True),
        ("HOOKS.Example", HOOK, True),
        ("other, hooks.example", HOOK, True),
        ("other hooks.example", HOOK, True),
        (".example", HOOK, True),
        ("example", HOOK, True),
        ("*.example", HOOK, True),
        ("ooks.example", HOOK, False),
        ("hooks.example.org", HOOK, False),
        ("hooks.example:443", HOOK, True),
        ("hooks.example:8443", HOOK, False),
        ("hooks.example:8443", "https://hooks.example:8443/", True),
        ("hooks.example.", "https://hooks.example./", True),
        ("10.0.0.0/8", "http://10.1.2.3/", True),
        ("10.0.0.0/8", "http://11.1.2.3/", False),
        ("10.1.2.3/8", "http://10.9.9.9/", True),
        ("10.1.2.3", "http://10.1.2.3:9000/", True),
        ("10.1.2.3:9000", "http://10.1.2.3:9000/", True),
        ("10.1.2.3:9001", "http://10.1.2.3:9000/", False),
        ("::1,[2001:db8::7]", "http://[2001:db8::7]/", True),
        ("[2001:db8::7]:9000", "http://[2001:db8::7]:9000/", True),
        ("2001:db8::/32", "http://[2001:db8::7]/", True),
        ("2001:db8::/32", "http://10.1.2.3/", False),
        ("fe80::%eth0/10,[::1,]:[,::1]:x,hooks.example:port,/8,http://", HOOK, False),
        ("", HOOK, False),
    ],
)
def test_exceptions_are_read_in_every_form(exceptions: str, url: str, is_direct: bool) -> None:
    rules = ProxyRules({"ALL_PROXY": "http://proxy:3128", "NO_PROXY": exceptions})
    assert (rules.proxy_for(url) is None) is is_direct


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/", "http://127.9.9.9/", "http://localhost/", "http://a.localhost/", "http://[::1]/"]
)
def test_loopback_is_always_asked_directly(url: str) -> None:
    assert ProxyRules({"ALL_PROXY": "socks5://nonsense:x"}).proxy_for(url) is None


UNUSABLE = [
    "socks5://proxy:1080", "socks5h://proxy", "socks4://x", "ftp://proxy", "http://", "http://proxy:port", ":::", "://",
    "http://proxy:99999", "http://[::1", "http://[::1]]:1", "http://a b :1", "http://proxy:0",
]  # fmt: skip
NONSENSE = [*UNUSABLE, "\x7f", "%", "http://%%%@x:y", "/var/run/proxy.sock", "direct://", "none", "?", "[::1]"]


@pytest.mark.parametrize("value", UNUSABLE)
@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
async def test_a_proxy_that_a_receiver_needs_and_that_cannot_be_used_is_said_in_a_sentence(
    environment: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    environment.setenv(variable, value)
    async with new_client() as client:
        with pytest.raises(UnusableProxy, match=f"^{variable.upper()} names ") as caught:
            build_destinations(sink_settings(slack_webhook_url=HOOK), client)
    assert str(caught.value).count(". ") == 0
    assert value.partition("://")[2] in ("", ":::") or value not in str(caught.value)


@pytest.mark.parametrize("value", NONSENSE)
@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "no_proxy"])
async def test_no_value_of_a_proxy_variable_is_in_the_way_of_what_does_not_need_it(
    environment: pytest.MonkeyPatch, receiver: Receiver, variable: str, value: str
) -> None:
    environment.setenv(variable, value)
    async with new_client() as client:
        build_destinations(sink_settings(slack_webhook_url=receiver.url), client)
        assert await post(client, receiver.url, b"{}", {}, 30.0) == HttpAnswer(200, None, b"ok")


async def test_certificates_that_are_not_there_matter_only_where_there_is_tls(
    environment: pytest.MonkeyPatch, receiver: Receiver
) -> None:
    environment.setenv("SSL_CERT_FILE", "/no/such/file")
    async with new_client() as client:
        build_destinations(sink_settings(slack_webhook_url=receiver.url), client)
        assert await post(client, receiver.url, b"{}", {}, 30.0) == HttpAnswer(200, None, b"ok")
        with pytest.raises(ValueError, match="SSL_CERT_FILE or SSL_CERT_DIR contains no readable certificates"):
            build_destinations(sink_settings(slack_webhook_url=HOOK), client)


@asynccontextmanager
async def proxy(said: list[bytes], answer: bytes) -> AsyncIterator[int]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        said.append((await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")[0])
        writer.write(answer)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


async def test_a_receiver_elsewhere_is_asked_through_the_proxy(environment: pytest.MonkeyPatch) -> None:
    said: list[bytes] = []
    async with proxy(said, b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok") as port:
        environment.setenv("HTTP_PROXY", f"127.0.0.1:{port}")
        async with new_client() as client:
            assert await post(client, "http://hooks.example/T0", b"{}", {}, 30.0) == HttpAnswer(200, None, b"ok")
    assert said == [b"POST http://hooks.example/T0 HTTP/1.1"]


async def test_a_proxy_that_refuses_is_named_as_what_refused(environment: pytest.MonkeyPatch) -> None:
    said: list[bytes] = []
    async with proxy(said, b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n") as port:
        environment.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
        async with new_client() as client:
            answer = await post(client, HOOK, b"{}", {}, 30.0)
    assert said == [b"CONNECT hooks.example:443 HTTP/1.1"]
    assert answer == NoHttpAnswer("the proxy does not let it through (403 Forbidden)")
