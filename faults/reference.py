"""A plain model of the numbers: everything is computed again from the list of events, with sets.

The order of arrival decides only what is a re-send and what is late. Everything else follows from event time.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from zoneinfo import ZoneInfo

from models.event import FUTURE_TOLERANCE_MS, Event, EventType, RetryReason

ENDINGS = (EventType.CREATED, EventType.CREATION_SUCCEEDED, EventType.CREATION_FAILED)


@dataclass(frozen=True)
class Meaning:
    """The settings of the model; milliseconds of event time."""

    grace_ms: int = 60_000
    settle_ms: int = 60_000
    first_number: int | None = 1
    max_jump: int = 1000
    deleted_is_gap: bool = True
    zone: str = "UTC"
    slow_limit_seconds: float = 5.0


@dataclass(frozen=True)
class Attempt:
    """One operation as it counts: once, at the time of its latest event."""

    at_ms: int
    ended: bool
    failed: bool
    conflicted: bool
    retried: bool
    duration_seconds: float | None


@dataclass
class Numbers:
    """Which episode holds which number, and since when numbers are missing or shared."""

    held: dict[str, int] = field(default_factory=dict)
    aside: dict[str, tuple[int, int]] = field(default_factory=dict)
    missing_since_ms: dict[int, int] = field(default_factory=dict)
    shared_since_ms: dict[int, int] = field(default_factory=dict)
    explained: set[int] = field(default_factory=set)
    highest_ever: int = 0
    first: int | None = None
    restatements: int = 0
    taken: list[tuple[int, int]] = field(default_factory=list)  # at the current event time, and when stated

    def owners(self) -> dict[int, set[str]]:
        """Number -> episodes that hold it."""
        owners: dict[int, set[str]] = {}
        for episode, number in self.held.items():
            owners.setdefault(number, set()).add(episode)
        return owners


class Reference:
    """Applies events in the order of arrival; its results hold for any time after them."""

    def __init__(self, meaning: Meaning | None = None) -> None:
        self.meaning = meaning or Meaning()
        self.news: list[Event] = []
        self.late_ids: set[str] = set()
        self.resends = 0
        self.newest_ms = 0
        self._ids: set[str] = set()
        self._sequences: set[tuple[str, int]] = set()

    def take_all(self, events: Iterable[Event]) -> "Reference":
        """Apply many."""
        for event in events:
            self.take(event)
        return self

    def take(self, event: Event, written_ms: int | None = None) -> None:
        """Apply one event, unless it is a re-send. `written_ms`: its record's time, which the event may be ahead of."""
        sent_as = (event.source, event.sequence) if event.source is not None and event.sequence is not None else None
        if event.event_id in self._ids or sent_as in self._sequences:
            self.resends += 1
            return
        self._ids.add(event.event_id)
        if sent_as is not None:
            self._sequences.add((str(sent_as[0]), int(sent_as[1])))
        self.news.append(event)
        if event.backfill:
            return
        is_operation = event.type in ENDINGS or event.type is EventType.CREATION_CONFLICT
        if is_operation and event.occurred_at_ms < self.newest_ms - self.meaning.grace_ms:
            self.late_ids.add(event.event_id)
        is_ahead = written_ms is not None and 0 < event.occurred_at_ms - written_ms <= FUTURE_TOLERANCE_MS
        self.newest_ms = max(self.newest_ms, written_ms if is_ahead and written_ms else event.occurred_at_ms)

    # --- operations

    def attempts(self) -> list[Attempt]:
        """Every operation that counts."""
        parts: dict[str, list[Event]] = {}
        for event in self.news:
            is_operation = event.type in ENDINGS or event.type is EventType.CREATION_CONFLICT
            if is_operation and not event.backfill and event.event_id not in self.late_ids:
                parts.setdefault(event.operation_id, []).append(event)
        return [self._attempt(events) for events in parts.values()]

    @staticmethod
    def _attempt(events: list[Event]) -> Attempt:
        latest_ms = max(event.occurred_at_ms for event in events)
        conflicts = [event.occurred_at_ms for event in events if event.type is EventType.CREATION_CONFLICT]
        endings = [event for event in events if event.type in ENDINGS]
        if not endings:
            return Attempt(latest_ms, False, False, True, False, None)
        ending = max(endings, key=lambda event: event.occurred_at_ms)
        return Attempt(
            at_ms=latest_ms,
            ended=True,
            failed=ending.type is EventType.CREATION_FAILED,
            conflicted=ending.had_conflict or any(at_ms <= ending.occurred_at_ms for at_ms in conflicts),
            retried=ending.retry_count > 0,
            duration_seconds=ending.duration_seconds,
        )

    def window(self, length_seconds: int, now_ms: int) -> dict[str, int]:
        """Counts of the window `(now - length, now]`, in whole seconds, and of what is ahead; zeros left out."""
        last = now_ms // 1000
        return self.counted(a for a in self.attempts() if last - length_seconds < a.at_ms // 1000)

    def counted(self, attempts: Iterable[Attempt]) -> dict[str, int]:
        """Counts of some attempts by name; zeros left out."""
        chosen = list(attempts)
        timed = [a.duration_seconds for a in chosen if a.duration_seconds is not None]
        found = {
            "attempted": len(chosen),
            "ended": sum(a.ended for a in chosen),
            "failed": sum(a.failed for a in chosen),
            "conflicted": sum(a.conflicted for a in chosen),
            "retried": sum(a.retried for a in chosen),
            "timed": len(timed),
            "slow": sum(duration > self.meaning.slow_limit_seconds for duration in timed),
        }
        return {name: count for name, count in found.items() if count}

    def days(self) -> dict[str, dict[str, int]]:
        """Counts by calendar day of the operators' time zone."""
        by_day: dict[str, list[Attempt]] = {}
        for attempt in self.attempts():
            local = datetime.fromtimestamp(attempt.at_ms / 1000, ZoneInfo(self.meaning.zone))
            by_day.setdefault(local.date().isoformat(), []).append(attempt)
        return {day: self.counted(attempts) for day, attempts in by_day.items()}

    def conflicts_total(self) -> int:
        """Conflict events, and operations of which only the ending reports a conflict."""
        conflicts = [event for event in self.news if event.type is EventType.CREATION_CONFLICT and not event.backfill]
        reported = {event.operation_id for event in conflicts}
        by_ending = {
            event.operation_id
            for event in self.news
            if event.type in ENDINGS
            and not event.backfill
            and event.had_conflict
            and event.operation_id not in reported
        }
        return len(conflicts) + len(by_ending)

    def retries(self) -> dict[str, int]:
        """Retries by reason; zeros left out."""
        found: dict[str, int] = {}
        for event in self.news:
            if not event.backfill:
                for reason in event.retry_reasons:
                    found[reason.value] = found.get(reason.value, 0) + 1
                if event.retry_count and not event.retry_reasons:
                    reason = RetryReason.CONFLICT if event.had_conflict else RetryReason.ERROR
                    found[reason.value] = found.get(reason.value, 0) + event.retry_count
        return found

    # --- numbers

    def numbers(self) -> Numbers:
        """The numbers after all events, in the order of event time; at equal times the order makes no difference."""
        numbers = Numbers(highest_ever=(self.meaning.first_number or 1) - 1, first=self.meaning.first_number)
        in_order = sorted(self.news, key=lambda event: event.occurred_at_ms)
        for at_ms, events in groupby(in_order, key=lambda event: event.occurred_at_ms):
            held, explained = Counter(numbers.held.values()), set(numbers.explained)
            for event in events:
                if event.type in (EventType.CREATED, EventType.RENUMBERED):
                    self._state(numbers, event.episode_id, event.episode_number, at_ms)
                elif event.type is EventType.DELETED:
                    self._delete(numbers, event.episode_id)
            taken = Counter(number for number, _ in numbers.taken)
            self._look(numbers, held + taken, explained - taken.keys(), at_ms)  # all are taken before any is left
            numbers.taken.clear()
            self._look(numbers, Counter(numbers.held.values()), numbers.explained, at_ms)
        return numbers

    def _state(self, numbers: Numbers, episode: str, number: int, at_ms: int) -> None:
        known = numbers.aside.get(episode)
        if numbers.held.get(episode) == number or (known is not None and known[0] == number):
            numbers.restatements += 1
            return
        numbers.aside.pop(episode, None)
        taken = {episode: (number, at_ms)}
        is_first_seen = numbers.first is None or (self.meaning.first_number is None and number < numbers.first)
        if not is_first_seen and number > numbers.highest_ever + self.meaning.max_jump:
            near = {e: (n, t) for e, (n, t) in numbers.aside.items() if abs(n - number) <= self.meaning.max_jump}
            if not near:
                numbers.aside[episode] = (number, at_ms)
                self._change(numbers, {}, episode, deleted=False)
                return
            taken |= near
        self._take_what_is_near(numbers, taken)
        self._change(numbers, taken, episode, deleted=False)

    def _take_what_is_near(self, numbers: Numbers, taken: dict[str, tuple[int, int]]) -> None:
        highest = max(number for number, _ in taken.values())
        numbers.highest_ever = max(numbers.highest_ever, highest) if numbers.first is not None else highest
        while True:
            reach = numbers.highest_ever + self.meaning.max_jump
            more = {e: (n, t) for e, (n, t) in numbers.aside.items() if e not in taken and n <= reach}
            taken |= more
            numbers.highest_ever = max([numbers.highest_ever, *(n for n, _ in more.values())])
            if not more:
                break
        for episode in taken:
            numbers.aside.pop(episode, None)

    def _delete(self, numbers: Numbers, episode: str) -> None:
        numbers.aside.pop(episode, None)
        self._change(numbers, {}, episode, deleted=True)

    def _change(self, numbers: Numbers, taken: dict[str, tuple[int, int]], episode: str, *, deleted: bool) -> None:
        """An episode leaves its number and others take theirs."""
        numbers.taken.extend(taken.values())
        left = numbers.held.pop(episode, None)
        for other, (number, _) in taken.items():
            numbers.held[other] = number
        live = set(numbers.held.values())
        if left is not None and left not in live and deleted and not self.meaning.deleted_is_gap:
            numbers.explained.add(left)
        numbers.explained -= {number for number, _ in taken.values()}
        if self.meaning.first_number is None and live:
            numbers.first = min(live | ({numbers.first} if numbers.first is not None else set()))

    @staticmethod
    def _look(numbers: Numbers, held: Counter[int], explained: set[int], at_ms: int) -> None:
        """Date the numbers that are missing or shared now."""
        missing = set(range(numbers.first or 1, max(held, default=0))) - held.keys() - explained
        numbers.missing_since_ms = {
            n: numbers.missing_since_ms.get(n, min([at_ms, *(since for above, since in numbers.taken if above > n)]))
            for n in missing
        }
        shared = {number for number, owners in held.items() if owners > 1}
        numbers.shared_since_ms = {n: numbers.shared_since_ms.get(n, at_ms) for n in shared}

    def settled(self, since_ms: dict[int, int], now_ms: int) -> tuple[list[int], list[int]]:
        """Numbers of findings, and of suspects, at a time."""
        found = sorted(n for n, since in since_ms.items() if since + self.meaning.settle_ms <= now_ms)
        return found, sorted(since_ms.keys() - set(found))
