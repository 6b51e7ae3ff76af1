"""API_TOKENS_FILE: hashes of tokens with roles and names, so that the audit says whose token made a change."""

import hashlib
import json
from pathlib import Path

import pytest

from episode_monitor.cli.tokens import create
from episode_monitor.composition import web_settings
from episode_monitor.exits import Failure
from episode_monitor.settings.api_tokens import ApiToken, Role, read_token_file
from episode_monitor.settings.settings import SettingsError, load_settings
from episode_monitor.storage.audit import AuditEntry
from episode_monitor.web.settings import WebSettings
from tests.web.conftest import Connect
from tests.web.fake_views import FakeViews, alert

RESOLVE = "/monitoring/episodes/alerts/r:p/resolve"
KIM, BOARD = ApiToken.of(Role.OPERATOR, "kims", "kim"), ApiToken.of(Role.VIEWER, "boards", "board")
HASH = hashlib.sha256(b"kims").hexdigest()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "tokens"


def served(file: Path, text: str, **more: str) -> WebSettings:
    file.write_text(text)
    return web_settings(load_settings({"API_TOKENS_FILE": str(file), "STATE_DIR": str(file.parent), **more}))


@pytest.mark.parametrize(("body", "who"), [({}, "kim"), ({"by": "lee"}, "lee")])
async def test_the_audit_has_the_name_of_the_token_whatever_name_the_request_gives(
    file: Path, connect: Connect, views: FakeViews, audit: list[AuditEntry], body: dict[str, str], who: str
) -> None:
    text = f"# who may do what\n{KIM.line}  # on call\n\n{BOARD.line}\n"
    views.alerts = {"r:p": alert("r:p")}
    client = connect(served(file, text, API_TOKENS="operator:bare"), peer="192.0.2.7")
    answer = await client.post(RESOLVE, json=body, headers={"authorization": "Bearer kims"})
    assert answer.status_code == 200
    (entry,) = audit
    assert (entry.who, entry.request["token"], entry.request["role"]) == (who, "kim", "operator")


async def test_a_token_without_a_name_a_viewers_and_an_unknown_one_are_told_apart(
    file: Path, connect: Connect, views: FakeViews, audit: list[AuditEntry]
) -> None:
    text = f"{KIM.line}\n{BOARD.line}\n"
    views.alerts = {"r:p": alert("r:p")}
    client = connect(served(file, text, API_TOKENS="operator:bare"), peer="192.0.2.7")
    codes = []
    for token in ("bare", "boards", "sha256:" + HASH, HASH):
        answer = await client.post(RESOLVE, headers={"authorization": f"Bearer {token}"})
        codes.append(answer.status_code)
    assert codes == [200, 403, 401, 401], "a hash is no token"
    assert (audit[0].who, "token" in audit[0].request) == ("operator", False)


async def test_a_file_alone_demands_a_token_of_this_machine_too(file: Path, connect: Connect) -> None:
    assert (await connect(served(file, KIM.line)).post(RESOLVE)).status_code == 401
    assert not (file.parent / "operator-token").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "has no token, so nobody could change anything"),
        (b"\n# none\n", "has no token, so nobody could change anything"),
        (b"\xff\xfe", "cannot be read: it is not UTF-8"),
        (f"root kim sha256:{HASH}".encode(), "line 1, must be ROLE NAME sha256:HASH"),
        (f"\noperator sha256:{HASH}".encode(), "line 2, must be ROLE NAME sha256:HASH"),
        (b"operator kim kims", "line 1, must be ROLE NAME sha256:HASH"),
        (f"operator kim sha256:{HASH}\nviewer kim sha256:{HASH[::-1]}".encode(), "has a name or a token twice"),
        (f"operator kim sha256:{HASH}\nviewer lee sha256:{HASH}".encode(), "has a name or a token twice"),
    ],
)
def test_a_file_that_cannot_be_used_stops_the_start_with_one_sentence(file: Path, text: bytes, said: str) -> None:
    file.write_bytes(text)
    with pytest.raises(SettingsError) as refused:
        web_settings(load_settings({"API_TOKENS_FILE": str(file), "STATE_DIR": str(file.parent)}))
    sentence = str(refused.value)
    assert sentence.startswith(f"API_TOKENS_FILE {file}")
    assert said in sentence
    assert sentence.endswith(".")
    assert "kims" not in sentence


def test_a_byte_order_mark_and_line_breaks_of_windows_do_no_harm(file: Path) -> None:
    file.write_bytes(b"\xef\xbb\xbf" + f"{KIM.line}\r\n{BOARD.line}\r\n".encode())
    assert read_token_file(file) == (KIM, BOARD)


def test_a_token_is_made_with_a_line_that_admits_it_and_does_not_hold_it(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    create("kim", Role.VIEWER, as_json=True)
    made = json.loads(capsys.readouterr().out)
    file.write_text(made["line"])
    assert read_token_file(file) == (ApiToken.of(Role.VIEWER, made["token"], "kim"),)
    assert made["token"] not in made["line"]
    create("lee")
    printed = capsys.readouterr()
    assert len(printed.out.split()) == 1
    assert f"operator lee sha256:{hashlib.sha256(printed.out.strip().encode()).hexdigest()}" in printed.err


@pytest.mark.parametrize("name", ["", "two words", "a:b", "a,b", "#a", "line\nbreak", "\u202e", "x" * 201])
def test_a_name_is_one_printable_word(name: str) -> None:
    with pytest.raises(Failure, match="NAME must be one word"):
        create(name)
