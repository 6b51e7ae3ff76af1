"""The dispatcher sends what a plain model sends that looks at everything every minute."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.alert import AlertStatus
from streams.dispatch.config import DispatchConfig
from streams.dispatch.decide import decide
from streams.dispatch.inputs import Tick
from streams.dispatch.outputs import Notification
from streams.dispatch.state import State
from testbed.properties import examples
from tests.streams.dispatch.plain_model import PlainModel
from tests.streams.dispatch.plain_state import Message
from tests.streams.dispatch.random_scripts import CONFIGS, Script, script
from tests.streams.dispatch.scripts import HOUR_MS, MINUTE_MS, START_MS

LONGER_MS = 9 * HOUR_MS  # after the last input
THREE_MONTHS_MS = 91 * 24 * HOUR_MS


def message(one: Notification) -> Message:
    firing = sorted(each.alert_id for each in one.alerts if each.status is not AlertStatus.RESOLVED)
    ended = sorted(each.alert_id for each in one.alerts if each.status is AlertStatus.RESOLVED)
    return one.at_ms // MINUTE_MS, one.receiver, one.reason.value, tuple(firing), tuple(ended), one.person


def played(config: DispatchConfig, inputs: Script) -> list[Message]:
    state, found = State(), []
    for at_ms, given_input in inputs:
        found += decide(config, state, given_input, at_ms).notifications
    return [message(one) for one in found]


def modelled(config: DispatchConfig, inputs: Script) -> list[Message]:
    model = PlainModel(config)
    for at_ms, given_input in inputs:
        model.take(given_input, at_ms // MINUTE_MS)
    return model.messages


def assert_same(config: DispatchConfig, inputs: Script) -> None:
    inputs = [*inputs, (inputs[-1][0] + LONGER_MS, Tick())]
    assert sorted(played(config, inputs)) == sorted(modelled(config, inputs))


@pytest.mark.parametrize("name", CONFIGS)
@examples(60)
@given(random=st.randoms(use_true_random=False), length=st.integers(1, 60))
def test_any_script_leads_to_the_messages_of_the_model(name: str, random: Random, length: int) -> None:
    assert_same(CONFIGS[name], script(random, length))


def test_three_months_of_everything_lead_to_the_messages_of_the_model() -> None:
    inputs = [one for one in script(Random(13), 2000) if one[0] < START_MS + THREE_MONTHS_MS]
    assert inputs[-1][0] > START_MS + THREE_MONTHS_MS - 24 * HOUR_MS
    assert_same(CONFIGS["everything"], inputs)
