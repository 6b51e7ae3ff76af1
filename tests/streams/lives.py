"""Plausible lives of a project for Hypothesis: what may happen to its episodes and operations, and in which order
the events of that may arrive."""

from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from models.event import Event, EventType, RetryReason
from tests.streams.driving import PROJECT, START_MS

GRACE_MS = 60_000


@dataclass(frozen=True)
class Move:
    """One thing that happens, after a wait. `pick` and `other` choose among what there is."""

    kind: str
    wait_ms: int
    pick: int
    other: int
    duration_ms: int | None


ORDINARY = ("create", "create", "create", "own", "fight", "fail", "give_up", "stuck", "slow", "afterthought")
NUMBERING = ("lose", "twice", "delete", "delete_last", "renumber", "swap", "restate", "backfill")
JUMPING = ("jump", "jump")


def moves(*kinds: str, waits_ms: tuple[int, ...] = (0, 1, 400, 1000, 7000, 31_000)) -> st.SearchStrategy[Move]:
    """Moves of these kinds."""
    return st.builds(
        Move,
        kind=st.sampled_from(kinds),
        wait_ms=st.sampled_from(waits_ms),
        pick=st.integers(0, 40),
        other=st.integers(0, 40),
        duration_ms=st.sampled_from((None, 0, 20, 480, 4999, 5000, 5001, 61_000)),
    )


def lives(
    *kinds: str, waits_ms: tuple[int, ...] = (0, 1, 400, 1000, 7000, 31_000), max_size: int = 40
) -> st.SearchStrategy[list[Event]]:
    """Whole lives in the order of event time; some begin a quarter of a minute before midnight."""
    return st.builds(
        live, st.lists(moves(*kinds, waits_ms=waits_ms), max_size=max_size), st.sampled_from((0, 54_345_000))
    )


class _Service:
    """A project service that numbers episodes, with the troubles that moves ask for."""

    def __init__(self) -> None:
        self.now_ms = START_MS
        self.events: list[Event] = []
        self.held: dict[str, int] = {}
        self.next_number = 1
        self.episodes = 0
        self.operations = 0
        self.stuck: list[str] = []
        self.ended: list[tuple[str, int]] = []

    def tell(self, kind: EventType, **fields: object) -> None:
        """Emit an event now."""
        event_id = f"ev-{len(self.events)}"
        operation_id = str(fields.pop("operation_id", event_id))
        event = Event(event_id, kind, PROJECT, self.now_ms, operation_id)
        sequence = {"source": f"svc-{len(self.events) % 2}", "sequence": len(self.events)}
        self.events.append(replace_fields(event, **(sequence if len(self.events) % 3 else {}), **fields))

    def create(self, number: int, *, operation_id: str | None = None, **fields: object) -> None:
        """Create an episode with a number."""
        self.episodes += 1
        episode = f"ep-{self.episodes}"
        self.held[episode] = number
        self.next_number = max(self.next_number, number + 1)
        if operation_id is not None:
            fields["operation_id"] = operation_id
            self.ended.append((operation_id, self.now_ms))
        self.tell(EventType.CREATED, episode_id=episode, episode_number=number, **fields)

    def operation(self) -> str:
        """A new operation's name."""
        self.operations += 1
        return f"op-{self.operations}"

    def someone(self, pick: int) -> str | None:
        """One of the live episodes."""
        return sorted(self.held)[pick % len(self.held)] if self.held else None


def replace_fields(event: Event, **fields: Any) -> Event:
    """The event with other fields."""
    return Event(**event.as_dict() | fields)


def many_before(project_id: str = PROJECT, first: int = 20, last: int = 300) -> list[Event]:
    """Episodes that were there before: enough for their numbers to be stored in more than one chunk."""
    return [
        Event(
            f"{project_id} old-{number}", EventType.CREATED, project_id, START_MS, f"{project_id} old-{number}",
            f"{project_id} old-{number}", number, backfill=True,
        )
        for number in range(first, last + 1)
    ]  # fmt: skip


def live(happenings: list[Move], begins_after_ms: int = 0) -> list[Event]:
    """The events of a life, in the order of event time."""
    service = _Service()
    service.now_ms += begins_after_ms
    for move in happenings:
        service.now_ms += move.wait_ms
        _happen(service, move)
    return service.events


