"""Alerts of a list are described once: what is kept is always what would be made anew."""

import asyncio
from random import Random
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest

from agents.dispatch.read_model import ReadModel
from agents.dispatching import Dispatching
from alert_sinks.texts.catalogue import Language
from episode_monitor.dispatch.alert_desk import DispatchedAlerts
from episode_monitor.dispatch.desk import DispatchDesk
from episode_monitor.fleet.ask import Asks
from episode_monitor.web import listed_alerts
from episode_monitor.web.alert_desk import active_alert
from episode_monitor.web.listed_alerts import ListedAlerts, described
from models.alert import Alert
from streams.dispatch.decide import decide
from streams.dispatch.state import State
from streams.dispatch.storage import take_changes
from streams.dispatch.views import Seen
from tests.streams.dispatch.random_scripts import CONFIGS, script
from tests.streams.dispatch.scripts import alert

BOTH = (Language.EN, Language.KO)


class Measured:
    """The cores, whose values of now change by chance."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self.alerts: list[Alert] = []

    async def ask(self, question: Any) -> list[Alert]:
        return self.alerts

    def measure(self, known: list[Alert]) -> None:
        self.alerts = [
            msgspec.structs.replace(one, value=self._random.choice([None, 0.0, 2.0, 3.0]), description="now")
            for one in known
            if self._random.randrange(3)
        ]


@pytest.mark.parametrize("name", CONFIGS)
async def test_after_each_decision_the_list_is_as_if_every_alert_were_described_anew(name: str) -> None:
    config, random = CONFIGS[name], Random(name)
    state, model, measured, listed = State(), ReadModel(lambda: config), Measured(random), ListedAlerts()
    caught_up = asyncio.Event()
    caught_up.set()
    parts = SimpleNamespace(model=model, follower=SimpleNamespace(caught_up=caught_up, status="ok"))
    desk = DispatchedAlerts(DispatchDesk(cast(Dispatching, parts), lambda: 0), cast(Asks, measured))
    shown = set[bytes]()
    for at_ms, given in script(random, 150):
        decide(config, state, given, at_ms)
        for key, value in sorted(take_changes(state), key=lambda pair: pair[0] == b"m"):
            model.take(key, value)
        if not random.randrange(4):
            measured.measure([live.record.alert for live in state.alerts.values()])
        alerts = (await desk.active(1000, None)).alerts
        for language in BOTH:
            made_anew = [described(one, language) for one in alerts]
            assert [bytes(one) for one in await listed.encoded(alerts, language)] == made_anew
            shown.update(made_anew)
    assert len(shown) > 100, "the script shows many different alerts"


async def test_whatever_people_see_of_an_alert_its_json_has(monkeypatch: pytest.MonkeyPatch) -> None:
    listed, one = ListedAlerts(), Seen(alert("p1"), [], [])
    rate = msgspec.structs.replace(one.alert, alert_type="HIGH_FAILURE_RATE", value=2.0)
    others = [
        one._replace(alert=msgspec.structs.replace(one.alert, value=5.0)),
        one._replace(silenced_by=["s1"]),
        one._replace(inhibited_by=["rate:p2"]),
        one._replace(alert=msgspec.structs.replace(one.alert, labels={"team": "video"})),
    ]
    (english,), (korean,) = [await listed.encoded([one._replace(alert=rate)], language) for language in BOTH]
    assert msgspec.json.decode(english)["description"] == ""
    assert "15분" in msgspec.json.decode(korean)["description"], "each language has its own"
    for each in (one, *others, one):
        (found,) = await listed.encoded([each], Language.EN)
        assert msgspec.json.decode(found) == active_alert(*each).to_dict()
    monkeypatch.setattr(listed_alerts, "described", None)  # may not be called any more
    (found,) = await listed.encoded([Seen(alert("p1"), [], [])], Language.EN)
    assert msgspec.json.decode(found) == active_alert(*one).to_dict()
    assert len(listed) == 2, "of one alert each language once"


async def test_of_more_alerts_than_are_kept_each_is_shown_and_the_first_ones_are_forgotten() -> None:
    listed, alerts = ListedAlerts(kept_most=2), [Seen(alert(f"p{number}"), [], []) for number in range(3)]
    for _ in range(2):
        found = await listed.encoded(alerts, Language.EN)
        assert [msgspec.json.decode(one)["project_id"] for one in found] == ["p0", "p1", "p2"]
        assert len(listed) == 2
