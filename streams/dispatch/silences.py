"""Silences: made, changed and ended by people, active by the clock. An alert keeps the ids of those that match it."""

from collections.abc import Iterable
from itertools import islice

from streams.dispatch.inputs import ExpireSilence, SetSilence
from streams.dispatch.records import SilenceRecord
from streams.dispatch.state import SILENCE, LiveAlert, LiveSilence, State
from streams.dispatch.table import Refusal
from streams.dispatch.timers import Timer
from streams.dispatch.turn import Turn
from streams.routing.matcher import Matcher, matches_all
from streams.routing.time_interval import changes_at, lies_in

REPORTED_MAX = 100  # alerts in whose life a silence is noted; it shows at all that it silences


def put(turn: Turn, given: SetSilence) -> list[LiveAlert]:
    """Create or replace a silence, or refuse to; the alerts that it no longer silences."""
    turn.refusal = _refusal(turn, given)
    if turn.refusal is not None:
        return []
    state, silence_id = turn.state, given.silence_id
    freed = _set_active(state, state.silences[silence_id], to=False) if silence_id in state.silences else []
    record = SilenceRecord(
        silence_id, given.matchers, given.starts_at_ms, given.ends_at_ms, given.by, given.comment,
        turn.now_ms, given.time_intervals,
    )  # fmt: skip
    silence = state.silences[silence_id] = LiveSilence(record)
    state.silence_index.put(silence_id, given.matchers)
    state.touch(SILENCE, silence_id)
    return freed + refresh(turn, silence)


def _refusal(turn: Turn, given: SetSilence) -> Refusal | None:
    if given.ends_at_ms <= max(given.starts_at_ms, turn.now_ms):
        return Refusal.SILENCE_ENDS_EARLY
    if matches_all(given.matchers, {}):  # Alertmanager refuses these too: one slip would hide everything
        return Refusal.SILENCE_MATCHES_ALL
    if any(name not in turn.config.alerting.time_intervals for name in given.time_intervals):
        return Refusal.UNKNOWN_TIME_INTERVAL
    return None


def expire(turn: Turn, given: ExpireSilence) -> list[LiveAlert]:
    """End a silence now, or refuse to; the alerts that it kept back."""
    silence = turn.state.silences.get(given.silence_id)
    if silence is None:
        turn.refusal = Refusal.UNKNOWN_SILENCE
    elif silence.record.ends_at_ms <= turn.now_ms:
        turn.refusal = Refusal.ALREADY_EXPIRED
    else:
        silence.record.ends_at_ms = silence.record.updated_at_ms = turn.now_ms
        turn.state.touch(SILENCE, given.silence_id)
        return refresh(turn, silence)
    return []


def refresh(turn: Turn, silence: LiveSilence) -> list[LiveAlert]:
    """Bring a silence up to the clock, and drop it when it is long past; the alerts that it no longer silences."""
    record, state = silence.record, turn.state
    freed = _set_active(state, silence, to=_is_active(turn, record))
    if record.ends_at_ms <= turn.now_ms:
        state.silence_index.remove(record.silence_id)
        if turn.now_ms >= record.ends_at_ms + turn.config.silence_retention_ms:
            del state.silences[record.silence_id]
            state.touch(SILENCE, record.silence_id)
            return freed
    silence.until_ms = _changes_ms(turn, record)
    state.timers.set(Timer.SILENCE, record.silence_id, _next_ms(turn, silence))
    return freed


def _is_active(turn: Turn, record: SilenceRecord) -> bool:
    if not record.starts_at_ms <= turn.now_ms < record.ends_at_ms:
        return False
    names = _intervals(turn, record)
    return not record.time_intervals or lies_in(names, turn.config.alerting.time_intervals, turn.now_ms) is not None


def _intervals(turn: Turn, record: SilenceRecord) -> list[str]:
    """Those that are still in the file; without any, a recurring silence is never active."""
    return [name for name in record.time_intervals if name in turn.config.alerting.time_intervals]


