"""Silences: made, changed and ended by people, active by the clock. An alert keeps the ids of those that match it."""

from collections.abc import Iterable

from streams.dispatch.inputs import ExpireSilence, SetSilence
from streams.dispatch.records import SilenceRecord
from streams.dispatch.state import SILENCE, LiveAlert, LiveSilence, State
from streams.dispatch.table import Refusal
from streams.dispatch.timers import Timer
from streams.dispatch.turn import Turn
from streams.routing.matcher import Matcher, matches_all
from streams.routing.time_interval import changes_at, lies_in


def refusal_of(turn: Turn, given: SetSilence) -> Refusal | None:
    """Why a silence cannot be made as asked."""
    if given.ends_at_ms <= max(given.starts_at_ms, turn.now_ms):
        return Refusal.SILENCE_ENDS_EARLY
    if matches_all(given.matchers, {}):  # Alertmanager refuses these too: one slip would hide everything
        return Refusal.SILENCE_MATCHES_ALL
    if any(name not in turn.config.alerting.time_intervals for name in given.time_intervals):
        return Refusal.UNKNOWN_TIME_INTERVAL
    return None


def put(turn: Turn, given: SetSilence) -> list[LiveAlert]:
    """Create or replace a silence; the alerts that are no longer silenced by it."""
    state, silence_id = turn.state, given.silence_id
    freed = _set_active(turn, state.silences[silence_id], to=False) if silence_id in state.silences else []
    record = SilenceRecord(
        silence_id, list(given.matchers), given.starts_at_ms, given.ends_at_ms, given.by, given.comment,
        turn.now_ms, list(given.time_intervals),
    )  # fmt: skip
    silence = state.silences[silence_id] = LiveSilence(record)
    state.silence_index.put(silence_id, given.matchers)
    state.touch(SILENCE, silence_id)
    refresh(turn, silence)
    return [live for live in freed if not live.silenced_by]


def expire(turn: Turn, given: ExpireSilence) -> list[LiveAlert] | Refusal:
    """End a silence now; the alerts that it kept back."""
    silence = turn.state.silences.get(given.silence_id)
    if silence is None:
        return Refusal.UNKNOWN_SILENCE
    if silence.record.ends_at_ms <= turn.now_ms:
        return Refusal.ALREADY_EXPIRED
    silence.record.ends_at_ms = silence.record.updated_at_ms = turn.now_ms
    turn.state.touch(SILENCE, given.silence_id)
    return refresh(turn, silence)


def refresh(turn: Turn, silence: LiveSilence) -> list[LiveAlert]:
    """Bring a silence up to the clock, and drop it when it is long past; the alerts that it no longer silences."""
    record, state = silence.record, turn.state
    freed = _set_active(turn, silence, to=is_active(turn, record))
    if record.ends_at_ms <= turn.now_ms:
        state.silence_index.remove(record.silence_id)
        if turn.now_ms >= record.ends_at_ms + turn.config.silence_retention_ms:
            del state.silences[record.silence_id]
            state.touch(SILENCE, record.silence_id)
            return freed
    state.timers.set(Timer.SILENCE, record.silence_id, _next_ms(turn, record))
    return freed


def is_active(turn: Turn, record: SilenceRecord) -> bool:
    """Whether it silences at this moment."""
    if not record.starts_at_ms <= turn.now_ms < record.ends_at_ms:
        return False
    known = turn.config.alerting.time_intervals
    names = [name for name in record.time_intervals if name in known]
    return not record.time_intervals or lies_in(names, known, turn.now_ms) is not None


def _next_ms(turn: Turn, record: SilenceRecord) -> int:
    """When it begins, ends, changes with a time interval, is to be noticed, or is dropped."""
    if turn.now_ms >= record.ends_at_ms:
        return record.ends_at_ms + turn.config.silence_retention_ms
    if turn.now_ms < record.starts_at_ms:
        return record.starts_at_ms
    known = turn.config.alerting.time_intervals
    names = [name for name in record.time_intervals if name in known]
    changes = (changes_at(names, known, turn.now_ms) or 0) if names else 0
    times = [record.ends_at_ms, changes, notice_ms(turn, record)]
    return min(each for each in times if each > turn.now_ms)


def notice_ms(turn: Turn, record: SilenceRecord) -> int:
    """When its receivers are to learn that it will expire; 0: it is too short for that, or they know."""
    long_enough = record.ends_at_ms - record.starts_at_ms >= 2 * turn.config.silence_notice_ms
    return record.ends_at_ms - turn.config.silence_notice_ms if long_enough and not record.is_noticed else 0


def _set_active(turn: Turn, silence: LiveSilence, *, to: bool) -> list[LiveAlert]:
    """The alerts that were silenced by it and are no longer."""
    if silence.is_active is to:
        return []
    silence.is_active = to
    silence_id, freed = silence.record.silence_id, []
    for key in turn.state.by_label.matching(silence.record.matchers):
        live = turn.state.alerts[key]
        if to:
            live.silenced_by.add(silence_id)
        elif silence_id in live.silenced_by:
            live.silenced_by.discard(silence_id)
            freed.append(live)
    return freed


def match(state: State, live: LiveAlert) -> None:
    """Find the active silences of an alert that is new or has other labels."""
    live.silenced_by = {
        silence_id
        for silence_id in state.silence_index.candidates(live.labels)
        if state.silences[silence_id].is_active and matches_all(state.silences[silence_id].record.matchers, live.labels)
    }


def preview(state: State, matchers: Iterable[Matcher]) -> list[str]:
    """The keys of the active alerts that a silence with these matchers would hide now, sorted."""
    return [key for key in state.by_label.matching(matchers) if not state.alerts[key].is_over]
