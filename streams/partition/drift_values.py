"""The values of a comparison of stream and database: a project's holdings, differences, and drifts."""

from collections.abc import Mapping

import msgspec

MISSING_IN_STREAM = "missing_in_stream"  # the database has an episode of this number, the stream has none
MISSING_IN_DATABASE = "missing_in_database"
DIFFERENT_OWNER = "different_owner"
KINDS = (MISSING_IN_STREAM, MISSING_IN_DATABASE, DIFFERENT_OWNER)


class Holdings(msgspec.Struct, frozen=True, kw_only=True):
    """All that one project holds, by number and then by id. `explained` are numbers of deleted episodes, where those
    are no gaps; numbers set aside as implausible are among the others. `gaps` and `duplicates` are the open ones.
    `applied`: offset of the last applied event. `is_split`: other partitions have a part of the project, too."""

    project_id: str
    partition: int
    applied: int
    numbers: list[int]
    owners: list[str]
    explained: list[tuple[int, int]]
    gaps: list[tuple[int, int]]
    duplicates: list[int]
    capped: bool
    is_split: bool = False


class Difference(msgspec.Struct, frozen=True, order=True):
    """One number. Owners are sorted; there are none on the side where it is missing."""

    number: int
    kind: str
    stream: tuple[str, ...]
    database: tuple[str, ...]


class Drifting(msgspec.Struct, frozen=True, array_like=True):
    """A drifting project, remembered from one check to the next. `since_ms`: start of the check that found it."""

    since_ms: int
    number: int  # the lowest difference
    kind: str
    differences: int
    episodes: int


Drifts = Mapping[str, Drifting]


class Named(msgspec.Struct, frozen=True, array_like=True):
    """One alert that should exist. `what` names what drifts; `project` is `drift_alerts.FLEET` for the common alert
    of many projects, whose `differences` are projects."""

    project: str
    what: str
    drift: Drifting
