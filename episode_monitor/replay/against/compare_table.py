"""Where a replay and the project service's table differ about one project: named, and explained by the records.

A pure function of what two looks agree on and of what the topic says about the project.
"""

from collections.abc import Iterable, Iterator

from episode_monitor.replay.against import difference as kinds
from episode_monitor.replay.against.difference import Difference
from episode_monitor.replay.against.evidence import Evidence, retention
from episode_monitor.replay.against.paired_numbers import Held, Paired, paired
from streams.partition import drift_values
from streams.partition.drift_values import Holdings

MAX_NUMBERS = 20  # differences that are listed of one project


def table_differences(
    project_id: str, found: Iterable[drift_values.Difference], held: Holdings | None, evidence: Evidence
) -> list[Difference]:
    """All of one project. `held`: what the replay has of it; None: nothing."""
    by_number = {one.number: one for one in found}
    of = _Project(project_id, by_number, held, evidence)
    if held is None:
        return [of.only_in_table()]
    has_no_row = all(one.kind == drift_values.MISSING_IN_DATABASE for one in by_number.values())
    if held.numbers and has_no_row and by_number.keys() >= set(held.numbers):
        return [of.only_in_topic(held)]
    listed = list(of.numbers())
    rest = listed[MAX_NUMBERS:]
    return listed if not rest else [*listed[:MAX_NUMBERS], of.more(rest)]