def _happen(service: _Service, move: Move) -> None:
    seconds = None if move.duration_ms is None else move.duration_ms / 1000
    number = service.next_number
    match move.kind:
        case "create":
            service.create(number, operation_id=service.operation(), duration_seconds=seconds)
        case "own":
            service.create(number, duration_seconds=seconds, had_conflict=move.pick % 4 == 0)
        case "slow":
            service.create(number, duration_seconds=5.001 + move.pick)
        case "fight" | "give_up":
            _fight(service, move, number)
        case "fail":
            if move.pick % 3 == 0:
                service.tell(EventType.CREATION_SUCCEEDED, duration_seconds=seconds, operation_id=service.operation())
            else:
                service.tell(EventType.CREATION_FAILED, duration_seconds=seconds, error="no room")
        case "stuck":
            service.stuck.append(service.operation())
            service.tell(EventType.CREATION_CONFLICT, operation_id=service.stuck[-1])
        case "afterthought":  # a conflict of an operation that has ended
            recent = [name for name, ended_ms in service.ended if service.now_ms - ended_ms <= GRACE_MS]
            if recent:
                operation_id = recent[move.pick % len(recent)]
                service.tell(EventType.CREATION_CONFLICT, operation_id=operation_id)
        case "lose":
            service.next_number += 1 + move.pick % 3
        case "twice":
            service.create(1 + move.pick % number, operation_id=service.operation())
        case "jump":
            service.create(number + 21 + move.pick, duration_seconds=seconds)
        case _:
            _touch(service, move)


def _fight(service: _Service, move: Move, number: int) -> None:
    """An operation that runs into conflicts before it ends; it may have been stuck before."""
    operation_id = service.stuck.pop() if service.stuck and move.other % 2 else service.operation()
    conflicts = 1 + move.pick % 3
    for _ in range(conflicts):
        service.tell(EventType.CREATION_CONFLICT, operation_id=operation_id)
        service.now_ms += 10 * move.other
    retried = {
        "retry_count": conflicts,
        "retry_reasons": (RetryReason.CONFLICT,) * (conflicts - 1) + (RetryReason.TIMEOUT,),
        "had_conflict": move.other % 3 != 0,
    }
    if move.kind == "fight":
        service.create(number, operation_id=operation_id, **retried)
    else:
        service.tell(EventType.CREATION_FAILED, operation_id=operation_id, **retried)


def _touch(service: _Service, move: Move) -> None:
    """Something happens to an episode that there is."""
    kind = move.kind
    episode = service.someone(move.pick)
    if kind == "delete_last":
        episode = max(service.held, key=lambda name: service.held[name], default=None)
    if episode is None:
        return
    if kind in ("delete", "delete_last"):
        del service.held[episode]
        service.tell(EventType.DELETED, episode_id=episode)
    elif kind == "renumber":
        service.held[episode] = 1 + move.other % (service.next_number + 1)
        service.next_number = max(service.next_number, service.held[episode] + 1)
        service.tell(EventType.RENUMBERED, episode_id=episode, episode_number=service.held[episode])
    elif kind == "swap":
        partner = service.someone(move.other) or episode
        service.held[episode], service.held[partner] = service.held[partner], service.held[episode]
        for name in {episode: None, partner: None}:
            service.tell(EventType.RENUMBERED, episode_id=name, episode_number=service.held[name])
    else:
        fields = {"episode_id": episode, "episode_number": service.held[episode], "backfill": kind == "backfill"}
        service.tell(EventType.CREATED, **fields)


@st.composite
def arrivals(draw: st.DrawFn, life: list[Event], grace_ms: int = GRACE_MS, keep_operations: bool = True) -> list[Event]:
    """An order of arrival with disorder within the grace; the order within each episode stays, and, unless told
    otherwise, the order within each operation."""
    delays = draw(
        st.lists(
            st.one_of(st.just(0), st.integers(0, grace_ms), st.just(grace_ms)), min_size=len(life), max_size=len(life)
        )
    )
    return arrive(life, delays, keep_operations)


def arrive(life: list[Event], delays_ms: list[int], keep_operations: bool) -> list[Event]:
    """Each event comes so much later, yet not before an earlier one of its episode (or of its operation)."""
    newest: dict[str, int] = {}
    due: list[tuple[int, int]] = []
    for place, (event, delay_ms) in enumerate(zip(life, delays_ms, strict=True)):
        chains = [f"operation {event.operation_id}"] if keep_operations else []
        chains += [f"episode {event.episode_id}"] if event.episode_id else []
        arrives_ms = max([event.occurred_at_ms + delay_ms, *(newest.get(chain, 0) for chain in chains)])
        newest |= dict.fromkeys(chains, arrives_ms)
        due.append((arrives_ms, place))
    return [life[place] for _, place in sorted(due)]


@st.composite
def with_resends(draw: st.DrawFn, events: list[Event]) -> list[Event]:
    """The same events, some of them sent again later; some of those under a new id, known by source and sequence."""
    sent = list(events)
    for again in draw(st.lists(st.tuples(st.integers(0, 200), st.integers(0, 200), st.booleans()), max_size=6)):
        if not sent:
            break
        first = again[0] % len(sent)
        event = sent[first]
        if again[2] and event.sequence is not None:
            event = replace_fields(event, event_id=f"{event.event_id} again {len(sent)}")
        sent.insert(first + 1 + again[1] % (len(sent) - first), event)
    return sent
