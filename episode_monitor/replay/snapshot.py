"""The state of a replay in a file, to go on from: after an interruption, or with a later range on top of it.

A first line with the form's version, a header, one part per partition, and the SHA-256 of all before it. It names every
project and episode, so only its owner may read it.
"""

import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from episode_monitor import __version__
from episode_monitor.replay.partition_replay import Saved
from episode_monitor.replay.ranges import Bounds
from episode_monitor.whole_file import replacing
from streams.alerting.core import Core

_NAME: Final = b"episode-monitor snapshot "
VERSION: Final = 1
_LENGTH = struct.Struct(">Q")
_DIGEST_BYTES: Final = 32
_pack = msgspec.msgpack.Encoder().encode

RULES: Final = "rules"
Setting = str | int | None


class UnusableSnapshot(Exception):
    """It cannot be used here; the message is a sentence that names the file."""


class CannotSave(Exception):
    """It cannot be written; the message is a sentence that names the file."""


class Header(msgspec.Struct, frozen=True):
    """What a snapshot belongs to. `bounds`, `until_ms` and `now_ms` are those of the replay that was to be done."""

    source: str  # `source_of`
    settings: dict[str, Setting]
    bounds: list[Bounds]
    until_ms: int | None
    now_ms: int  # that stands for the time at which lines of a file were written
    only: int | None  # the partition that it was confined to
    is_finished: bool
    software: str = __version__
    asked: dict[str, str] = {}  # option -> its words, of those that chose the range


class Snapshot(msgspec.Struct, frozen=True):
    """A header, and the state of each partition after its last record."""

    header: Header
    partitions: list[Saved]

    @property
    def next_offsets(self) -> dict[int, int]:
        """Partition -> where it goes on."""
        return {each.tally.partition: each.tally.next for each in self.partitions}


def source_of(name: str, is_topic: bool) -> str:
    """How a snapshot names what was read; one file is as good as another."""
    return f"topic {name}" if is_topic else "file"


def settings_of(core: Core) -> dict[str, Setting]:
    """The settings that decide a state or a report."""
    numbering = core.numbering
    return {
        RULES: core.rules.fingerprint,
        "GAP_SETTLE_SECONDS": numbering.settle_ms // 1000,
        "DELETED_NUMBERS": numbering.deleted.value,
        "FIRST_NUMBER": numbering.first_number,
        "MAX_NUMBER_JUMP": numbering.max_jump,
        "MAX_EPISODES": numbering.max_episodes,
        "MONITORING_TIMEZONE": core.calendar.zone_name,
        "GRACE_SECONDS": core.grace_ms // 1000,
        "RESEND_MEMORY": core.resend_memory,
        "OPEN_CONFLICTS_MAX": core.open_conflicts_max,
        "DASHBOARD_URL": core.dashboard_url,
    }


def save(path: Path, header: Header, partitions: Sequence[Saved]) -> None:
    """Whole or not at all. Raises CannotSave."""
    with _written(path) as file:
        digest = sha256()
        for piece in _pieces(header, partitions):
            digest.update(piece)
            file.write(piece)
        file.write(digest.digest())


def check_place(path: Path) -> None:
    """Raises CannotSave where no snapshot can be written, before the work that it would keep."""
    with _written(path, keeps=False):
        pass


@contextmanager
def _written(path: Path, *, keeps: bool = True) -> Iterator[BinaryIO]:
    try:
        with replacing(path, keeps=keeps) as file:
            yield file
    except OSError as error:
        raise CannotSave(f"The snapshot {path} cannot be written: {error.strerror or error}.") from None


def _pieces(header: Header, partitions: Sequence[Saved]) -> Iterator[bytes]:
    yield b"%s%d\n" % (_NAME, VERSION)
    for part in (header, *partitions):
        packed = _pack(part)
        yield _LENGTH.pack(len(packed))
        yield packed


def load(path: Path, core: Core, source: str) -> Snapshot:
    """A snapshot of this source made with these settings. Raises UnusableSnapshot."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UnusableSnapshot(f"The snapshot {path} cannot be read: {error.strerror or error}.") from None
    first_line = content[:64].split(b"\n", 1)[0]
    if not first_line.startswith(_NAME):
        raise UnusableSnapshot(f"{path} is not a snapshot of a replay; name one that --save-snapshot has written.")
    if first_line != b"%s%d" % (_NAME, VERSION):
        version = first_line.removeprefix(_NAME).decode(errors="replace")
        raise UnusableSnapshot(
            f"The snapshot {path} has version {version} and this monitor reads version {VERSION}; make it anew."
        )
    if sha256(memoryview(content)[:-_DIGEST_BYTES]).digest() != content[-_DIGEST_BYTES:]:
        raise UnusableSnapshot(f"The snapshot {path} is damaged or cut off; copy it again or make it anew.")
    header, *partitions = _parts(memoryview(content)[len(first_line) + 1 : -_DIGEST_BYTES])
    try:
        found = msgspec.msgpack.decode(header, type=Header)
        snapshot = Snapshot(found, [msgspec.msgpack.decode(part, type=Saved) for part in partitions])
    except msgspec.MsgspecError:
        raise UnusableSnapshot(
            f"The snapshot {path} has fields that this monitor does not know; make it anew."
        ) from None
    _check(path, found, core, source)
    return snapshot


def _parts(content: memoryview) -> Iterator[memoryview]:
    at = 0
    while at < len(content):
        (length,) = _LENGTH.unpack_from(content, at)
        at += _LENGTH.size
        yield content[at : at + length]
        at += length


def _check(path: Path, header: Header, core: Core, source: str) -> None:
    if header.source != source:
        raise UnusableSnapshot(f"The snapshot {path} was made of {header.source}, not of {source}.")
    for name, value in settings_of(core).items():
        was = header.settings.get(name)
        if was != value:
            how = "other rules" if name == RULES else f"{name}={_words(was)}, and now it is {_words(value)}"
            raise UnusableSnapshot(f"The snapshot {path} was made with {how}; use the same settings, or make it anew.")


def _words(value: Setting) -> str:
    return "nothing" if value is None else str(value)
