"""Reads values out of a YAML file and notes every fault with its line, key and mend; reading goes on after a fault."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

import yaml

from episode_monitor.settings.error_texts import SettingsError
from episode_monitor.settings.strict_yaml import BadYaml, checked_nodes

MOST_BYTES: Final = 256 * 1024
MOST_FAULTS: Final = 100
_SHOWN: Final = 60  # characters of a wrong value
_NULL: Final = ("", "~", "null", "Null", "NULL")
_FLAGS: Final = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
T = TypeVar("T")


class Fault(NamedTuple):
    """`line` counts from 1, 0 where it is about the whole file; `key` is the path to it, "" for the whole file."""

    line: int
    key: str
    sentence: str

    def __str__(self) -> str:
        place = f"line {self.line}: " if self.line else ""
        return f"{place}`{self.key}` {self.sentence}" if self.key else f"{place}{self.sentence}"


class FileError(SettingsError):
    """A file that cannot be used: every fault, one a line, after the file's name."""

    def __init__(self, name: str, faults: Iterable[Fault]) -> None:
        self.name, self.faults = name, tuple(sorted(faults))
        super().__init__("\n".join(f"{name}, {fault}" if fault.line else f"{name}: {fault}" for fault in self.faults))


class Value:
    """A value at its place in a file. What it is asked for and is not, is a fault; the answer is then an empty one."""

    def __init__(self, node: yaml.Node, key: str, faults: list[Fault], line: int = 0) -> None:
        self.node, self.key, self.faults = node, key, faults
        self.line = line or node.start_mark.line + 1

    def fault(self, sentence: str) -> None:
        """Note what is wrong and what to do; the sentence goes on after the key.

        A fault here or inside is enough: another one would only follow from it.
        """
        inside = (f"{self.key}.", f"{self.key}[")
        follows = any(each.key == self.key or each.key.startswith(inside) for each in self.faults)
        if len(self.faults) < MOST_FAULTS and not follows:
            self.faults.append(Fault(self.line, self.key, f"{sentence}."))

    @property
    def is_null(self) -> bool:
        """Whether nothing is written there."""
        return isinstance(self.node, yaml.ScalarNode) and not self.node.style and self.node.value in _NULL

    @property
    def is_text(self) -> bool:
        """Whether it is one text, number or word, and not a list or a mapping."""
        return isinstance(self.node, yaml.ScalarNode)

    def text(self, what: str = "a text") -> str:
        """As it is written, a number as well; "" for nothing."""
        if not isinstance(self.node, yaml.ScalarNode):
            self.fault(f"must be {what}; write one value")
            return ""
        value = str(self.node.value)
        if not value.isprintable() and any("\ud800" <= character <= "\udfff" for character in value):
            self.fault(r"holds half a surrogate pair, which is no text; remove the escape `\ud8…`")
            return ""
        return "" if self.is_null else value

    def name(self) -> str:
        """A text of 1 to 100 printable characters."""
        value = self.text()
        if not value or len(value) > 100 or not value.isprintable():
            self.fault("must be a text of 1 to 100 printable characters; write one")
            return ""
        return value

    def read(self, reader: Callable[[str], T], empty: T) -> T:
        """Through a function that raises ValueError with what would be right."""
        before = len(self.faults)
        value = self.text()
        if len(self.faults) > before:
            return empty
        try:
            return reader(value)
        except ValueError as error:
            reason, shown = str(error).removesuffix("."), value[:_SHOWN]
            self.fault(f"is `{shown}`, but {reason}; correct it" if reason.startswith("must") else reason)
            return empty

    def flag(self) -> bool:
        """True or false, without quotes."""
        node = self.node
        found = _FLAGS.get(node.value.lower()) if isinstance(node, yaml.ScalarNode) and not node.style else None
        if found is None:
            self.fault("must be true or false, without quotes")
        return bool(found)

    def whole(self, low: int, high: int) -> int:
        """A whole number."""
        text = self.text("a number")
        if not text.isascii() or not text.isdigit() or len(text) > 9 or not low <= int(text) <= high:
            self.fault(f"must be a whole number from {low} to {high}")
            return low
        return int(text)

    def items(self, most: int = 1000) -> list["Value"]:
        """A list; nothing is an empty one."""
        if self.is_null:
            return []
        if not isinstance(self.node, yaml.SequenceNode):
            self.fault("must be a list; begin each entry with `- `")
            return []
        if len(self.node.value) > most:
            self.fault(f"has more than {most} entries; write fewer")
            return []
        return [Value(node, f"{self.key}[{place}]", self.faults) for place, node in enumerate(self.node.value)]

    def pairs(self) -> dict[str, "Value"]:
        """A mapping whose keys are texts; each stands once. `<<` brings the keys of another mapping."""
        if self.is_null:
            return {}
        if not isinstance(self.node, yaml.MappingNode):
            self.fault("must be a mapping; write `key: value`")
            return {}
        found: dict[str, Value] = {}
        merged: dict[str, Value] = {}
        for name, node in self.node.value:
            if not isinstance(name, yaml.ScalarNode):
                Value(name, self.key, self.faults).fault("has a key that is no text; correct it")
                continue
            value = Value(node, f"{self.key}.{name.value}".lstrip("."), self.faults, name.start_mark.line + 1)
            if name.tag == "tag:yaml.org,2002:merge":
                merged |= {key: each for key, each in value.pairs().items() if key not in merged}
            elif name.value in found:
                value.fault(f"stands twice, first at line {found[name.value].line}; remove one of them")
            else:
                found[name.value] = value
        return merged | found

    def keys(self, known: Iterable[str], refused: Mapping[str, str] | None = None) -> dict[str, "Value"]:
        """A mapping with no other keys than those; `refused` says what to do instead of a key."""
        found, known = self.pairs(), tuple(known)
        for key, value in found.items():
            if key in (refused or {}):
                value.fault(f"is not supported; {(refused or {})[key]}")
            elif key not in known:
                value.fault(f"is not a known key; remove it, or write one of {', '.join(known)}")
        return {key: value for key, value in found.items() if key in known}

    def child(self, key: str) -> "Value":
        """What stands under a key of a mapping; where the key is missing, the mapping's place under its name."""
        pairs = self.node.value if isinstance(self.node, yaml.MappingNode) else ()
        found = next(((name, node) for name, node in pairs if name.value == key), (self.node, self.node))
        line = self.line if found[0] is self.node else found[0].start_mark.line + 1
        return Value(found[1], f"{self.key}.{key}".lstrip("."), self.faults, line)

    def needs(self, found: Mapping[str, "Value"], *keys: str) -> bool:
        """Whether a mapping has keys that it must have."""
        if not self.is_null and not isinstance(self.node, yaml.MappingNode):
            return False  # which is a fault already
        missing = [key for key in keys if key not in found or found[key].is_null]
        for key in missing:
            self.child(key).fault("is missing; add it")
        return not missing


