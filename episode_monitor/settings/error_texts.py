"""What is said of settings to people: errors, the table of the documentation, values without their secrets."""

from collections.abc import Mapping
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any, get_args
from urllib.parse import urlsplit

import msgspec
from pydantic import SecretStr, ValidationError
from pydantic.fields import FieldInfo

from episode_monitor.exits import ExitCode, Failure

_SHOWN_MAX = 60  # of a wrong value


class SettingsError(Failure):
    """Wrong settings. The text is one sentence for each: its name, what is wrong and what would be right."""

    def __init__(self, sentences: str) -> None:
        super().__init__(sentences, ExitCode.USAGE)


class SettingRow(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the table of settings. `default` is empty for a setting that is unset unless it is set."""

    name: str  # of the environment variable
    group: str
    default: str
    unit: str
    values: str  # what it may be, in words
    description: str
    is_secret: bool


def row(name: str, field: FieldInfo) -> SettingRow:
    """The line of one field."""
    extra = _extra(field)
    default = "" if field.default is None else str(masked(field.default, field))
    return SettingRow(
        name=name.upper(),
        group=extra["group"],
        default=default.lower() if isinstance(field.default, bool) else default,
        unit=extra["unit"],
        values=_wanted(field),
        description=field.description or "",
        is_secret=_is_secret(field),
    )


def sentences(error: ValidationError, fields: Mapping[str, FieldInfo]) -> str:
    """One sentence for each wrong setting, separated by spaces. No secret is in them."""
    said: dict[str, str] = {}  # of several errors of one setting the first is enough
    for detail in error.errors(include_url=False):
        name = str(detail["loc"][0]) if detail["loc"] else ""
        reason = str(detail.get("ctx", {}).get("error", "")) if detail["type"] == "value_error" else ""
        said.setdefault(name, _sentence(name, fields.get(name), detail["input"], reason))
    return " ".join(said.values())


def masked(value: Any, field: FieldInfo) -> Any:
    """`value` of `field`, ready for JSON; of a secret only that it is set, and of a secret address where it leads."""
    match value:
        case SecretStr():
            return _place(value.get_secret_value()) if "://" in _extra(field)["form"] else "***"
        case Enum():
            return value.value
        case Decimal() | Path():
            return str(value)
        case _:
            return value


def _sentence(name: str, field: FieldInfo | None, given: object, reason: str) -> str:
    if field is None:
        return f"{reason}."
    is_own_sentence = reason and not reason.startswith("must be")
    if is_own_sentence:
        return f"{name.upper()} {reason}."
    must_be = reason or f"must be {_wanted(field)}"
    if _is_secret(field):
        return f"{name.upper()} {must_be}."
    return f"{name.upper()} is {str(given)[:_SHOWN_MAX]!r}, but {must_be}."


def _wanted(field: FieldInfo) -> str:
    if form := _extra(field)["form"]:
        return str(form)
    kinds = set(_flat(field.annotation))
    if bool in kinds:
        return "true or false"
    for kind in kinds:
        if isinstance(kind, type) and issubclass(kind, Enum):
            return " or ".join(str(member.value) for member in kind)
    return ("a whole number" if int in kinds else "a number") + _bounds(field)


def _bounds(field: FieldInfo) -> str:
    limits = {
        name: getattr(rule, name) for rule in field.metadata for name in ("ge", "gt", "le") if hasattr(rule, name)
    }
    if "gt" in limits:
        return f" above {limits['gt']}, at most {limits['le']}"
    return f" from {limits['ge']} to {limits['le']}"


def _flat(annotation: Any) -> list[Any]:
    inner = get_args(annotation)
    return [annotation] if not inner else [kind for part in inner for kind in _flat(part)]


def _is_secret(field: FieldInfo) -> bool:
    return SecretStr in _flat(field.annotation)


def _extra(field: FieldInfo) -> dict[str, Any]:
    extra = field.json_schema_extra
    return extra if isinstance(extra, dict) else {"group": "", "unit": "", "form": ""}


def _place(address: str) -> str:
    parts = urlsplit(address)
    user = "***@" if "@" in parts.netloc else ""
    return f"{parts.scheme}://{user}{parts.netloc.rpartition('@')[2]}/***"
