"""The words of one language, and how they are looked up."""

from collections.abc import Mapping
from enum import Enum

import msgspec


class Language(Enum):
    """The language of messages."""

    EN = "en"
    KO = "ko"


class Texts(msgspec.Struct, frozen=True):
    """One language. Values are for `str.format` with named places.

    `sentences`, `titles` and `units` are empty for the language in which alerts are written.
    """

    language: Language
    words: Mapping[str, str]
    sentences: Mapping[str, str] = {}  # descriptions of alerts
    titles: Mapping[str, str] = {}  # titles of alerts that the monitor and its shipped rules have, by the original
    units: Mapping[str, str] = {}  # how a number of a unit is written, by `RuleType.unit`

    def say(self, key: str, **values: object) -> str:
        """The words under a key, with these values in them."""
        return self.words[key].format_map(values)

    def sentence(self, key: str, **values: object) -> str:
        """The same for a part of a description."""
        return self.sentences[key].format_map(values)
