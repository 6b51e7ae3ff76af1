"""What the topic itself says about a project: which record spoke last of an episode, and which could not be used."""

from typing import Any

import msgspec

from models.event import Event, EventType

_LEVELS = 2  # a CloudEvents envelope and its data


class Mention(msgspec.Struct, frozen=True):
    """The last record about an episode. `number`: the one that it gives the episode; None: it deletes it."""

    offset: int
    kind: str
    number: int | None


class Evidence(msgspec.Struct, kw_only=True):
    """Of one project in one partition. `begins`: first offset of the topic that was read. `refused`: records that the
    replay could not use, `letters` those that the live monitor could not; offset -> reason. `named`: numbers and
    episodes that a refused record names nevertheless -> its offset. `partition`: of a project that has refused records
    alone."""

    partition: int | None = None
    begins: int = 0
    mentions: dict[str, Mention] = {}
    refused: dict[int, str] = {}
    letters: dict[int, str] = {}
    named: dict[int | str, int] = {}

    def note(self, event: Event, offset: int) -> None:
        """An event of the project."""
        if event.type is EventType.DELETED:
            self.mentions[event.episode_id] = Mention(offset, event.type.value, None)
        elif event.episode_number:
            self.mentions[event.episode_id] = Mention(offset, event.type.value, event.episode_number)

    def refuse(self, value: bytes | None, offset: int, reason: str) -> None:
        """A record of the project that cannot be used."""
        self.refused[offset] = reason
        for name, of_type in (("episode_number", int), ("episode_id", str)):
            found = field_of(value, name)
            if type(found) is of_type:
                self.named[found] = offset

    def refused_about(self, number: int, episode: str) -> int | None:
        """The refused record that names this episode, or else this number."""
        return self.named.get(episode, self.named.get(number))


def field_of(value: bytes | None, name: str) -> Any:
    """A field of a record that may be no event; None where it does not have it."""
    try:
        found = msgspec.json.decode(value or b"")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    for _ in range(_LEVELS):
        if not isinstance(found, dict):
            return None
        if name in found:
            return found[name]
        found = found.get("data")
    return None


def retention(evidence: Evidence) -> str:
    """What is to be added where the beginning of the topic is gone."""
    if not evidence.begins:
        return ""
    return f", which begins at offset {evidence.begins}: what lay before it has been deleted"