class _Project:
    def __init__(
        self, project_id: str, found: dict[int, drift_values.Difference], held: Holdings | None, evidence: Evidence
    ) -> None:
        self._id = project_id
        self._found = found
        self._partition = evidence.partition if held is None else held.partition
        self._highest = max(held.numbers, default=0) if held is not None else 0
        self._evidence = evidence

    # --- the whole project

    def only_in_table(self) -> Difference:
        rows, evidence = sum(len(one.database) for one in self._found.values()), self._evidence
        what, offset, why = kinds.ONLY_IN_TABLE, None, f"the topic has no record of it{retention(evidence)}"
        if evidence.refused:
            offset, reason = next(iter(evidence.refused.items()))
            what, why = kinds.DEAD_LETTER, f"its record at offset {offset} cannot be used ({reason})"
        return self._difference(
            what, None, f"{rows} episodes", f"Only the table has this project: {why}.", offset=offset
        )

    def only_in_topic(self, held: Holdings) -> Difference:
        return self._difference(
            kinds.ONLY_IN_TOPIC, f"{len(held.numbers)} episodes", None, "The table has no row of this project, "
            f"whose last record is at offset {held.applied}: its rows were deleted without an "
            "event, or lie in another table.",
            offset=held.applied,
        )  # fmt: skip

    def more(self, rest: list[Difference]) -> Difference:
        what = rest[0].what if len({one.what for one in rest}) == 1 else kinds.STATE_DIFFERS
        return self._difference(what, None, None, f"{len(rest)} more numbers differ.")

    # --- number by number

    def numbers(self) -> Iterator[Difference]:
        here = {one.number: [id for id in one.stream if id not in one.database] for one in self._found.values()}
        there = {one.number: [id for id in one.database if id not in one.stream] for one in self._found.values()}
        for pair in paired(here, there):
            yield self._refused(pair) or self._explained(pair)

    def _refused(self, pair: Paired) -> Difference | None:
        """Where a record that names the episode or the number of the table could not be used."""
        number, episode = held = pair.theirs or pair.ours or (0, "")
        offset = self._evidence.refused_about(number, episode)
        if offset is None:
            return None
        reason = self._evidence.refused[offset]
        return self._of(
            pair, kinds.DEAD_LETTER, f"The record at offset {offset} names {_named(held)} and cannot be used "
            f"({reason}); the table {'has' if pair.theirs else 'does not have'} this episode with this number.", offset,
        )  # fmt: skip

    def _explained(self, pair: Paired) -> Difference:
        match pair.ours, pair.theirs:
            case (ours, episode), (theirs, other) if episode == other:
                return self._renumbered(pair, episode, ours, theirs)
            case (number, episode), (_, other):
                return self._of(
                    pair, kinds.TWO_IDS, f"Number {number} belongs to episode {episode} in the topic"
                    f"{self._by(episode)} and to {other} in the table.", self._offset(episode),
                )  # fmt: skip
            case (number, episode), None:
                return self._not_in_table(pair, number, episode)
            case _:
                assert pair.theirs is not None
                return self._not_in_topic(pair, *pair.theirs)

    def _renumbered(self, pair: Paired, episode: str, ours: int, theirs: int) -> Difference:
        return self._of(
            pair, kinds.DRIFT, f"Episode {episode} has number {ours} in the topic{self._by(episode)} and {theirs} in "
            "the table: its row was changed without an event, or the event has not reached the topic.",
            self._offset(episode),
        )  # fmt: skip

    def _not_in_table(self, pair: Paired, number: int, episode: str) -> Difference:
        others = self._found[number].database
        if others:
            what, why = kinds.TWO_IDS, f"and in the table to {', '.join(others)} alone"
        else:
            what = kinds.ONLY_IN_TOPIC
            why = "and the table has no row with it: the row was deleted or renumbered without an event"
        return self._of(
            pair, what, f"Number {number} belongs to episode {episode} in the topic{self._by(episode)}, {why}.",
            self._offset(episode),
        )  # fmt: skip

    def _not_in_topic(self, pair: Paired, number: int, episode: str) -> Difference:
        mention, others, evidence = self._evidence.mentions.get(episode), self._found[number].stream, self._evidence
        what, why = kinds.RECORD_MISSING, f"the topic has no record of it{retention(evidence)}"
        if mention is not None:
            what = kinds.ONLY_IN_TABLE
            deed = "deletes it" if mention.number is None else f"gives it number {mention.number}"
            why = f"the last record about it, at offset {mention.offset}, {deed}"
        elif others:
            what, why = kinds.TWO_IDS, f"in the topic the number belongs to {', '.join(others)}"
        elif number > self._highest:
            what = kinds.LATE
            why = f"the topic has no number above {self._highest} yet, so its event has not been sent, or was lost"
        if evidence.refused and what in (kinds.RECORD_MISSING, kinds.LATE):
            offset, reason = next(iter(evidence.refused.items()))
            why += f"; perhaps it is the one at offset {offset}, which cannot be used ({reason})"
        return self._of(
            pair, what, f"The table has number {number} of episode {episode}: {why}.",
            None if mention is None else mention.offset,
        )  # fmt: skip

    # --- parts

    def _of(self, pair: Paired, what: str, why: str, offset: int | None) -> Difference:
        (number, episode), is_renumbered = pair.ours or pair.theirs or (0, ""), _is_renumbered(pair)
        ours, theirs = (
            None if held is None else held[0] if is_renumbered else held[1] for held in (pair.ours, pair.theirs)
        )
        return self._difference(what, ours, theirs, why, number=number, episode_id=episode, offset=offset)

    def _difference(
        self, what: str, replayed: object, other: object, why: str, *, number: int | None = None,
        episode_id: str | None = None, offset: int | None = None,
    ) -> Difference:  # fmt: skip
        return Difference(
            project_id=self._id, what=what, replayed=replayed, other=other, explanation=why, partition=self._partition,
            number=number, episode_id=episode_id, offset=offset,
        )  # fmt: skip

    def _offset(self, episode: str) -> int | None:
        mention = self._evidence.mentions.get(episode)
        return None if mention is None else mention.offset

    def _by(self, episode: str) -> str:
        offset = self._offset(episode)
        return "" if offset is None else f" by the record at offset {offset}"


def _is_renumbered(pair: Paired) -> bool:
    return pair.ours is not None and pair.theirs is not None and pair.ours[1] == pair.theirs[1]


def _named(held: Held) -> str:
    return f"number {held[0]} or episode {held[1]}"
