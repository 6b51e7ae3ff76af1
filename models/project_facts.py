"""What the state of a project holds, for programs that compare it: live beside a replay. No clock decides a field."""

import msgspec


class ProjectStateRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One project at the offset `applied` of its partition. `missing` counts suspect, open and waived numbers alike,
    `duplicates` suspect and open ones. `state_hash` is the fingerprint; `numbers_hash` is of numbers and their episodes
    alone, so it does not depend on rules."""

    project_id: str
    applied: int
    state_hash: str
    numbers_hash: str
    total_episodes: int
    missing: int
    duplicates: int
    late_events: int
    is_split: bool = False


class ProjectStatesPage(msgspec.Struct, frozen=True, kw_only=True):
    """Projects of one partition in the order in which they became known. Each row is exact at its own `applied`; the
    page is of no single moment. `next_offset`: all records before it are applied or dead letters. `next_cursor` is null
    on the last page; another `generation` than that of the page before means that the list has to be read again."""

    monitor_id: str
    topic: str
    partition: int
    partitions: int
    generation: int
    next_offset: int
    projects_total: int
    rules_digest: str
    rows: list[ProjectStateRow]
    next_cursor: str | None


class ProjectFacts(msgspec.Struct, frozen=True, kw_only=True):
    """All that the fingerprint is made of, where it can be named: numbers ascending with the episode of each, counters
    and windows by name. `slow`: operations in the windows slower than each latency limit of the rules. `digests` are of
    the parts that have no names. `split`: all partitions that have a part."""

    project_id: str
    partition: int
    applied: int
    state_hash: str
    rules_digest: str
    latest_ms: int
    numbers: list[int]
    owners: list[str]
    missing: list[tuple[int, int]]
    explained: list[tuple[int, int]]
    capped: bool
    split: list[int]
    counters: dict[str, int]
    windows: dict[str, list[int]]
    slow: list[int]
    digests: dict[str, str]


class ProjectFactsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """`facts` is null where the partition has no such project."""

    partition: int
    facts: ProjectFacts | None
