"""People of a fault run, who act on alerts over HTTP while workers die."""

import asyncio
import random
from typing import TYPE_CHECKING, Any

import httpx

from faults.evidence import Acted

if TYPE_CHECKING:
    from faults.stage import Stage

BASE = "/monitoring/episodes"
ACT_EVERY_SECONDS = 0.4
PATIENCE_SECONDS = 15.0


class People:
    """They silence projects, expire silences, and acknowledge, give back, resolve or silence an alert, each with a
    comment of its own, and keep the answers."""

    def __init__(self, stage: "Stage") -> None:
        self._stage = stage
        self._rnd = random.Random(stage.plan.seed + 1)
        self._silences: list[str] = []
        self._acts = 0

    async def act(self) -> None:
        """Act on whichever worker runs, until cancelled or the faults are over."""
        async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE_SECONDS) as client:
            while not self._stage.feeding.done():
                await asyncio.sleep(self._rnd.uniform(0.1, 2 * ACT_EVERY_SECONDS))
                running = self._stage.running()
                if running:
                    await self._one(client, self._rnd.choice(running).url)

    async def _one(self, client: httpx.AsyncClient, url: str) -> None:
        self._acts += 1
        comment = f"act-{self._acts}-of-{self._stage.plan.seed}"
        if self._rnd.random() < 0.6:
            await self._on_an_alert(client, url, comment)
            return
        if self._silences and self._rnd.random() < 0.4:
            path = f"/silences/{self._rnd.choice(self._silences)}"
            await self._ask(client, "DELETE", url, path, None, "")
            return
        body = await self._ask(client, "POST", url, "/silences", self._silence(comment), comment)
        if body and "id" in body:
            self._silences.append(body["id"])

    async def _on_an_alert(self, client: httpx.AsyncClient, url: str, comment: str) -> None:
        try:
            alerts = (await client.get(f"{url}{BASE}/alerts/active?limit=1000")).json().get("alerts") or []
        except (httpx.HTTPError, ValueError):
            return
        if alerts:
            verb = self._rnd.choice(("acknowledge", "acknowledge", "unacknowledge", "resolve", "silence"))
            key, body = self._rnd.choice(alerts)["alert_key"], {"by": "kim", "comment": comment}
            await self._ask(client, "POST", url, f"/alerts/{key}/{verb}", body, comment)

    def _silence(self, comment: str) -> dict[str, Any]:
        """Of one project in ten, or of one project, for a minute."""
        digit = self._rnd.randrange(10)
        value = f"proj_..{digit}" if self._rnd.random() < 0.3 else f"proj_0{self._rnd.randrange(6)}{digit}"
        return {
            "by": "kim", "comment": comment, "minutes": 1,
            "matchers": [{"name": "project_id", "value": value, "operator": "=~"}],
        }  # fmt: skip

    async def _ask(
        self, client: httpx.AsyncClient, method: str, url: str, path: str, body: Any, comment: str
    ) -> dict[str, Any] | None:
        what = f"{method} {path}"
        try:
            answer = await client.request(method, f"{url}{BASE}{path}", json=body)
            found: dict[str, Any] = answer.json()
        except (httpx.HTTPError, ValueError):
            return None  # the worker died; what it was asked may still be done
        self._stage.evidence.acted.append(Acted(what, answer.status_code, found, comment))
        return found if answer.is_success else None
