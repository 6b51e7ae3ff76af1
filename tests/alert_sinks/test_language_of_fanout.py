"""The setting reaches what is sent."""

import asyncio

import httpx
import msgspec

from alert_sinks.environment import Environment
from alert_sinks.fanout import Fanout
from alert_sinks.kinds.slack import SlackSink
from alert_sinks.ledger import MemoryLedger
from alert_sinks.sink import Destinations
from alert_sinks.texts.korean import KOREAN
from models.alert import Alert
from tests.alert_sinks.support import an_alert, notification


async def test_a_korean_fan_out_sends_korean_titles_labels_and_values() -> None:
    bodies: list[bytes] = []
    done: asyncio.Queue[int] = asyncio.Queue()

    def answer(request: httpx.Request) -> httpx.Response:
        bodies.append(request.content)
        return httpx.Response(200, stream=httpx.ByteStream(b"ok"))

    async def dead(alert: Alert, sink: str, reason: str) -> None:
        raise AssertionError(reason)

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        destinations = Destinations([SlackSink(client, "https://hooks/1")])
        fanout: Fanout[int] = Fanout(
            destinations, MemoryLedger(), on_done=done.put_nowait, on_dead_letter=dead, environment=Environment(),
            texts=KOREAN,
        )  # fmt: skip
        fanout.accept(notification("team", an_alert(title="Episode creation failure rate exceeds 1% (proj_1)")), 1)
        async with asyncio.timeout(10):
            assert await done.get() == 1
        await fanout.aclose()

    body = msgspec.json.decode(bodies[0])
    assert body["text"] == "[경고] 에피소드 생성 실패율 1% 초과 (proj_1)"
    assert [(field["title"], field["value"]) for field in body["attachments"][0]["fields"]][:5] == [
        ("프로젝트", "proj_1"), ("심각도", "경고"), ("상태", "발생 중"), ("측정값", "2.5%"), ("임계값", "1%"),
    ]  # fmt: skip
