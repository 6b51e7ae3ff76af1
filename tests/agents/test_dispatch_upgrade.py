"""A monitor without a dispatcher has acknowledged, silenced, resolved and escalated alerts; with one it keeps them, and
what a person resolved is sent again when the core finds more.

`alerts_before_dispatcher.json` has the alerts topic as that version wrote it: four firings, then what became of each.
"""

import json
from pathlib import Path

import msgspec
import pytest

from agents.alerts.alert_headers import mark_headers
from models.alert import FINDINGS_ROSE, AlertStatus
from models.alert_codec import decode_alert
from streams.dispatch.table import Status
from tests.agents.dispatch_desk import notifications, owning, put_alert, told, until_notified
from tests.agents.support import now_ms, producing, until
from tests.agents.test_dispatch import a_monitor

pytestmark = pytest.mark.broker

BEFORE = [each.encode() for each in json.loads(Path(__file__).with_name("alerts_before_dispatcher.json").read_text())]
FIRED_AGO_MS, ACTED_AGO_MS = 20 * 60_000, 14 * 60_000  # on-call is notified five minutes after a firing


async def test_what_people_and_the_escalation_did_before_is_kept_and_nobody_is_notified_again(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    config = await a_monitor(broker, topic_prefix, tmp_path)
    headers = [(name, value or b"") for name, value in mark_headers(config.monitor_id, 0, is_behind=False)]
    async with producing(broker) as producer:
        for number, value in enumerate(BEFORE):
            at_ms = now_ms() - (FIRED_AGO_MS if number < 4 else ACTED_AGO_MS)
            await producer.send_and_wait(
                config.topics.alerts, value, partition=0, timestamp_ms=at_ms, headers=headers
            )  # fmt: skip
        async with owning(config, known_to={0: len(BEFORE)}) as desk:
            await until(lambda: desk.has_read(f"{config.topics.alerts}/0", len(BEFORE) - 1))
            state = desk.owner.state
            assert state is not None
            alerts = {live.record.alert.project_id: live for live in state.alerts.values()}
            assert {project: live.record.status for project, live in alerts.items()} == {
                "acked": Status.ACKNOWLEDGED, "silent": Status.FIRING, "resolved": Status.HUSHED,
                "escalated": Status.FIRING,
            }  # fmt: skip
            taken = alerts["acked"].record.acknowledgement
            assert taken is not None
            assert (taken.by, taken.comment) == ("kim", "before the upgrade")
            (silence_id,) = alerts["silent"].silenced_by
            silence = state.silences[silence_id].record
            assert (silence.created_by, silence.ends_at_ms) == ("kim", 4_102_444_800_000)
            assert alerts["escalated"].record.level == 1
            assert await notifications(config) == [], "the version before has notified of all of it"

            more = decode_alert(BEFORE[2])
            assert more is not None
            assert alerts["resolved"].record.hushed_by == "kim"
            await put_alert(
                producer, config, msgspec.structs.replace(more, reason=FINDINGS_ROSE, updated_at_ms=now_ms())
            )
            for number in (0, 3):
                fired = decode_alert(BEFORE[number])
                assert fired is not None
                ended = msgspec.structs.replace(fired, status=AlertStatus.RESOLVED, ends_at_ms=now_ms())
                await put_alert(producer, config, ended)
            found = sorted(told(await until_notified(config, 4)))
            assert found == ["on-call -escalated", "team -acked", "team -escalated", "team resolved"]
