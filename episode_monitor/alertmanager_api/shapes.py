"""The shapes of Alertmanager's API v2, as its OpenAPI document of version 0.25 has them. Times are RFC 3339, UTC."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from episode_monitor.dispatch.bodies import MAX_MATCHERS
from streams.routing.matcher import Matcher, MatcherError, MatchOperator, matcher
from streams.routing.matcher_parsing import LABEL_NAME

_ONE_LINE = "^[^\\x00-\\x1f\\x7f-\\x9f]*$"  # no control characters
_LINES = "^[^\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\\x9f]*$"  # none but tabs and line breaks


class ApiReceiver(msgspec.Struct, frozen=True):
    """A receiver; the same name twice where two routes lead to it."""

    name: str


class ApiAlertStatus(msgspec.Struct, frozen=True, rename="camel"):
    """`active`, `suppressed` by silences (ids) or alerts (fingerprints), or `unprocessed` while it waits for its
    partition of events to catch up."""

    state: str
    silenced_by: list[str]
    inhibited_by: list[str]


class GettableAlert(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """An alert that fires. It ends when its rule says so: `endsAt` is always some minutes ahead."""

    labels: dict[str, str]
    annotations: dict[str, str]
    fingerprint: str
    receivers: list[ApiReceiver]
    status: ApiAlertStatus
    starts_at: str
    updated_at: str
    ends_at: str
    generator_url: str = msgspec.field(name="generatorURL", default="")


class ApiAlertGroup(msgspec.Struct, frozen=True):
    """The alerts of one group of one receiver."""

    labels: dict[str, str]
    receiver: ApiReceiver
    alerts: list[GettableAlert]


class ApiMatcher(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One condition on one label; regexes (RE2) match the whole value."""

    name: Annotated[str, Meta(min_length=1, max_length=200)]
    value: Annotated[str, Meta(max_length=2000)]
    is_regex: bool
    is_equal: bool = True

    def parsed(self) -> Matcher:
        """Raises MatcherError."""
        if not LABEL_NAME.fullmatch(self.name):
            raise MatcherError(f"`{self.name}` is no name of a label; use letters, digits and underscores.")
        return matcher(self.name, _OPERATORS[self.is_equal, self.is_regex], self.value)


_OPERATORS = {
    (True, False): MatchOperator.EQUAL,
    (False, False): MatchOperator.NOT_EQUAL,
    (True, True): MatchOperator.REGEX,
    (False, True): MatchOperator.NOT_REGEX,
}
_FLAGS = {operator: flags for flags, operator in _OPERATORS.items()}


def api_matcher(one: Matcher) -> ApiMatcher:
    """The reverse of `ApiMatcher.parsed`."""
    is_equal, is_regex = _FLAGS[one.operator]
    return ApiMatcher(name=one.name, value=one.value, is_regex=is_regex, is_equal=is_equal)


class ApiSilenceStatus(msgspec.Struct, frozen=True):
    """`pending`, `active` or `expired`."""

    state: str


class GettableSilence(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A silence."""

    id: str
    status: ApiSilenceStatus
    matchers: list[ApiMatcher]
    starts_at: str
    ends_at: str
    updated_at: str
    created_by: str
    comment: str


class PostableSilence(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A silence to create, or with `id` to change."""

    id: Annotated[str, Meta(max_length=500)] = ""
    matchers: Annotated[list[ApiMatcher], Meta(min_length=1, max_length=MAX_MATCHERS, description="All must fit.")]
    starts_at: Annotated[datetime, Meta(tz=True)]
    ends_at: Annotated[datetime, Meta(tz=True)]
    created_by: Annotated[
        str, Meta(max_length=200, pattern=_ONE_LINE, description="Who makes it; empty: the caller's role.")
    ]
    comment: Annotated[str, Meta(max_length=2000, pattern=_LINES)]


class SilenceCreated(msgspec.Struct, frozen=True):
    """The id of the silence."""

    silence_id: str = msgspec.field(name="silenceID")


class ApiPeer(msgspec.Struct, frozen=True):
    """A worker that owns partitions of events."""

    name: str
    address: str


class ApiCluster(msgspec.Struct, frozen=True):
    """The fleet of workers."""

    name: str
    status: str
    peers: list[ApiPeer]


class ApiVersion(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`version` is that of the API, by which clients choose what they send; `revision` is the monitor's."""

    version: str
    revision: str
    branch: str = "episode-monitor"
    build_user: str = ""
    build_date: str = ""
    go_version: str = ""


class ApiConfig(msgspec.Struct, frozen=True):
    """The routes in force in the words of Alertmanager's file, without what is secret: receivers are names only."""

    original: str


class AlertmanagerStatus(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Of the worker that answers."""

    cluster: ApiCluster
    version_info: ApiVersion
    config: ApiConfig
    uptime: str
