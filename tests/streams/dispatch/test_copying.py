"""A copy that is kept record by record is what it would be if everything were derived from all records."""

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.dispatch.active import ActiveList, place_of
from streams.dispatch.copying import StateCopy
from streams.dispatch.decide import decide, wire
from streams.dispatch.inputs import SetSilence, Tick
from streams.dispatch.state import State
from streams.dispatch.storage import everything, restored, take_changes
from streams.dispatch.views import explained
from streams.routing.matcher_parsing import parse_matchers
from testbed.properties import examples
from tests.streams.dispatch.random_scripts import CONFIGS, KEYS, MATCHERS, script
from tests.streams.dispatch.scripts import HOUR_MS

NIGHT_BEGINS_MS = 1_772_488_800_000  # 2026-03-02T22:00:00Z


def derived(state: State) -> dict[str, Any]:
    """Everything that follows from the records, and what people are shown."""
    return {
        "stored": dict(everything(state)),
        "alerts": {
            key: (live.labels, live.groups, live.silenced_by, set(state.inhibition.of(key)))
            for key, live in state.alerts.items()
        },
        "groups": {key: (group.route, group.members, group.knows) for key, group in state.groups.items()},
        "silences": {key: (each.is_active, each.until_ms) for key, each in state.silences.items()},
        "matching": [state.by_label.matching(parse_matchers(each)) for each in MATCHERS],
        "timers": dict(state.timers._due),
    }


def copied(config: Any, state: State) -> StateCopy:
    copy = StateCopy(config, restored(everything(state)))
    for _ in copy.wiring():
        pass
    return copy


@pytest.mark.parametrize("name", CONFIGS)
@examples(60)
@given(random=st.randoms(use_true_random=False), length=st.integers(1, 60))
def test_record_by_record_it_is_as_if_all_were_derived(name: str, random: Random, length: int) -> None:
    config, inputs = CONFIGS[name], script(random, length)
    state, stored = State(), dict[bytes, bytes]()
    copy = copied(config, state)
    for at_ms, each in [*inputs, (inputs[-1][0] + 10 * HOUR_MS, Tick())]:
        decide(config, state, each, at_ms)
        changes = dict(take_changes(state))
        for stored_key, value in changes.items():
            stored.pop(stored_key, None) if value is None else stored.update({stored_key: value})
        for _ in copy.apply(changes):
            [explained(config, copy.state, key) for key in KEYS]  # at any moment it can be asked
        whole = restored(stored.items())
        wire(config, whole)
        assert derived(copy.state) == derived(whole)
        for key in KEYS:
            assert explained(config, copy.state, key) == explained(config, state, key)
        places = sorted(place for live in whole.alerts.values() if (place := place_of(live)) is not None)
        assert copy.active.page(100) == places


@pytest.mark.parametrize("name", CONFIGS)
@examples(60)
@given(random=st.randoms(use_true_random=False), length=st.integers(1, 60))
def test_several_decisions_at_once_are_as_one_after_another(name: str, random: Random, length: int) -> None:
    config, state, together = CONFIGS[name], State(), dict[bytes, bytes | None]()
    copy = copied(config, state)
    for at_ms, each in script(random, length):
        decide(config, state, each, at_ms)
        together.update(take_changes(state))
        if random.random() < 0.3:
            for _ in copy.apply(together):
                pass
            together.clear()
            whole = restored(everything(state))
            wire(config, whole)
            assert derived(copy.state) == derived(whole)
            for key in KEYS:
                assert explained(config, copy.state, key) == explained(config, state, key)


def test_what_a_recurring_silence_says_of_its_end_before_it_begins_is_not_past_when_it_does() -> None:
    config, state = CONFIGS["chain"], State()
    given_ms = NIGHT_BEGINS_MS - 46 * 60_000
    starts_ms, ends_ms = NIGHT_BEGINS_MS + 14 * 60_000, NIGHT_BEGINS_MS + 4 * HOUR_MS
    silence = SetSilence(
        silence_id="s1", matchers=tuple(parse_matchers("project_id=p1")), starts_at_ms=starts_ms, ends_at_ms=ends_ms,
        by="ann", time_intervals=("nights",),
    )  # fmt: skip
    decide(config, state, silence, given_ms)
    assert (state.silences["s1"].is_active, state.silences["s1"].until_ms) == (False, ends_ms)


@examples(60)
@given(random=st.randoms(use_true_random=False), length=st.integers(1, 60))
def test_decisions_that_are_stored_together_are_applied_together(random: Random, length: int) -> None:
    config, inputs = CONFIGS["everything"], script(random, length)
    state = State()
    copy = copied(config, state)
    for at_ms, each in inputs:
        decide(config, state, each, at_ms)
        if random.randrange(3) == 0:
            list(copy.apply(dict(take_changes(state))))
    list(copy.apply(dict(take_changes(state))))
    assert derived(copy.state) == derived(copied(config, state).state)


def test_a_page_goes_on_behind_an_alert_that_is_not_active_any_more() -> None:
    state = State()
    config = CONFIGS["default"]
    for _, each in script(Random(5), 60):
        decide(config, state, each, 1)
    listed = copied(config, state).active
    whole = listed.page(100)
    assert len(whole) == len(listed) > 3
    first = listed.page(2)
    listed.remove(first[-1][-1])
    assert first + listed.page(100, first[-1]) == whole
    assert ActiveList().page(5) == []
