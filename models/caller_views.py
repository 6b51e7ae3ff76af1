"""Answers about the caller of a request."""

from typing import Literal

import msgspec


class WhoAmI(msgspec.Struct, frozen=True, kw_only=True):
    """What the caller may do. `refused` and `detail` say why it may not change anything; both are null if it may.
    `name` is that of the token, null where it has none."""

    role: Literal["operator", "viewer", "loopback", "anonymous"]  # loopback: a program of this machine, without token
    name: str | None = None
    scopes: list[Literal["read", "change"]]
    token: Literal["none", "accepted", "not_checked"]  # not_checked: rights do not depend on a token here
    tokens_required: bool  # a change needs a token, whoever sends it
    refused: str | None = None  # the `code` that a change would be answered with
    detail: str | None = None
