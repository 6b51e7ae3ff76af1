"""Where the audit checkpoints come from: their topic, or the copy of them in the monitor's database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, Protocol

import msgspec

from episode_monitor.audit.reading import PartitionRecords
from episode_monitor.exits import ExitCode, Failure
from episode_monitor.storage.address import Address
from episode_monitor.storage.connecting import DatabaseOptions, connect, session_of
from episode_monitor.storage.troubles import explain
from models.audit_checkpoint import checkpoint_key

MAX_OTHERS: Final = 100  # monitors named
_PATIENCE_SECONDS: Final = 10.0
_STATEMENT_SECONDS: Final = 60.0
_PAGE_ROWS: Final = 500
_ORDER: Final = """
select link from episode_monitor.audit_checkpoints where monitor_id = $1 and topic = $2 and partition = $3
order by stored_at, sequence
"""
_PAGE: Final = "select link, checkpoint from episode_monitor.audit_checkpoints where link = any($1::text[])"
_OTHERS: Final = "select distinct monitor_id || '/' || topic from episode_monitor.audit_checkpoints limit 100"


class Entry(msgspec.Struct, frozen=True):
    """What is stored in the place of a checkpoint. `where`: the beginning of a sentence."""

    value: bytes | None
    where: str = "A record of the chain"


class Ledger(Protocol):
    """The chains of many partitions. `chains`: whose checkpoints it is seen to have, `monitor/topic`."""

    name: str
    may_miss: bool  # some checkpoints may be missing without a fault
    chains: set[str]

    def is_cut(self, number: int) -> bool:
        """Whether the first checkpoints of this partition may be gone."""

    def entries(self, number: int) -> AsyncIterator[Entry]:
        """The chain of a partition of the events, in the order in which it was written."""


class TopicLedger:
    """`AUDIT_TOPIC` as it was when its bounds were looked up; `firsts`: partition -> the first offset."""

    may_miss = False

    def __init__(
        self, name: str, monitor_id: str, topic: str, firsts: Sequence[int], records: Callable[[int], PartitionRecords]
    ) -> None:
        self.name = name
        self.chains: set[str] = set()
        self._whose = (monitor_id, topic)
        self._firsts = firsts
        self._records = records

    def is_cut(self, number: int) -> bool:
        """Where Kafka has deleted the beginning."""
        return self._firsts[number % len(self._firsts)] > 0

    async def entries(self, number: int) -> AsyncIterator[Entry]:
        """See `Ledger.entries`."""
        place = number % len(self._firsts)
        key, records = checkpoint_key(*self._whose, number), self._records(place)
        while batch := await records.next():
            for record in batch:
                if record.key == key:
                    where = f"The record at offset {record.offset} of partition {place} of {self.name}"
                    yield Entry(record.value, where)
                elif record.key is not None and len(self.chains) < MAX_OTHERS:
                    self.chains.add(record.key.decode(errors="replace").rpartition("/")[0])


class DatabaseLedger:
    """The table `audit_checkpoints`. A worker that ended may have left some checkpoints to the topic alone."""

    may_miss = True
    name = "The database"

    def __init__(self, connection: Any, monitor_id: str, topic: str, address: Address, chains: set[str]) -> None:
        self.chains = chains
        self._connection = connection
        self._whose = (monitor_id, topic)
        self._address = address

    @classmethod
    @asynccontextmanager
    async def opened(cls, url: str, monitor_id: str, topic: str) -> AsyncIterator[DatabaseLedger]:
        """Raises Failure."""
        address = Address.parse(url)
        options = DatabaseOptions(application_name="episode-monitor audit", statement_seconds=_STATEMENT_SECONDS)
        connection = await _told(connect(address, session_of(options), _PATIENCE_SECONDS), address)
        try:
            others = await _told(connection.fetch(_OTHERS), address)
            yield cls(connection, monitor_id, topic, address, {row[0] for row in others})
        finally:
            connection.terminate()

    def is_cut(self, number: int) -> bool:
        """See `may_miss`."""
        return True

    async def entries(self, number: int) -> AsyncIterator[Entry]:
        """See `Ledger.entries`. Raises Failure."""
        asked = self._connection.fetch(_ORDER, *self._whose, number)
        links = [row[0] for row in await _told(asked, self._address)]
        for at in range(0, len(links), _PAGE_ROWS):
            page = links[at : at + _PAGE_ROWS]
            rows = dict(await _told(self._connection.fetch(_PAGE, page), self._address))
            for link in page:
                yield Entry(rows[link], f"The row of the database with the link {link}")


async def _told(asked: Awaitable[Any], address: Address) -> Any:
    try:
        return await asked
    except Exception as error:  # every kind has a sentence
        raise Failure(f"{explain(error, address).sentence}.", ExitCode.UNREACHABLE) from None
