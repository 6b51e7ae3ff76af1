"""What the topic itself says about a project: which record spoke last of an episode, and which could not be used."""

import msgspec

from models.event import Event, EventType


class Mention(msgspec.Struct, frozen=True):
    """The last record about an episode. `number`: the one that it gives the episode; None: it deletes it."""

    offset: int
    kind: str
    number: int | None


class Evidence(msgspec.Struct, kw_only=True):
    """Of one project in one partition. `begins`: first offset of the topic that was read. `refused`: records that the
    replay could not use, `letters` those that the live monitor could not; offset -> reason."""

    begins: int = 0
    mentions: dict[str, Mention] = {}
    refused: dict[int, str] = {}
    letters: dict[int, str] = {}

    def note(self, event: Event, offset: int) -> None:
        """An event of the project."""
        if event.type is EventType.DELETED:
            self.mentions[event.episode_id] = Mention(offset, event.type.value, None)
        elif event.episode_number:
            self.mentions[event.episode_id] = Mention(offset, event.type.value, event.episode_number)
