"""Alerts are not sent to private addresses, whatever a name resolves to, and the address that was judged is used."""

import ssl
from pathlib import Path

import pytest
import trustme

from alert_sinks.address_guard import AddressGuard, PrivateAddress, is_public
from alert_sinks.kinds.email import EmailConfig, EmailSink
from alert_sinks.kinds.webhook import WebhookSink
from alert_sinks.posting import new_client
from alert_sinks.sink import Attempt, Delivered, Retry, SinkParts
from tests.alert_sinks.receiver import Receiver
from tests.alert_sinks.support import NOW_MS, Signal, an_alert

FIRST = Attempt(1, NOW_MS)
SENTENCE = "set ALLOW_PRIVATE_SINKS=true to send alerts inside your own network"


class Names:
    """A resolver that knows what a test says; `asked` counts."""

    def __init__(self, *answers: list[str]) -> None:
        self._answers = list(answers)
        self.asked = 0

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked += 1
        return self._answers[min(self.asked, len(self._answers)) - 1]


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("93.184.215.14", True), ("2606:2800:220:1::1", True), ("100.63.255.255", True),
        ("127.0.0.1", False), ("10.0.0.5", False), ("172.16.0.1", False), ("192.168.1.1", False), ("0.0.0.0", False),
        ("169.254.169.254", False), ("100.64.0.1", False), ("224.0.0.1", False), ("255.255.255.255", False),
        ("::1", False), ("::", False), ("fe80::1%eth0", False), ("fd00:ec2::254", False), ("ff02::1", False),
        ("::ffff:10.0.0.5", False), ("2002:0a00:0005::1", False), ("64:ff9b::a00:5", False),
        ("64:ff9b::5db8:d70e", True), ("no address", False),
    ],
)  # fmt: skip
def test_which_addresses_are_public(address: str, expected: bool) -> None:
    assert is_public(address) is expected


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST.", "127.0.0.1", "127.8.8.8", "::1", "[::1]"])
async def test_a_loopback_host_that_is_written_as_one_passes(host: str) -> None:
    assert await AddressGuard(resolve=Names(["127.0.0.1"])).addresses(host, 80) == ["127.0.0.1"]


@pytest.mark.parametrize(
    ("host", "addresses"),
    [
        ("hooks.internal", ["10.0.0.5"]), ("10.0.0.5", ["10.0.0.5"]), ("hooks.internal", ["93.184.215.14", "::1"]),
        ("rebound.example", ["127.0.0.1"]), ("localhost.example", ["127.0.0.1"]), ("0", ["0.0.0.0"]),
        ("2130706433", ["127.0.0.1"]), ("metadata.google.internal", ["169.254.169.254"]),
    ],
)  # fmt: skip
async def test_a_private_address_is_refused_with_the_setting_that_allows_it(host: str, addresses: list[str]) -> None:
    with pytest.raises(PrivateAddress, match=SENTENCE):
        await AddressGuard(resolve=Names(addresses)).addresses(host, 80)
    assert await AddressGuard(allows_private=True, resolve=Names(addresses)).addresses(host, 80) == addresses


async def test_a_refused_alert_is_tried_again_and_says_why(receiver: Receiver) -> None:
    port = receiver.url.split(":")[2].split("/")[0]
    async with new_client(guard=AddressGuard(resolve=Names(["127.0.0.1"]))) as client:
        outcome = await WebhookSink(client, f"http://hooks.example:{port}/hook").deliver(an_alert(), FIRST)
    assert outcome == Retry(
        None, f"cannot connect (hooks.example is at 127.0.0.1, which is a private address; {SENTENCE})"
    )
    assert receiver.requests == []


async def test_the_address_that_was_judged_is_the_one_that_is_used(receiver: Receiver) -> None:
    names = Names(["127.0.0.1"], ["203.0.113.1"])  # whoever answers for the name changes it after the first question
    port = receiver.url.split(":")[2].split("/")[0]
    async with new_client(guard=AddressGuard(allows_private=True, resolve=names)) as client:
        outcome = await WebhookSink(client, f"http://hooks.example:{port}/hook").deliver(an_alert(), FIRST)
    assert outcome == Delivered()
    assert names.asked == 1
    assert receiver.requests[0].headers["host"] == f"hooks.example:{port}"


async def test_the_next_address_of_a_host_is_tried_if_one_refuses(receiver: Receiver) -> None:
    port = receiver.url.split(":")[2].split("/")[0]
    guard = AddressGuard(allows_private=True, resolve=Names(["127.9.9.9", "127.0.0.1"]))
    async with new_client(guard=guard) as client:
        outcome = await WebhookSink(client, f"http://hooks.example:{port}/hook").deliver(an_alert(), FIRST)
    assert outcome == Delivered()


async def test_tls_is_verified_for_the_name_and_not_for_the_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    trusted = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(trusted))
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    server_tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("hooks.example").configure_cert(server_tls)
    names: list[str | None] = []
    server_tls.sni_callback = lambda connection, name, context: names.append(name)
    server = Receiver(Signal())
    await server.start(0, tls=server_tls)
    port = server.url.split(":")[2].split("/")[0]
    async with new_client(guard=AddressGuard(allows_private=True, resolve=Names(["127.0.0.1"]))) as client:
        right = await WebhookSink(client, f"https://hooks.example:{port}/").deliver(an_alert(), FIRST)
        wrong = await WebhookSink(client, f"https://other.example:{port}/").deliver(an_alert(), FIRST)
    await server.stop()
    assert right == Delivered()
    assert isinstance(wrong, Retry)
    assert names == ["hooks.example", "other.example"]


async def test_mail_servers_are_judged_too() -> None:
    config = EmailConfig(to="a@b.example", smarthost="mail.internal:25", sender="m@b.example")
    async with new_client(guard=AddressGuard(resolve=Names(["10.0.0.25"]))) as client:
        outcome = await EmailSink(config, SinkParts(client, "team/email", 5)).deliver(an_alert(), FIRST)
    assert isinstance(outcome, Retry)
    assert "mail.internal is at 10.0.0.25, which is a private address" in outcome.reason
