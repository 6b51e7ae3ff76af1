"""The own records and those of a copy in lockstep, while the own ones are read."""

from collections.abc import Sequence

from episode_monitor.audit.alignment import Alignment, SearchLimits, Window
from episode_monitor.audit.differences import Differences
from episode_monitor.audit.reading import Records
from episode_monitor.audit.records import Audited, Compared, has_event_headers

NO_HEADERS = "The copy has no CloudEvents headers: key and value of its records are compared."
_RECORD_BYTES = 300  # of memory, beside its content


class Lockstep:
    """Push the own records as they are read, then `conclude`."""

    def __init__(self, partition: int, copy: Records, has_keys: bool, limits: SearchLimits | None = None) -> None:
        self.copied = 0
        self.notes: list[str] = []
        self._partition = partition
        self._copy = copy
        self._has_keys = has_keys
        self._alignment = Alignment(limits)
        self._compared = Compared(keys=has_keys)
        self._is_chosen = False
        self._differences: Differences | None = None

    @property
    def tail(self) -> int | None:
        """The offset of the first own record after all that the copy has."""
        return None if self._alignment.tail is None else int(self._alignment.tail.mark.offset)

    @property
    def differences(self) -> Differences:
        """Of the records so far."""
        if self._differences is None:
            self._differences = Differences(self._partition, self._compared)
        return self._differences

    async def push(self, own: Sequence[Audited]) -> None:
        """The next records of the own topic."""
        if self._has_keys or any(record.value is None for record in own):
            own = own if self._has_keys else [record for record in own if record.value is not None]
        if not self._is_chosen:
            await self._choose(own)
        self._add(self._alignment.own, own)
        await self._pump()

    async def conclude(self) -> None:
        """The own topic has no more."""
        self._alignment.own.ended = True
        await self._pump()

    async def _choose(self, own: Sequence[Audited]) -> None:
        """What is compared: a tool may have made the copy without headers."""
        self._is_chosen = True
        first = await self._copy.next()
        if has_event_headers(own) and not has_event_headers(first):
            self._compared = Compared(keys=self._has_keys, headers=False)
            self.notes.append(NO_HEADERS)
        self._take_copy(first)

    async def _pump(self) -> None:
        alignment = self._alignment
        while not alignment.wants(alignment.own) and not alignment.is_done:
            while alignment.wants(alignment.copy):
                self._take_copy(await self._copy.next())
            self.differences.add(alignment.step())

    def _take_copy(self, records: Sequence[Audited]) -> None:
        self.copied += len(records)
        self._alignment.copy.ended = not records
        self._add(self._alignment.copy, records)

    def _add(self, window: Window, records: Sequence[Audited]) -> None:
        identity = self._compared.identity
        size = sum(_RECORD_BYTES + len(record.value or b"") for record in records)
        window.add([identity(record) for record in records], list(records), size)
