"""Nested routes with `continue` against a plain model, which says of each node alone whether it is reached."""

import re
from collections.abc import Iterator

from hypothesis import given

from streams.routing.matcher import MatchOperator
from streams.routing.route import Node, built, reached
from testbed.properties import examples
from tests.streams.routing.trees import labels, trees


def fits(node: Node, found: dict[str, str]) -> bool:
    for each in node.matchers:
        value = found.get(each.name, "")
        if each.operator in (MatchOperator.EQUAL, MatchOperator.NOT_EQUAL):
            is_equal = value == each.value
        else:
            is_equal = re.fullmatch(each.value, value, re.DOTALL) is not None
        if is_equal == (each.operator in (MatchOperator.NOT_EQUAL, MatchOperator.NOT_REGEX)):
            return False
    return True


def ways(node: Node, above: tuple[tuple[Node, int], ...] = ()) -> Iterator[tuple[tuple[tuple[Node, int], ...], Node]]:
    """Each node of the tree in the order of the file, after its parents and its place under each of them."""
    yield above, node
    for place, child in enumerate(node.routes):
        yield from ways(child, (*above, (node, place)))


def is_reached(above: tuple[tuple[Node, int], ...], node: Node, found: dict[str, str]) -> bool:
    """All nodes on the way fit, no child does, and no earlier sibling of one on the way has stopped the search."""
    on_the_way = [*(parent for parent, _ in above), node]
    stopped = any(
        fits(sibling, found) and not sibling.continues for parent, place in above for sibling in parent.routes[:place]
    )
    return (
        all(fits(each, found) for each in on_the_way) and not any(fits(c, found) for c in node.routes) and not stopped
    )


def receiver(above: tuple[tuple[Node, int], ...], node: Node) -> str:
    own = [each.receiver for each in (*(parent for parent, _ in above), node) if each.receiver]
    return own[-1]


@examples(600)
@given(trees(), labels())
def test_an_alert_reaches_the_nodes_that_the_model_says_in_the_order_of_the_file(
    root: Node, found: dict[str, str]
) -> None:
    expected = [receiver(above, node) for above, node in ways(root) if is_reached(above, node, found)]
    assert [route.receiver for route in reached(built(root), found)] == expected
    assert expected
