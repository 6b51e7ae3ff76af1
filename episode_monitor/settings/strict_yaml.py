"""YAML as files of ours are written in it: what YAML 1.1 would guess is an error, and every key has its line."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import yaml


class _Loader(yaml.SafeLoader):
    """As YAML 1.2 reads a file: a key that stands twice is an error, and `1:30` and `010` are no numbers."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Raises ConstructorError, which knows the line."""
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    problem=f"`{key.value}` appears twice in one mapping", problem_mark=key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


MOST_NODES = 100_000  # values in a file, those of aliases counted at each place
_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in _NUMBERS]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _tag, _pattern in zip(_NUMBERS, (r"[-+]?(?:0|[1-9][0-9]*)$", r"[-+]?(?:0|[1-9][0-9]*)\.[0-9]+$"), strict=True):
    _Loader.add_implicit_resolver(_tag, re.compile(_pattern), list("-+0123456789"))


class BadYaml(ValueError):
    """A text that is no YAML, has a key twice, or is too large; `line` counts from 1, 0 where it is not known."""

    def __init__(self, sentence: str, mark: yaml.Mark | None = None) -> None:
        super().__init__(sentence)
        self.line = mark.line + 1 if mark else 0


def load_yaml(text: str) -> Any:
    """As YAML 1.2 reads it. Raises BadYaml."""
    with _reading(text) as loader:
        node = _composed(loader)
        return None if node is None else loader.construct_document(node)


def checked_nodes(text: str) -> yaml.Node | None:
    """The text with the lines of its parts, for those who read values from them. Raises BadYaml.

    Aliases are written out: a node may stand at several places, none inside itself. Keys that stand twice are there.
    """
    with _reading(text) as loader:
        return _composed(loader)


@contextmanager
def _reading(text: str) -> Iterator[_Loader]:
    """Every failure inside is a BadYaml."""
    try:
        loader = _Loader(text)  # refuses control characters at once
        try:
            yield loader
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        raise _bad(error) from None
    except RecursionError:
        raise BadYaml("It is nested too deeply; make it flatter.") from None


def _composed(loader: _Loader) -> yaml.Node | None:
    node = loader.get_single_node()
    if node is not None and _size(node, {}) > MOST_NODES:
        raise BadYaml(f"It has more than {MOST_NODES} values, or an alias that contains itself; make it smaller.")
    return node


def _bad(error: yaml.YAMLError) -> BadYaml:
    problem = f": {error.problem}" if isinstance(error, yaml.constructor.ConstructorError) else ""
    if isinstance(error, yaml.reader.ReaderError):
        problem = f": it contains the character U+{error.character:04X}, which YAML does not allow"
    return BadYaml(f"It is not valid YAML{problem}; correct it there.", getattr(error, "problem_mark", None))


def _size(node: yaml.Node, known: dict[int, int]) -> int:
    """How many values a node has once its aliases are written out."""
    if id(node) not in known:
        known[id(node)] = MOST_NODES + 1  # as long as it is not known: an alias that contains itself
        inside = [each for pair in node.value for each in pair] if isinstance(node, yaml.MappingNode) else node.value
        parts = inside if isinstance(node, yaml.CollectionNode) else ()
        known[id(node)] = 1 + sum(_size(each, known) for each in parts)
    return known[id(node)]


def line_of_key(node: yaml.Node | None, key: str) -> int:
    """The line of a key in a mapping; of the mapping where it has none."""
    if node is None:
        return 0
    for name, _ in node.value if isinstance(node, yaml.MappingNode) else ():
        if name.value == key:
            return int(name.start_mark.line) + 1
    return int(node.start_mark.line) + 1


def value_of(node: yaml.Node | None, key: str) -> yaml.Node | None:
    """What a mapping has under a key."""
    pairs = node.value if isinstance(node, yaml.MappingNode) else ()
    return next((value for name, value in pairs if name.value == key), None)