def read_file(data: bytes, name: str, reader: Callable[[Value], T]) -> T:
    """What `reader` makes of the file. Raises FileError with all faults."""
    faults: list[Fault] = []
    try:
        root = _root(data)
        made = reader(Value(root, "", faults)) if root is not None else None
    except BadYaml as error:
        raise FileError(name, [Fault(error.line, "", str(error))]) from None
    if made is None:
        raise FileError(name, [Fault(0, "", "It is empty; remove the file, or write what belongs into it.")])
    if faults:
        raise FileError(name, faults)
    return made


def _root(data: bytes) -> yaml.Node | None:
    if len(data) > MOST_BYTES:
        raise BadYaml(f"It has more than {MOST_BYTES // 1024} KiB, which is more than is read; make it smaller.")
    try:
        return checked_nodes(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        bad = BadYaml("It is not UTF-8 text here; save it as UTF-8.")
        bad.line = data.count(b"\n", 0, error.start) + 1
        raise bad from None


def bytes_of(path: Path, name: str) -> bytes:
    """The content, one byte more than is read at most; `name` begins the sentence. Raises SettingsError."""
    try:
        with path.open("rb") as file:
            return file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise SettingsError(f"{name} cannot be read: {why}; correct its path or rights.") from None


def many(values: Iterable[Value], reader: Callable[[Value], Any]) -> tuple[Any, ...]:
    """Each value read."""
    return tuple(reader(value) for value in values)
