"""The query and path parameters the routes share, with their limits and the words `/docs` shows for them."""

import unicodedata
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, Path, Query, Request
from pydantic import AfterValidator, BeforeValidator
from pydantic_core import PydanticCustomError

from alert_sinks.texts.catalogue import Language
from episode_monitor.web.paths import Whole
from episode_monitor.web.problems import invalid
from models.times import epoch_ms, plain_rfc3339

MAX_PROJECT_ID = 200
MAX_ALERT_KEY = 400  # a rule's id, a colon, a project's id


def _without_control(text: str) -> str:
    if any(unicodedata.category(character) == "Cc" for character in text):
        raise ValueError("must not contain control characters")
    return text


def _moment(text: str) -> datetime:
    """No number, which could be seconds or milliseconds. An offset can push the first and the last day of the calendar
    out of what UTC can be written in."""
    try:
        moment = datetime.fromisoformat(plain_rfc3339(text))
        moment.astimezone(UTC)
        if moment.tzinfo is None or "-" not in text[:8]:
            raise ValueError
    except (ValueError, OverflowError):
        raise PydanticCustomError(
            "time", "must be an RFC 3339 time with an offset, such as 2026-01-31T09:00:00Z"
        ) from None
    return moment


Clean = AfterValidator(_without_control)
Moment = Annotated[datetime, BeforeValidator(_moment)]

ProjectIdPath = Annotated[
    str,
    Path(min_length=1, max_length=MAX_PROJECT_ID, description="The project's id, percent-encoded (a slash as `%2F`)."),
    Whole,
    Clean,
]
ProjectIdQuery = Annotated[str, Query(min_length=1, max_length=MAX_PROJECT_ID, description="The project's id."), Clean]
OptionalProject = Annotated[
    str | None,
    Query(min_length=1, max_length=MAX_PROJECT_ID, description="One project; default: the whole fleet."),
    Clean,
]
AlertKeyPath = Annotated[
    str,
    Path(min_length=1, max_length=MAX_ALERT_KEY, description="The alert's `alert_key`, percent-encoded."),
    Whole,
    Clean,
]
Limit = Annotated[int, Query(ge=1, le=1000, description="The maximum number of entries on a page.")]
Cursor = Annotated[
    str | None,
    Query(max_length=1000, description="`next_cursor` of the previous page; the other parameters must not change."),
    Clean,
]
WindowMinutes = Annotated[int, Query(ge=1, le=1440, description="How far back to look, in minutes.")]
Hours = Annotated[int, Query(ge=1, le=168, description="How far back to look, in hours; up to 2 gives minutes.")]


def range_ms(since: datetime | None, until: datetime | None, names: tuple[str, str]) -> dict[str, int | None]:
    """`since_ms` and `until_ms` of a query. `names` are those of the parameters. Raises Problem where it ends before it
    begins."""
    if since is not None and until is not None and since > until:
        raise invalid(names[1], f"must not be earlier than {names[0]}")
    return {
        "since_ms": None if since is None else epoch_ms(since),
        "until_ms": None if until is None else epoch_ms(until),
    }


InLanguage = Annotated[Language, Query(description="The language of titles and sentences: en or ko.")]


def _refused_in(request: Request, language: InLanguage = Language.EN) -> None:
    request.state.language = language


REFUSED_IN_LANGUAGE = [Depends(_refused_in)]  # of a route whose refusals name what is wrong in what was sent
By = Annotated[str, Query(max_length=200, description="Your name, for the audit; default: the caller's role."), Clean]