def _changes_ms(turn: Turn, record: SilenceRecord) -> int:
    """When it ends, or begins or ends with a time interval; of one that has yet to start, after it has."""
    names, since_ms = _intervals(turn, record), max(turn.now_ms, record.starts_at_ms)
    changes = changes_at(names, turn.config.alerting.time_intervals, since_ms) if names else None
    return min(record.ends_at_ms, changes or record.ends_at_ms)


def _next_ms(turn: Turn, silence: LiveSilence) -> int:
    """When to look again: it begins, changes, is to be noticed, or is dropped."""
    record = silence.record
    if turn.now_ms >= record.ends_at_ms:
        return record.ends_at_ms + turn.config.silence_retention_ms
    if turn.now_ms < record.starts_at_ms:
        return record.starts_at_ms
    return min(each for each in (silence.until_ms, _notice_ms(turn, record)) if each > turn.now_ms)


def _notice_ms(turn: Turn, record: SilenceRecord) -> int:
    """When its receivers are to learn that it will expire; 0: it is too short for that."""
    before_ms = turn.config.silence_notice_ms
    return record.ends_at_ms - before_ms if record.ends_at_ms - record.starts_at_ms >= 2 * before_ms else 0


def takes_notice(turn: Turn, silence: LiveSilence) -> bool:
    """Whether its receivers are to learn now that it will expire; they learn it once."""
    record = silence.record
    is_due = 0 < _notice_ms(turn, record) <= turn.now_ms < record.ends_at_ms
    if not is_due or record.is_noticed or not silence.is_active:
        return False
    record.is_noticed = True
    turn.state.touch(SILENCE, record.silence_id)
    return True


def _set_active(state: State, silence: LiveSilence, *, to: bool) -> list[LiveAlert]:
    """The alerts that were silenced by it and are no longer."""
    if silence.is_active is to:
        return []
    silence.is_active = to
    silence_id, freed = silence.record.silence_id, []
    for key in state.by_label.matching(silence.record.matchers):
        live = state.alerts[key]
        if to:
            live.silenced_by.add(silence_id)
        elif silence_id in live.silenced_by:
            live.silenced_by.discard(silence_id)
            freed.append(live)
    return freed


def silenced(turn: Turn, silence_id: str) -> list[LiveAlert]:
    """The firing alerts that it silences now, by key; of many the first."""
    state, silence = turn.state, turn.state.silences.get(silence_id)
    if silence is None or not silence.is_active:
        return []
    lives = (state.alerts[key] for key in state.by_label.matching(silence.record.matchers))
    return list(islice((live for live in lives if live.fires), REPORTED_MAX))


def report(turn: Turn, silence_id: str, reason: str, by: str, comment: str) -> None:
    """An act of a person that silences alerts is one in the life of each."""
    report_all(turn, silenced(turn, silence_id), reason, by, comment)


def report_all(turn: Turn, lives: Iterable[LiveAlert], reason: str, by: str, comment: str) -> None:
    """The same of alerts that are known; a refused act is none."""
    if turn.refusal is None:
        for live in lives:
            turn.report(live, reason, by, comment)


def deactivate(state: State, silence: LiveSilence) -> None:
    """It silences nothing any more."""
    _set_active(state, silence, to=False)


def match(state: State, live: LiveAlert) -> None:
    """Find the active silences of an alert that is new or has other labels."""
    live.silenced_by = {
        silence_id
        for silence_id in state.silence_index.candidates(live.labels)
        if state.silences[silence_id].is_active and matches_all(state.silences[silence_id].record.matchers, live.labels)
    }


def preview(state: State, matchers: Iterable[Matcher]) -> list[str]:
    """The keys of the alerts that a silence with these matchers would hide now, sorted."""
    return [key for key in state.by_label.matching(matchers) if state.alerts[key].fires]
