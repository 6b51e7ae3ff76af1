"""Bearer tokens: from a file or from a command, and every way in which there is none is one sentence."""

import shlex
import sys
from pathlib import Path

import pytest
from aiokafka.errors import SaslAuthenticationFailed

from agents.kafka.access import KafkaAccess
from episode_monitor_client import tokens
from episode_monitor_client.tokens import BearerAuthenticator, NoToken, TokenSource, end_of
from testbed.trusted_kafka import token_of

NOW = 1_800_000_000.0


def command_of(code: str) -> str:
    return shlex.join([sys.executable, "-c", code])


async def test_a_file_is_read_at_each_login_and_may_end_with_a_line_break(tmp_path: Path) -> None:
    file = tmp_path / "token"
    source = TokenSource(file, "")
    for written in ("first\n", "second", "\r\nthird\r\n"):
        file.write_text(written)
        assert await source.token() == written.strip()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "KAFKA_SASL_OAUTH_TOKEN_FILE gives an empty token; write a token into the file."),
        (b" \n", "KAFKA_SASL_OAUTH_TOKEN_FILE gives an empty token; write a token into the file."),
        (b"a b", "KAFKA_SASL_OAUTH_TOKEN_FILE gives a text that is no token: it must be one word of ASCII characters; "
                 "write a token into the file."),
        ("토큰".encode(), "KAFKA_SASL_OAUTH_TOKEN_FILE holds no token: a token is ASCII text; write a token into "
                          "the file."),
        (token_of("m", -5).encode(), "KAFKA_SASL_OAUTH_TOKEN_FILE gives a token that expired; renew it, or check this "
                                     "machine's clock."),
    ],
)  # fmt: skip
async def test_a_file_without_a_token_is_said(tmp_path: Path, content: bytes, sentence: str) -> None:
    (tmp_path / "token").write_bytes(content)
    with pytest.raises(NoToken) as raised:
        await TokenSource(tmp_path / "token", "").token()
    assert str(raised.value) == sentence


async def test_a_file_that_is_a_folder_or_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(NoToken, match="is a folder; name the file in it"):
        await TokenSource(tmp_path, "").token()
    with pytest.raises(NoToken, match=r"cannot be read \(No such file or directory\); correct the path or its rights"):
        await TokenSource(tmp_path / "missing", "").token()


async def test_a_command_runs_again_only_when_its_token_ends_soon(tmp_path: Path) -> None:
    now = [NOW]
    runs = tmp_path / "runs"
    opaque = command_of(f"open({str(runs)!r}, 'a').write('x'); print('token')")
    source = TokenSource(None, opaque, lambda: now[0])
    for later, expected in ((0, "x"), (29, "x"), (1, "xx")):
        now[0] += later
        assert (await source.token(), runs.read_text()) == ("token", expected)
    token = token_of("m", exp=NOW + 600)
    timed = TokenSource(None, command_of(f"open({str(runs)!r}, 'a').write('y'); print({token!r})"), lambda: now[0])
    for at, expected in ((NOW, "xxy"), (NOW + 569, "xxy"), (NOW + 571, "xxyy")):
        now[0] = at
        assert (await timed.token(), runs.read_text()) == (token, expected)


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        ("/no/such/program", r"cannot be started \(No such file or directory\); correct the command\."),
        (command_of("import sys; sys.stderr.write('hushhush'); sys.exit(3)"),
         r"ended with exit code 3; try it by hand\."),
        (command_of(""), r"gives an empty token; correct the command\."),
        (command_of("import time; time.sleep(60)"), r"printed no token within 0\.5 s; try it by hand\."),
    ],
)  # fmt: skip
async def test_a_command_without_a_token_is_said(monkeypatch: pytest.MonkeyPatch, command: str, sentence: str) -> None:
    monkeypatch.setattr(tokens, "COMMAND_SECONDS", 0.5 if "sleep" in command else 30.0)
    with pytest.raises(NoToken, match=f"^KAFKA_SASL_OAUTH_TOKEN_COMMAND {sentence}$"):
        await TokenSource(None, command).token()


@pytest.mark.parametrize("token", ["opaque", "a.b.c", "a.e30.c", "a.bnVsbA.c", "a." + "é" + ".c"])
def test_a_token_that_does_not_say_when_it_ends_is_taken_as_it_is(token: str) -> None:
    assert end_of(token) is None


async def test_a_refusal_is_not_taken_for_a_success() -> None:
    access = KafkaAccess(
        bootstrap_servers="k:9092", security_protocol="SASL_SSL", sasl_mechanism="OAUTHBEARER",
        oauth_token_command="print-token",
    )  # fmt: skip
    options = access.client_options()
    assert "sasl_plain_password" not in options
    provider = options["sasl_oauth_token_provider"]
    assert provider is access.client_options()["sasl_oauth_token_provider"], "one run of the command serves all clients"
    for answer, is_refused in ((b"", False), (None, False), (b'{"status":"invalid_token"}', True)):
        authenticator = BearerAuthenticator(sasl_oauth_token_provider=TokenSource(None, command_of("print('t')")))
        assert await authenticator.step(None) == (b"n,,\x01auth=Bearer t\x01\x01", True)
        if is_refused:
            with pytest.raises(SaslAuthenticationFailed, match="invalid_token"):
                await authenticator.step(answer)
        else:
            assert await authenticator.step(answer) is None
