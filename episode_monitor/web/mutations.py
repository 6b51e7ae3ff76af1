"""What every mutation does: read a checked body, and leave an audit entry however it ends."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated, Any, TypeVar

import msgspec
import structlog
from fastapi import Request
from msgspec import Meta

from episode_monitor.repair.audit import entry_follows_for
from episode_monitor.repair.planning import Strategy
from episode_monitor.storage.audit import AuditEntry
from episode_monitor.web.context import context_of
from episode_monitor.web.problems import Problem, invalid, to_problem
from episode_monitor.web.security import Caller, caller_of

log = structlog.get_logger(__name__)

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_CONTROL_BUT_LINES = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_NAMED_FIELD = re.compile(r"`\$\.(\w+)|required field `(\w+)`")  # the two ways msgspec names a field

Body = TypeVar("Body", bound="CheckBody | AlertActionBody")
Json = TypeVar("Json", bound=msgspec.Struct)


class CheckBody(msgspec.Struct, frozen=True, kw_only=True):
    """Who requests a check."""

    by: Annotated[str, Meta(max_length=200, description="Your name, for the audit; default: the caller's role.")] = ""


class AlertActionBody(msgspec.Struct, frozen=True, kw_only=True):
    """Who acts on an alert, and why; all fields are optional."""

    by: (
        Annotated[
            str,
            Meta(
                min_length=1,
                max_length=200,
                description="Your name, for the audit and the alert; default: the caller's role.",
            ),
        ]
        | msgspec.UnsetType
    ) = msgspec.UNSET
    comment: Annotated[str, Meta(max_length=2000, description="The reason; stored in the history.")] = ""
    minutes: (
        Annotated[
            int,
            Meta(
                ge=1,
                le=10_080,
                description="The duration of a silence (default 60), or of an acknowledgement (default: as long as the "
                "alert fires).",
            ),
        ]
        | msgspec.UnsetType
    ) = msgspec.UNSET


class RepairPlanBody(CheckBody, frozen=True, kw_only=True):
    """Who makes the plan, and how the numbers are to be repaired."""

    strategy: Annotated[Strategy, Meta(description="How the numbers are repaired.")] = Strategy.COMPACT


class RepairActBody(CheckBody, frozen=True, kw_only=True):
    """Who acts on a plan; `confirm` repeats the id of the project that it changes."""

    by: Annotated[str, Meta(min_length=1, max_length=200, description="Your name, for the audit and the plan.")]
    confirm: Annotated[str, Meta(max_length=200, description="The id of the project that the plan changes.")]
    with_newer: Annotated[
        bool, Meta(description="Also renumber episodes that were created after the plan was made; ignored by approve.")
    ] = False


class PauseBody(CheckBody, frozen=True, kw_only=True):
    """Who pauses or resumes automatic repair."""

    by: Annotated[str, Meta(min_length=1, max_length=200, description="Your name, for the audit.")]
    paused: Annotated[bool, Meta(description="True pauses automatic repair on all workers; false resumes it.")]


class WaiveBody(CheckBody, frozen=True, kw_only=True):
    """Who waives a finding, why, and for how long: either `minutes` or `until`."""

    by: Annotated[str, Meta(min_length=1, max_length=200, description="Your name, for the audit and the finding.")]
    reason: Annotated[str, Meta(min_length=1, max_length=500, description="Why this finding is acceptable.")]
    minutes: (
        Annotated[int, Meta(ge=1, le=527_040, description="The duration of the waiver; a year at most.")] | None
    ) = None
    until: Annotated[datetime, Meta(tz=True, description="The end of the waiver; at most a year ahead.")] | None = None


async def read_body(request: Request, kind: type[Body]) -> Body:
    """The request's JSON as `kind`. An empty body stands for `{}`. Raises Problem 400, 413, 415 or 422."""
    return _checked(await read_json(request, kind))


async def read_json(request: Request, kind: type[Json]) -> Json:
    """The same of a struct that names nobody."""
    raw = await request.body()
    if raw and request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Problem(415, "unsupported_media_type", "The body must be JSON: send Content-Type: application/json.")
    try:
        return msgspec.json.decode(raw or b"{}", type=kind)
    except msgspec.ValidationError as error:
        raise _invalid_field(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Problem(400, "malformed_json", "The body is not valid JSON: send one JSON object.") from None


def _invalid_field(message: str) -> Problem:
    named = _NAMED_FIELD.search(message)
    return invalid(next(filter(None, named.groups())) if named else "body", message)


def _checked(body: Body) -> Body:
    """What a length cannot say: a name is one line and not blank where it is required."""
    if isinstance(body, AlertActionBody) and _CONTROL_BUT_LINES.search(body.comment):
        raise invalid("comment", "must not contain control characters other than line breaks and tabs")
    if body.by is msgspec.UNSET:
        return body
    if _CONTROL.search(body.by):
        raise invalid("by", "must not contain control characters")
    if isinstance(body, AlertActionBody | RepairActBody | PauseBody) and not body.by.strip():
        raise invalid("by", "must not be blank")
    if isinstance(body, WaiveBody):
        _check_waiver(body)
    return msgspec.structs.replace(body, by=body.by.strip())


def _check_waiver(body: WaiveBody) -> None:
    if not body.by.strip() or not body.reason.strip():
        raise invalid("by" if not body.by.strip() else "reason", "must not be blank")
    if _CONTROL_BUT_LINES.search(body.reason):
        raise invalid("reason", "must not contain control characters other than line breaks and tabs")
    if (body.minutes is None) == (body.until is None):
        raise invalid("minutes", "exactly one of minutes and until must be given")


class Attempt:
    """The mutation under way; set `result` where `done` does not say it."""

    def __init__(self) -> None:
        self.result = "done"


@contextmanager
def audited(request: Request, *, by: str, action: str, target: str, details: dict[str, Any]) -> Iterator[Attempt]:
    """Write the entry however the mutation ends. A failing audit is logged and does not undo what was done."""
    web, caller, attempt = context_of(request), caller_of(request), Attempt()
    announced = entry_follows_for.set(by)
    try:
        yield attempt
    except BaseException as error:
        attempt.result = _code_of(error)
        raise
    finally:
        entry_follows_for.reset(announced)
        entry = AuditEntry(
            who=by,
            what=action,
            target=target,
            result=attempt.result,
            at_ms=web.now_ms(),
            request={"role": caller.role, "peer": caller.peer, **_token_name(caller), **details},
        )
        try:
            web.audit(entry)
        except Exception:
            log.exception("audit failed", **msgspec.to_builtins(entry))


def _token_name(caller: Caller) -> dict[str, str]:
    """Whose token it was, whatever name the request gave."""
    return {"token": caller.name} if caller.name else {}


def _code_of(error: BaseException) -> str:
    """The code the caller will see. A cancelled request may still have had its effect, and says so."""
    if not isinstance(error, Exception):
        return "interrupted"
    try:
        return to_problem(error).code
    except Exception:
        return "internal_error"
