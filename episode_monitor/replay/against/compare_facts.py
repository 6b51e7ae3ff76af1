"""Where the facts of one project differ between a replay and the live monitor: named, and explained by the records.

A pure function of both sides and of what the topic says about the project.
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from episode_monitor.replay.against import difference as kinds
from episode_monitor.replay.against.compare_counts import count_differences
from episode_monitor.replay.against.difference import Difference
from episode_monitor.replay.against.evidence import Evidence, retention
from episode_monitor.replay.against.paired_numbers import paired
from models.project_facts import ProjectFacts

MAX_NUMBERS: Final = 20  # differences about numbers that are listed of one project


def compare_facts(replayed: ProjectFacts | None, live: ProjectFacts | None, evidence: Evidence) -> list[Difference]:
    """All differences of one project; none where both sides are equal. At least one side must be given."""
    if replayed is None or live is None:
        return [_one_side(replayed, live, evidence)]
    if replayed.state_hash == live.state_hash:
        return [] if replayed.applied == live.applied else [moved(replayed, live)]
    numbers = list(_numbers(replayed, live, evidence))
    listed = numbers[:MAX_NUMBERS]
    if len(numbers) > MAX_NUMBERS:
        listed.append(_more(replayed, numbers))
    return [*listed, *count_differences(replayed, live, evidence, has_numbers=bool(numbers))]


def _one_side(replayed: ProjectFacts | None, live: ProjectFacts | None, evidence: Evidence) -> Difference:
    if replayed is not None:
        what, why = _lacking_in_live(evidence, f"its last record is at offset {replayed.applied}")
        return Difference(
            project_id=replayed.project_id, what=what, replayed=_size(replayed), other=None,
            partition=replayed.partition, offset=replayed.applied,
            explanation=f"The live monitor does not have this project: {why}.",
        )  # fmt: skip
    assert live is not None
    if evidence.refused:
        offset, reason = next(iter(evidence.refused.items()))
        what, why = kinds.DEAD_LETTER, f"the replay cannot use its record at offset {offset} ({reason})"
    else:
        what, why = kinds.RECORD_MISSING, f"the topic has no record of it{retention(evidence)}"
    return Difference(
        project_id=live.project_id, what=what, replayed=None, other=_size(live), partition=live.partition,
        offset=live.applied, explanation=f"Only the live monitor has this project: {why}.",
    )  # fmt: skip


def _size(facts: ProjectFacts) -> str:
    return f"{len(facts.numbers)} episodes"


def moved(replayed: ProjectFacts, live: ProjectFacts) -> Difference:
    """The same facts, ending with a record at another offset."""
    return Difference(
        project_id=live.project_id, what=kinds.RECORD_MOVED, replayed=replayed.applied, other=live.applied,
        partition=live.partition, offset=replayed.applied,
        explanation="Both sides have the same facts, but the project's last record lies at another offset: a record "
        "before it was removed or inserted, or records were exchanged.",
    )  # fmt: skip


def _more(replayed: ProjectFacts, numbers: list[Difference]) -> Difference:
    rest = numbers[MAX_NUMBERS:]
    what = rest[0].what if len({one.what for one in rest}) == 1 else kinds.STATE_DIFFERS
    return Difference(
        project_id=replayed.project_id, what=what, replayed=None, other=None, partition=replayed.partition,
        explanation=f"{len(rest)} more numbers differ.",
    )  # fmt: skip


# --- numbers


def _numbers(replayed: ProjectFacts, live: ProjectFacts, evidence: Evidence) -> Iterator[Difference]:
    here, there = _only(replayed, live), _only(live, replayed)
    if replayed.capped or live.capped:  # which numbers are beyond the cap depends on more than the events
        here = {number: ids for number, ids in here.items() if number in there}
        there = {number: ids for number, ids in there.items() if number in here}
    for pair in paired(here, there):
        match pair.ours, pair.theirs:
            case (ours, episode), (theirs, other) if episode == other:
                yield _renumbered(replayed, episode, ours, theirs, evidence)
            case (number, episode), (_, other):
                yield _other_episode(replayed, number, episode, other, evidence)
            case (number, episode), None:
                yield _only_replayed(replayed, number, episode, evidence)
            case None, (number, episode):
                yield _only_live(live, number, episode, evidence)


def _only(facts: ProjectFacts, other: ProjectFacts) -> dict[int, list[str]]:
    """What one side alone has: number -> episodes."""
    known = set(zip(other.numbers, other.owners, strict=True))
    found: dict[int, list[str]] = defaultdict(list)
    for pair in zip(facts.numbers, facts.owners, strict=True):
        if pair not in known:
            found[pair[0]].append(pair[1])
    return dict(found)


def _renumbered(facts: ProjectFacts, episode: str, ours: int, theirs: int, evidence: Evidence) -> Difference:
    mention = evidence.mentions.get(episode)
    offset = None if mention is None else mention.offset
    what, why = kinds.RECORD_ALTERED, "a record about it was altered, or only one side has it"
    if offset is not None and offset in evidence.letters:
        what, why = kinds.DEAD_LETTER, f"the live monitor could not use that record ({evidence.letters[offset]})"
    where = "" if offset is None else f"; its last record in the topic is at offset {offset}"
    return Difference(
        project_id=facts.project_id, what=what, replayed=ours, other=theirs, partition=facts.partition, number=ours,
        episode_id=episode, offset=offset,
        explanation=f"Episode {episode} has number {ours} in the replay and {theirs} live{where}: {why}.",
    )  # fmt: skip


def _other_episode(facts: ProjectFacts, number: int, ours: str, theirs: str, evidence: Evidence) -> Difference:
    mention = evidence.mentions.get(ours)
    where = "" if mention is None else f" by the record at offset {mention.offset}"
    return Difference(
        project_id=facts.project_id, what=kinds.RECORD_ALTERED, replayed=ours, other=theirs, partition=facts.partition,
        number=number, episode_id=ours, offset=None if mention is None else mention.offset,
        explanation=f"Number {number} belongs to episode {ours} in the replay{where} and to {theirs} live: "
        "the record was altered.",
    )  # fmt: skip


def _only_replayed(facts: ProjectFacts, number: int, episode: str, evidence: Evidence) -> Difference:
    mention = evidence.mentions.get(episode)
    offset = None if mention is None else mention.offset
    letter = None if offset is None else evidence.letters.get(offset)
    what = kinds.RECORD_SKIPPED if letter is None else kinds.DEAD_LETTER
    record = "its record" if offset is None else f"the record at offset {offset}"
    why = (
        f"The topic has number {number} of episode {episode}, but the live monitor never applied {record}"
        if letter is None
        else f"The live monitor could not use the record of number {number} at offset {offset} ({letter})"
    )
    return Difference(
        project_id=facts.project_id, what=what, replayed=episode, other=None, partition=facts.partition, number=number,
        episode_id=episode, offset=offset, explanation=f"{why}.",
    )  # fmt: skip


def _only_live(facts: ProjectFacts, number: int, episode: str, evidence: Evidence) -> Difference:
    mention = evidence.mentions.get(episode)
    what, offset = kinds.RECORD_MISSING, None
    why = f"the topic has no record of it{retention(evidence)}"
    if mention is not None:
        offset = mention.offset
        what = kinds.DEAD_LETTER if offset in evidence.letters else kinds.RECORD_SKIPPED
        deed = "deletes it" if mention.number is None else f"gives it number {mention.number}"
        why = f"the last record about it, at offset {offset}, {deed}"
        if what == kinds.DEAD_LETTER:
            why += f", and the live monitor could not use that one ({evidence.letters[offset]})"
    elif evidence.refused:
        named = evidence.refused_about(number, episode)
        offset = next(iter(evidence.refused)) if named is None else named
        what, why = (
            kinds.DEAD_LETTER,
            f"the replay cannot use the record at offset {offset} ({evidence.refused[offset]})",
        )
    return Difference(
        project_id=facts.project_id, what=what, replayed=None, other=episode, partition=facts.partition, number=number,
        episode_id=episode, offset=offset,
        explanation=f"Only the live monitor has number {number} of episode {episode}: {why}.",
    )  # fmt: skip


# --- words


def _lacking_in_live(evidence: Evidence, otherwise: str) -> tuple[str, str]:
    if evidence.letters:
        offset, reason = next(iter(evidence.letters.items()))
        return kinds.DEAD_LETTER, f"it could not use the record at offset {offset} ({reason})"
    return kinds.RECORD_SKIPPED, f"it never applied its records; {otherwise}"
