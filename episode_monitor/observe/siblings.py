"""The other processes of this worker, asked over their own ports, and the answers of all of them as one."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

import httpx
import msgspec
from prometheus_client.exposition import choose_encoder

from episode_monitor.observe.kept_counters import KeptCounters
from episode_monitor.observe.one_readiness import together
from episode_monitor.observe.process_view import Process, ProcessView
from episode_monitor.observe.samples import Exposed, Families, added_up, counted, families_of, pack, unpack
from models.process_views import Readiness

PREFIX: Final = "/internal/v1/siblings"
READINESS: Final = "/readiness"
SAMPLES: Final = "/samples"
T = TypeVar("T")
_readiness = msgspec.json.Decoder(Readiness)
_SECONDS: Final = 2.0  # for an answer; a scrape waits ten


class Siblings:
    """`addresses` by number, this process's among them; `token` lets siblings in; `kept` is a file of each."""

    def __init__(
        self, number: int, addresses: Sequence[str], token: str, kept: Sequence[KeptCounters], client: httpx.AsyncClient
    ) -> None:
        self.number = number
        self.token = token
        self.kept = tuple(kept)
        self._others = {at: url for at, url in enumerate(addresses, 1) if at != number}
        self._client = client

    async def are_alive(self) -> bool:
        """Whether any of them answers."""
        return any(body is not None for body in (await self._ask("/livez", bytes)).values())

    async def readiness(self) -> dict[int, Readiness | None]:
        """By number; None: no answer."""
        return await self._ask(PREFIX + READINESS, _readiness.decode)

    async def samples(self) -> dict[int, Families | None]:
        """By number; None: no answer."""
        return await self._ask(PREFIX + SAMPLES, unpack)

    async def _ask(self, path: str, read: Callable[[bytes], T]) -> dict[int, T | None]:
        bodies = await asyncio.gather(*(self._body(f"{url}{path}") for url in self._others.values()))
        return {number: _decoded(body, read) for number, body in zip(self._others, bodies, strict=True)}

    async def _body(self, address: str) -> bytes | None:
        headers = {"authorization": f"Bearer {self.token}"}
        try:
            async with asyncio.timeout(_SECONDS):
                answer = await self._client.get(address, headers=headers, timeout=_SECONDS)
        except (httpx.HTTPError, TimeoutError, AttributeError):  # the last: anyio, of a socket that was just closed
            return None
        return answer.content if answer.status_code == httpx.codes.OK else None


class OneOfSeveral:
    """What a process says of itself to its siblings. Its counters go on from those of the process before it."""

    def __init__(self, process: Process, view: ProcessView, siblings: Siblings) -> None:
        self.token = siblings.token
        self._process = process
        self._view = view
        self._kept = siblings.kept[siblings.number - 1]
        self._former = _read(self._kept)

    async def readiness(self) -> Readiness:
        """Of this process alone."""
        return await self._process.readiness()

    async def families(self) -> Families:
        """Of this process and those before it. They are kept before anyone sees them, so that none is lost."""
        families = added_up([families_of(await self._view.collected())], [self._former])
        self._kept.write(pack(counted(families)))
        return families


class SeenAsOne:
    """`Process` for all of them. Whichever is asked answers for all."""

    def __init__(self, here: OneOfSeveral, siblings: Siblings) -> None:
        self._here = here
        self._siblings = siblings

    async def readiness(self) -> Readiness:
        """See `Process`."""
        others, own = await asyncio.gather(self._siblings.readiness(), self._here.readiness())
        return together({**others, self._siblings.number: own})

    async def metrics(self, accept: str = "") -> tuple[bytes, str]:
        """See `Process`."""
        encode, content_type = choose_encoder(accept)
        exposed: Any = Exposed(await self._families())
        return encode(exposed), content_type

    async def metrics_json(self) -> dict[str, Any]:
        """See `Process`."""
        samples: dict[str, list[dict[str, Any]]] = {}
        for family in await self._families():
            for row in family.rows:
                samples.setdefault(row.name, []).append({"labels": row.labels, "value": row.value})
        return samples

    async def _families(self) -> Families:
        others, own = await asyncio.gather(self._siblings.samples(), self._here.families())
        known = dict(sorted({**others, self._siblings.number: own}.items()))
        gone = [_read(self._siblings.kept[number - 1]) for number, families in known.items() if families is None]
        return added_up([families for families in known.values() if families is not None], gone)


def _decoded(body: bytes | None, read: Callable[[bytes], T]) -> T | None:
    """None where there is none, or where it is of another version, as in a restart one after the other."""
    try:
        return None if body is None else read(body)
    except msgspec.MsgspecError:
        return None


def _read(kept: KeptCounters) -> Families:
    try:
        return unpack(kept.read())
    except msgspec.MsgspecError:  # nothing yet
        return []
