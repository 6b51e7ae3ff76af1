"""Route trees and labels for property tests: few names and values, so that routes and labels often fit each other."""

from hypothesis import strategies as st

from streams.routing.matcher import Matcher, MatchOperator
from streams.routing.route import Node

RECEIVERS = ("team", "on-call", "numbering")
_VALUES = {
    "severity": ("critical", "warning", "info"),
    "alert_type": ("SLOW_CREATION", "INTEGRITY_VIOLATION"),
    "project_id": ("drama_1", "drama_2", "한글", 'a"b\\c'),
}
_PATTERNS = ("critical|warning", "drama_.*", "", ".+", "[^x]*_2")


def labels() -> st.SearchStrategy[dict[str, str]]:
    """Some of the labels; a missing one is missing."""
    return st.fixed_dictionaries({}, optional={name: st.sampled_from(values) for name, values in _VALUES.items()})


def matchers() -> st.SearchStrategy[Matcher]:
    exact = st.sampled_from([(name, value) for name, values in _VALUES.items() for value in (*values, "")])
    regex = st.tuples(st.sampled_from(sorted(_VALUES)), st.sampled_from(_PATTERNS))
    return st.one_of(
        st.builds(
            lambda pair, operator: Matcher(pair[0], pair[1], operator), exact, st.sampled_from(list(MatchOperator)[:2])
        ),
        st.builds(
            lambda pair, operator: Matcher(pair[0], pair[1], operator), regex, st.sampled_from(list(MatchOperator)[2:])
        ),
    )


def _node(routes: st.SearchStrategy[tuple[Node, ...]]) -> st.SearchStrategy[Node]:
    intervals = st.sampled_from([(), ("nights",), ("nights", "weekends")])
    return st.builds(
        Node,
        receiver=st.none() | st.sampled_from(RECEIVERS),
        group_by=st.sampled_from([None, ("severity",), ("project_id", "alertname"), ("...",)]),
        group_wait_ms=st.none() | st.integers(0, 10**9),
        group_interval_ms=st.none() | st.integers(1, 10**9),
        repeat_interval_ms=st.none() | st.integers(1, 10**11),
        matchers=st.lists(matchers(), max_size=2).map(tuple),
        continues=st.booleans(),
        mute_time_intervals=intervals,
        active_time_intervals=intervals,
        routes=routes,
    )


def trees() -> st.SearchStrategy[Node]:
    """A root and up to four levels below it."""
    nothing: st.SearchStrategy[tuple[Node, ...]] = st.just(())
    children = st.recursive(_node(nothing), lambda below: _node(st.lists(below, max_size=3).map(tuple)), max_leaves=8)
    return st.builds(
        Node,
        receiver=st.sampled_from(RECEIVERS),
        group_by=st.none() | st.just(("alertname",)),
        repeat_interval_ms=st.none() | st.integers(1, 10**11),
        routes=st.lists(children, max_size=4).map(tuple),
    )
