"""A backfill beside a service that creates, renumbers and deletes: the monitor ends with the table's numbers.

The table, the service's clock and the ways of both to the topic are played; the monitor's core is the real one.
"""

from dataclasses import dataclass, field
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from episode_monitor.backfill.run import MARGIN_MS
from episode_monitor.backfill.sending import SEND_SECONDS
from episode_monitor.backfill.statements import Statement, state
from models.codec import decode_event
from models.event import Event, EventType
from testbed.properties import examples
from tests.backfill.support import states_after

START_MS = 1_760_000_000_000
FAR_FUTURE_MS = 4_000_000_000_000
EPISODES = ["e0", "e1", "e2", "e3"]


@dataclass
class Play:
    """The table as it changes, and the topic as it grows."""

    skew_ms: int  # the service's clock against the database's
    rows: dict[str, int] = field(default_factory=dict)
    topic: list[tuple[int, int, Event]] = field(default_factory=list)  # appended at, in which order, what
    told: int = 0
    gone: set[str] = field(default_factory=set)

    def change(self, at_ms: int, episode: str, number: int | None, way_ms: int) -> None:
        """A transaction commits and its event follows. None deletes."""
        if episode in self.gone:  # nobody gets a used id again
            return
        if number is None:
            if self.rows.pop(episode, None) is None:
                return
            self.gone.add(episode)
            kind = EventType.DELETED
        else:
            kind = EventType.RENUMBERED if episode in self.rows else EventType.CREATED
            self.rows[episode] = number
        self.told += 1
        last_ms = max((at for at, order, _ in self.topic if order >= 0), default=0)
        event = Event(
            event_id=f"ev{self.told}", type=kind, project_id="p", occurred_at_ms=at_ms + self.skew_ms,
            operation_id=f"ev{self.told}", episode_id=episode, episode_number=number or 0,
        )  # fmt: skip
        self.topic.append((max(last_ms, at_ms + way_ms), self.told, event))

    def backfill(self, at_ms: int, way_ms: int) -> None:
        """Reads a page and states it."""
        for episode, number in sorted(self.rows.items(), key=lambda row: row[1]):
            record = state(("p", number, episode), at_ms - MARGIN_MS)
            assert isinstance(record, Statement)
            event = decode_event(record.key, record.value, (), FAR_FUTURE_MS)
            assert isinstance(event, Event)
            self.topic.append((at_ms + way_ms, -1, event))


moments = st.integers(0, 300_000)
changes = st.tuples(moments, st.sampled_from(EPISODES), st.one_of(st.none(), st.integers(1, 6)), st.integers(0, 5_000))
reads = st.tuples(moments, st.integers(0, int(SEND_SECONDS * 1000) + 5_000))


@examples(400)
@given(
    st.lists(changes, max_size=25),
    st.lists(reads, min_size=1, max_size=6),
    st.integers(-(MARGIN_MS - 1000), MARGIN_MS - 1000),
)
@example([(10_000, "e0", 6, 0), (29_000, "e1", 5, 0)], [(9_999, 20_000)], -29_000)
@example([(10_000, "e0", None, 0), (29_000, "e1", 5, 0)], [(9_999, 20_000)], 29_000)
def test_whatever_the_service_does_meanwhile_the_newest_change_wins(
    made: list[tuple[Any, ...]], read: list[tuple[Any, ...]], skew_ms: int
) -> None:
    play = Play(skew_ms)
    for episode, number in zip(EPISODES, (1, 2, 3, 4), strict=True):
        play.rows[episode] = number  # from a time whose events are gone
    for at, *change in sorted([*made, *((at, way) for at, way in read)], key=lambda step: step[0]):
        if len(change) == 1:
            play.backfill(START_MS + at, change[0])
        else:
            play.change(START_MS + at, *change)
    found = states_after(event for _, _, event in sorted(play.topic, key=lambda entry: entry[0]))
    mentioned = {event.episode_id for _, _, event in play.topic}  # of the others nothing was ever said
    known = dict(found["p"].numbering.episodes.items()) if found else {}
    assert known == {episode.encode(): number for episode, number in play.rows.items() if episode in mentioned}


def test_a_statement_is_the_same_for_ever_and_another_one_for_another_number() -> None:
    def id_of(number: int, at_ms: int) -> str:
        record = state(("p", number, "e"), at_ms)
        assert isinstance(record, Statement)
        event = decode_event(record.key, record.value, (), FAR_FUTURE_MS)
        assert isinstance(event, Event)
        return event.event_id

    assert id_of(1, START_MS) == id_of(1, START_MS + 5) != id_of(2, START_MS)
