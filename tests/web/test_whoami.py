"""What a caller learns of its own rights, before it tries to change anything."""

from typing import Any

import pytest

from episode_monitor.settings.api_tokens import ApiToken, Role, parse_api_tokens
from episode_monitor.web.settings import WebSettings
from tests.web.conftest import Connect

PATH = "/monitoring/episodes/whoami"
WITH_TOKENS = WebSettings(host="0.0.0.0", api_tokens=parse_api_tokens("operator:s3cret,viewer:look"))
OF_THE_FILE = ApiToken.of(Role.OPERATOR, "token-of-the-file")


async def asked(connect: Connect, settings: WebSettings, token: str | None, peer: str) -> tuple[int, dict[str, Any]]:
    headers = {} if token is None else {"authorization": f"Bearer {token}"}
    answer = await connect(settings, peer=peer).get(PATH, headers=headers)
    return answer.status_code, answer.json()


@pytest.mark.parametrize("peer", ["127.0.0.1", "192.0.2.7"])
@pytest.mark.parametrize(
    ("token", "role", "scopes", "said", "refused"),
    [
        ("s3cret", "operator", ["read", "change"], "accepted", None),
        ("look", "viewer", ["read"], "accepted", "operator_required"),
        (None, "anonymous", ["read"], "none", "unauthorized"),
    ],
)
async def test_with_tokens_the_role_is_that_of_the_token(
    connect: Connect, peer: str, token: str | None, role: str, scopes: list[str], said: str, refused: str | None
) -> None:
    status, found = await asked(connect, WITH_TOKENS, token, peer)
    assert status == 200
    assert (found["role"], found["scopes"], found["token"], found["refused"]) == (role, scopes, said, refused)
    assert found["tokens_required"] is True
    assert (found["detail"] is None) == (refused is None)


async def test_a_wrong_token_is_refused_and_none_is_not(connect: Connect) -> None:
    status, problem = await asked(connect, WITH_TOKENS, "guess", "127.0.0.1")
    assert (status, problem["code"]) == (401, "unauthorized")
    assert problem["detail"] == "This token is unknown: check API_TOKENS of the monitor."


async def test_without_tokens_a_program_of_this_machine_may_change_things_whatever_token_it_sends(
    connect: Connect,
) -> None:
    for token, said in ((None, "none"), ("guess", "not_checked")):
        status, found = await asked(connect, WebSettings(), token, "127.0.0.1")
        assert status == 200
        assert (found["role"], found["token"], found["tokens_required"]) == ("loopback", said, False)
        assert found["scopes"] == ["read", "change"]


async def test_without_tokens_another_machine_only_reads_and_learns_why(connect: Connect) -> None:
    status, found = await asked(connect, WebSettings(host="0.0.0.0"), "guess", "192.0.2.7")
    assert status == 200
    assert (found["role"], found["scopes"], found["token"]) == ("anonymous", ["read"], "not_checked")
    assert found["refused"] == "loopback_only"
    assert found["detail"].endswith("set API_TOKENS and send Authorization: Bearer TOKEN.")


async def test_where_the_token_of_the_file_is_demanded_a_wrong_one_is_refused(connect: Connect) -> None:
    settings = WebSettings(local_token=OF_THE_FILE, demands_local_token=True)
    status, found = await asked(connect, settings, "token-of-the-file", "127.0.0.1")
    assert (status, found["role"], found["token"], found["tokens_required"]) == (200, "operator", "accepted", True)
    status, found = await asked(connect, settings, None, "127.0.0.1")
    assert (status, found["role"], found["refused"]) == (200, "anonymous", "unauthorized")
    status, problem = await asked(connect, settings, "guess", "127.0.0.1")
    assert (status, problem["code"]) == (401, "unauthorized")


async def test_the_answer_is_never_stored(connect: Connect) -> None:
    answer = await connect(WITH_TOKENS).get(PATH)
    assert answer.headers["cache-control"] == "no-store"


async def test_a_token_with_a_name_says_whose_it_is(connect: Connect) -> None:
    tokens = (ApiToken.of(Role.OPERATOR, "one", "mina"), ApiToken.of(Role.VIEWER, "two", "jun"))
    settings = WebSettings(api_tokens=tokens)
    found = [(await asked(connect, settings, token, "127.0.0.1"))[1] for token in ("one", "two", None)]
    assert [(one["role"], one["name"]) for one in found] == [
        ("operator", "mina"),
        ("viewer", "jun"),
        ("anonymous", None),
    ]
