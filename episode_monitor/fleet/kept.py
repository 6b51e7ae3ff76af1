"""Answers that cost much, kept for a while, so that their cost does not follow the number of those who ask."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Kept(Generic[T]):
    """The newest answers by key, at most `most`, each for `for_ms` milliseconds. One is found at a time."""

    def __init__(self, for_ms: int, most: int) -> None:
        self._for_ms = for_ms
        self._most = most
        self._found: dict[Hashable, tuple[int, T]] = {}
        self._finding = asyncio.Lock()

    async def of(self, key: Hashable, now_ms: int, find: Callable[[], Awaitable[T]]) -> T:
        """The kept answer, or a new one. `now_ms` is any clock."""
        async with self._finding:
            at_ms, known = self._found.get(key, (0, None))
            if known is not None and 0 <= now_ms - at_ms < self._for_ms:
                return known
            found = await find()
            self._found.pop(key, None)
            if len(self._found) >= self._most:
                del self._found[next(iter(self._found))]
            self._found[key] = now_ms, found
            return found
