"""The state digest of a partition, kept up by exchanging what changed projects add to it: exact as of a flush, and
computed little by little afterwards.

What a project added before it changed is computed from the bytes that the store held then, so nothing is computed while
a partition is stored.
"""

from collections.abc import Callable

import msgspec

from streams.alerting.core import Core
from streams.base import changelog_keys
from streams.base.checkpoint_types import Changes, Store
from streams.base.steps import Steps
from streams.project.project_state import ProjectState
from streams.project.state_codec import decode
from streams.project.state_digest import digest_of_project, exchanged

MOST_CHANGED = 100_000  # projects changed since the last digest: about 200 bytes each
MOST_KNOWN = 50_000  # projects whose share is remembered: the same
MOST_KEPT_BYTES = 8 * 1024 * 1024  # of former states whose share was not computed yet
UNKNOWN = -1

Unchanged = Callable[[str], ProjectState | None]
"""A project's decoded state, where there is one that equals what is stored."""


class _Share(msgspec.Struct):
    """What a project adds to the sum in a state: computed, or to be computed from the state as it was stored."""

    value: int = 0
    head: bytes | None = None


class StateSum:
    """`store` is read only; the owner calls `replacing` before it changes, and runs `working` now and then."""

    def __init__(self, core: Core, store: Store, head_keys: list[bytes], unchanged: Unchanged) -> None:
        self.total: int | None = None  # of all projects; None: not known
        self.offset = UNKNOWN  # the next offset of that state
        self.is_off = True  # too much changes; `start` begins anew
        self._core = core
        self._store = store
        self._head_keys = head_keys  # of all projects in the order they became known
        self._unchanged = unchanged
        self._valid_from = 0  # some stored states have records up to here, which the cursor does not
        self._changed: dict[str, _Share] = {}  # since the last sum: what they added to it
        self._leaving: dict[str, _Share] = {}  # of a sum that is being brought to `_target`
        self._left: list[tuple[str, _Share, _Share]] = []  # the same, with what they add at `_target`
        self._target: int | None = None
        self._scanned, self._scan_end = 0, 0
        self._known: dict[str, int] = {}  # what projects that changed lately add now
        self._kept_heads = self._kept_bytes = 0
        self._removed: dict[bytes, bytes] = {}  # chunks of former states
        self._partial = 0  # of the projects scanned so far

    # --- beginning

    def restore(self, total: int, offset: int) -> None:
        """The sum is known: it is of the store as it is."""
        self._clear()
        self.total, self.offset, self.is_off = total, offset, False

    def start(self, valid_from: int) -> None:
        """Compute it from every project, as the store has them now: exact from this next offset on."""
        self._clear()
        self.is_off, self._valid_from = False, valid_from
        self._scan_end = len(self._head_keys)

    def _give_up(self) -> None:
        self._clear()
        self.is_off = True

    def _clear(self) -> None:
        self.total, self.offset, self._target = None, UNKNOWN, None
        self._scanned = self._scan_end = self._partial = self._kept_heads = self._kept_bytes = 0
        self._changed, self._leaving, self._left, self._known, self._removed = {}, {}, [], {}, {}

    # --- changes

    def replacing(self, changes: Changes) -> None:
        """These changes are about to be applied to the store."""
        if self.is_off:
            return
        for key, _ in changes.writes:
            if key[:1] == changelog_keys.HEAD:
                self._replacing(key)
        if self._kept_heads:
            for key in changes.garbage:
                content = self._store.get(key)
                if content is not None:
                    self._removed[key] = content
                    self._kept_bytes += len(content)
        if len(self._changed) + len(self._leaving) > MOST_CHANGED or self._kept_bytes > MOST_KEPT_BYTES:
            self._give_up()

    def _replacing(self, key: bytes) -> None:
        project_id = changelog_keys.project_of(key)
        before = self._leaving.pop(project_id, None)
        if before is not None:
            share = self._changed[project_id] = self._keep(self._store.get(key))
            self._left.append((project_id, before, share))
        elif project_id not in self._changed:
            known = self._known.get(project_id)
            self._changed[project_id] = self._keep(self._store.get(key)) if known is None else _Share(known)

    def _keep(self, head: bytes | None) -> _Share:
        if head is not None:
            self._kept_heads += 1
            self._kept_bytes += len(head)
        return _Share(0, head)

    # --- sums

    @property
    def changed(self) -> int:
        """How many projects the next sum has to exchange."""
        return len(self._changed)

    def can_advance(self, next_offset: int) -> bool:
        """Whether the sum can be brought to the store as it is now."""
        return self.total is not None and self._target is None and next_offset >= self._valid_from

    def advance(self, next_offset: int) -> None:
        """Bring it there: `working` computes it. The store has just been made that of this offset."""
        self._leaving, self._changed, self._target = self._changed, {}, next_offset

    @property
    def left(self) -> int:
        """How many projects are to be exchanged before the sum is that of its target."""
        return len(self._leaving) + len(self._left)

    @property
    def is_working(self) -> bool:
        """Whether `working` has anything to do."""
        return not self.is_off and (self._target is not None or self._scanned < self._scan_end or self.total is None)

    @property
    def is_scanning(self) -> bool:
        """Whether every project is being computed."""
        return not self.is_off and self.total is None

    def working(self) -> Steps[None]:
        """One project a step. Between two steps the store may change, but must not be about to."""
        while self.is_working:
            if self.total is None:
                self._scan()
            elif self._left:
                self._exchange(*self._left.pop())
            elif self._leaving:
                project_id, before = self._leaving.popitem()
                self._exchange(project_id, before, None)
            elif self._target is not None:
                self.offset, self._target = self._target, None
            yield

    def _exchange(self, project_id: str, before: _Share, after: _Share | None) -> None:
        old = self._value(project_id, before)
        new = self._current(project_id) if after is None else self._value(project_id, after)
        self._know(project_id, new)
        if self.total is not None:
            self.total = exchanged(self.total, old, new)

    def _scan(self) -> None:
        if self._scanned >= self._scan_end:
            self.total, self.offset = self._partial, UNKNOWN
            return
        project_id = changelog_keys.project_of(self._head_keys[self._scanned])
        share = self._changed.get(project_id)
        value = self._current(project_id) if share is None else self._value(project_id, share)
        self._know(project_id, value)
        self._partial = exchanged(self._partial, 0, value)
        self._scanned += 1

    def _know(self, project_id: str, value: int) -> None:
        """What it adds now, or did when it changed: until it is exchanged again, that is not looked at."""
        known = self._known
        if len(known) >= MOST_KNOWN:
            self._known = known = dict(list(known.items())[MOST_KNOWN // 2 :])
        known.pop(project_id, None)
        known[project_id] = value  # at the end: the older half is forgotten first

    def _current(self, project_id: str) -> int:
        state = self._unchanged(project_id)
        if state is not None:
            return digest_of_project(state)
        head = self._store.get(changelog_keys.head(project_id))
        return 0 if head is None else self._computed(project_id, head)

    def _value(self, project_id: str, share: _Share) -> int:
        if share.head is not None:
            share.value = self._computed(project_id, share.head)
            self._kept_bytes -= len(share.head)
            self._kept_heads -= 1
            share.head = None
            if not self._kept_heads:
                self._removed, self._kept_bytes = {}, 0
        return share.value

    def _computed(self, project_id: str, head: bytes) -> int:
        def chunk(index: int, version: int) -> bytes:
            key = changelog_keys.chunk(project_id, index, version)
            content = self._removed.get(key) or self._store.get(key)
            if content is None:
                raise LookupError(f"project {project_id!r}: chunk {index} version {version} is missing")
            return content

        return digest_of_project(decode(self._core, project_id, head, chunk))
