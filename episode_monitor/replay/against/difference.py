"""One named difference between a replay and what it is compared with, and the result of a comparison."""

from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

import msgspec

# What differs.
RULES_VERSION: Final = "rules version"
RECORD_MISSING: Final = "record missing"  # the live monitor has it, the topic does not
RECORD_SKIPPED: Final = "record skipped"  # the topic has it, the live monitor does not
RECORD_ALTERED: Final = "record altered"
RECORD_MOVED: Final = "record moved"
LATE_IN_LIVE: Final = "late in live"
LATE_IN_REPLAY: Final = "late in replay"
DEAD_LETTER: Final = "dead letter"
STATE_DIFFERS: Final = "state differs"  # not looked at closely, or without a name

# What differs between the topic and the project service's table; `record missing`: the table has the number.
ONLY_IN_TABLE: Final = "only in table"  # the topic deletes it, or knows nothing of the project
ONLY_IN_TOPIC: Final = "only in topic"
TWO_IDS: Final = "two ids for one number"
LATE: Final = "late"  # a row with a number above all that the topic has
DRIFT: Final = "drift"  # one episode with different numbers
NOT_COMPARED: Final = "not compared"  # too much of it

MAX_LISTED: Final = 10_000


class Difference(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`project_id` is empty where it is about a whole partition, or all of them. `offset`: the record to look at."""

    project_id: str
    what: str
    replayed: Any
    other: Any
    explanation: str
    partition: int | None = None
    number: int | None = None
    episode_id: str | None = None
    offset: int | None = None


class ComparedPartition(msgspec.Struct, frozen=True, kw_only=True):
    """What was compared of one partition: records from offset `from` to before `to`. `differing` counts projects."""

    partition: int
    begin: int = msgspec.field(name="from")
    end: int = msgspec.field(name="to")
    projects: int
    differing: int


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """`counts`: differences by `what`, those not listed included. `notes` are sentences about the whole of it."""

    equal: bool
    differences: list[Difference]
    counts: dict[str, int]
    projects: int
    partitions: list[ComparedPartition]
    truncated: bool
    notes: list[str]


def comparison(
    found: Iterable[Difference], partitions: Iterable[ComparedPartition], notes: Iterable[str] = (), unlisted: int = 0
) -> Comparison:
    """The result. `unlisted`: projects that differ and have no entry in `found`."""
    differences, compared = list(found), list(partitions)
    counts = Counter(one.what for one in differences)
    counts[STATE_DIFFERS] += unlisted
    return Comparison(
        equal=not differences and not unlisted,
        differences=differences[:MAX_LISTED],
        counts={what: count for what, count in sorted(counts.items()) if count},
        projects=sum(one.projects for one in compared),
        partitions=compared,
        truncated=bool(unlisted) or len(differences) > MAX_LISTED,
        notes=list(notes),
    )
