"""The same inputs lead to the same notifications and ids: whatever the times of ticks, and over any crash."""

from collections.abc import Iterable
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.dispatch.config import DispatchConfig
from streams.dispatch.decide import decide
from streams.dispatch.inputs import AnyInput, Position, Tick
from streams.dispatch.outputs import Decision, Explanation, Notification
from streams.dispatch.state import State
from streams.dispatch.storage import everything, restored, take_changes
from testbed.properties import examples
from tests.streams.dispatch.random_scripts import CONFIGS, Script, script
from tests.streams.dispatch.scripts import HOUR_MS, MINUTE_MS

LONGER = 10 * HOUR_MS  # after the last input
Outcome = tuple[list[Notification], set[Explanation], dict[bytes, bytes]]


def outcome(decisions: Iterable[Decision], state: State) -> Outcome:
    found = list(decisions)
    sent = [each for one in found for each in one.notifications]
    return sent, {each for one in found for each in one.explanations}, dict(everything(state))


def ended(inputs: Script) -> Script:
    return [*inputs, (inputs[-1][0] + LONGER, Tick())]


def plainly(config: DispatchConfig, inputs: Script) -> Outcome:
    state = State()
    return outcome([decide(config, state, each, at_ms) for at_ms, each in ended(inputs)], state)


def with_ticks(config: DispatchConfig, inputs: Script, random: Random) -> Outcome:
    """At each deadline, at once or some time later, and at random times between."""
    state, decisions, now_ms = State(), list[Decision](), 0
    for at_ms, each in ended(inputs):
        while decisions and (due_ms := decisions[-1].deadline_ms) is not None and due_ms <= at_ms:
            now_ms = max(now_ms, min(at_ms, due_ms + random.choice([0, 0, 1, 700, 30 * MINUTE_MS])))
            decisions.append(decide(config, state, Tick(), now_ms))
        now_ms = at_ms
        decisions.append(decide(config, state, each, at_ms))
    return outcome(decisions, state)


@pytest.mark.parametrize("name", CONFIGS)
@examples(60)
@given(random=st.randoms(use_true_random=False), length=st.integers(1, 60))
def test_ticks_change_when_something_is_decided_never_what(name: str, random: Random, length: int) -> None:
    inputs = script(random, length)
    assert with_ticks(CONFIGS[name], inputs, random) == plainly(CONFIGS[name], inputs)


@pytest.mark.parametrize("name", CONFIGS)
@examples(60)
@given(random=st.randoms(use_true_random=False), length=st.integers(1, 60))
def test_a_state_that_was_stored_and_read_has_the_same_future(name: str, random: Random, length: int) -> None:
    """After each input the process may die; what was written record by record is all that the next one has."""
    config, inputs = CONFIGS[name], script(random, length)
    state, stored, decisions = State(), dict[bytes, bytes](), []
    for at_ms, each in ended(inputs):
        decisions.append(decide(config, state, each, at_ms))
        for key, value in take_changes(state):
            if value is None:
                stored.pop(key, None)  # it may have come and gone within one decision
            else:
                stored[key] = value
        assert stored == dict(everything(state))
        if random.randrange(3) == 0:
            state = restored(random.sample(list(stored.items()), len(stored)))
        assert state.held == {key for key, live in state.alerts.items() if live.record.behind}
    assert outcome(decisions, state) == plainly(config, inputs)


@pytest.mark.parametrize("name", CONFIGS)
@examples(30)
@given(random=st.randoms(use_true_random=False), length=st.integers(2, 40))
def test_a_decision_that_was_not_stored_is_made_once_more_with_the_same_ids(
    name: str, random: Random, length: int
) -> None:
    config, inputs = CONFIGS[name], script(random, length)
    last_at_ms, last = inputs[-1]
    state = State()
    for at_ms, each in inputs[:-1]:
        decide(config, state, each, at_ms)
    stored = list(everything(state))
    assert decide(config, restored(stored), last, last_at_ms) == decide(config, state, last, last_at_ms)


@examples(60)
@given(random=st.randoms(use_true_random=False), length=st.integers(1, 60))
def test_no_id_is_given_twice(random: Random, length: int) -> None:
    ids = [one.notification_id for one in plainly(CONFIGS["everything"], script(random, length))[0]]
    assert len(ids) == len(set(ids))


@examples(60)
@given(random=st.randoms(use_true_random=False), length=st.integers(1, 60))
def test_an_input_that_is_read_twice_is_applied_once(random: Random, length: int) -> None:
    config, inputs = CONFIGS["everything"], script(random, length)
    placed = [(at_ms, _at(each, offset)) for offset, (at_ms, each) in enumerate(inputs)]
    state, decisions = State(), []
    for index, (at_ms, each) in enumerate(placed):
        decisions.append(decide(config, state, each, at_ms))
        again = placed[random.randrange(index + 1)][1]
        repeated = decide(config, state, again, at_ms)
        assert (repeated.is_repetition, repeated.notifications) == (True, [])
    decisions.append(decide(config, state, Tick(), inputs[-1][0] + LONGER))
    sent, explained, _ = outcome(decisions, state)
    assert (sent, explained) == plainly(config, inputs)[:2]


def _at(given_input: AnyInput, offset: int) -> AnyInput:
    fields = {each: getattr(given_input, each) for each in given_input.__struct_fields__}
    return type(given_input)(**{**fields, "position": Position("acts/0", offset)})
