"""The dispatcher sends what a plain model sends that looks at everything every minute."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.dispatch.config import DispatchConfig
from streams.dispatch.decide import decide
from streams.dispatch.inputs import Tick
from streams.dispatch.state import State
from testbed.properties import examples
from tests.streams.dispatch.plain_state import Message
from tests.streams.dispatch.random_scripts import CONFIGS, Script, script
from tests.streams.dispatch.three_months import LONGER_MS, message, modelled, run


def played(config: DispatchConfig, inputs: Script) -> list[Message]:
    state, found = State(), []
    for at_ms, given_input in inputs:
        found += decide(config, state, given_input, at_ms).notifications
    return [message(one) for one in found]


def assert_same(config: DispatchConfig, inputs: Script) -> None:
    inputs = [*inputs, (inputs[-1][0] + LONGER_MS, Tick())]
    assert sorted(played(config, inputs)) == sorted(modelled(config, inputs))


@pytest.mark.parametrize("name", CONFIGS)
@examples(60)
@given(random=st.randoms(use_true_random=False), length=st.integers(1, 60))
def test_any_script_leads_to_the_messages_of_the_model(name: str, random: Random, length: int) -> None:
    assert_same(CONFIGS[name], script(random, length))


def test_three_months_of_everything_lead_to_the_messages_of_the_model() -> None:
    found = run(13)
    assert found["model_sends_the_same"]
    assert found["days"] == 91.4
    assert found["notifications"] == sum(found["by_reason"].values())
    assert set(found["by_receiver"]) == {"team", "on-call", "pager", "kim-phone"}
