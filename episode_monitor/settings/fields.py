"""How one setting is written: its field, and the types of text that several settings share."""

from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic.config import JsonDict

from alert_sinks.settings import secret
from episode_monitor.settings import validators


def setting(group: str, default: Any, description: str, *, unit: str = "", form: str = "", **bounds: Any) -> Any:
    """One setting. `form` says in words what a text must look like; numbers and words say so by their type."""
    extra: JsonDict = {"group": group, "unit": unit, "form": form}
    return Field(default=default, description=description, json_schema_extra=extra, **bounds)


POSTGRES = "postgresql://USER:PASSWORD@HOST:5432/DATABASE"
Topic = Annotated[str, AfterValidator(validators.topic)]
Percent = Annotated[Decimal, BeforeValidator(partial(validators.number_with_unit, unit="%"))]
Seconds = Annotated[Decimal, BeforeValidator(partial(validators.number_with_unit, unit="s"))]
BaseAddress = Annotated[str, AfterValidator(validators.base_address)]
Column = Annotated[str, AfterValidator(validators.sql_column)]
ReadableFile = Annotated[Path, AfterValidator(validators.readable_file)]
DatabaseUrl = Annotated[SecretStr, BeforeValidator(secret(validators.database_url))]
