"""How events are counted and numbers judged."""

from functools import partial
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator

from episode_monitor.settings import validators
from episode_monitor.settings.fields import setting
from streams.base.numbering_rules import DeletedNumbers

_events = partial(setting, "Events and numbers")


class EventSettings(BaseModel):
    """The group "Events and numbers"."""

    resend_memory: int = _events(
        256,
        "How many recent events of a project are remembered to recognise a re-sent event.",
        unit="events",
        ge=0,
        le=65_536,
    )
    open_conflicts_max: int = _events(
        1000, "Conflicts of a project that may wait for the end of their operation.", ge=1, le=100_000
    )
    grace_seconds: int = _events(
        60, "How late an event may arrive and still count in its window.", unit="seconds", ge=0, le=3600
    )
    gap_settle_seconds: int = _events(
        60, "How long a new gap or duplicate is suspect before it is open.", unit="seconds", ge=0, le=86_400
    )
    deleted_numbers: DeletedNumbers = _events(
        DeletedNumbers.GAP, "Whether the number of a deleted episode is a gap or an explained hole."
    )
    first_number: Annotated[int | None, BeforeValidator(validators.first_number)] = _events(
        1,
        "The number every project begins with; first_seen for a topic whose beginning is gone.",
        form="a whole number from 1, or first_seen",
        ge=1,
        le=2_147_483_647,
    )
    max_number_jump: int = _events(
        1000,
        "A number that exceeds the highest by more than this is implausible until a second one confirms it.",
        ge=1,
        le=2_147_483_647,
    )
    max_episodes: int = _events(
        100_000, "How many episodes of a project are tracked; a larger project is marked `capped`.", ge=1, le=10_000_000
    )
    monitoring_timezone: Annotated[str, AfterValidator(validators.time_zone)] = _events(
        "UTC", "The time zone that decides which day is today.", form="IANA time zone"
    )
