"""The tree is walked as Alertmanager walks it, and a node has from its parent what it does not set."""

from streams.routing.alerting import default_alerting, default_on_call
from streams.routing.chain import Notify, Wait, chain_for
from streams.routing.matcher import Matcher
from streams.routing.matcher_parsing import parse_matchers
from streams.routing.route import Node, built, every, paths, reached


def node(matchers: str = "", *routes: Node, receiver: str | None = None, continues: bool = False) -> Node:
    return Node(receiver=receiver, matchers=parse_matchers(matchers), continues=continues, routes=routes)


TREE = built(
    node(
        "",
        node('severity="critical"', receiver="pager", continues=True),
        node(
            'project_id=~"drama.*"',
            node('alert_type="SLOW_CREATION"', receiver="speed"),
            node('alert_type="INTEGRITY_VIOLATION"', continues=True),
            node('severity="critical"', receiver="drama-critical"),
            receiver="drama",
        ),
        node('project_id=~"drama.*"', receiver="never"),
        receiver="team",
    )
)


def receivers(**labels: str) -> list[str]:
    return [route.receiver for route in reached(TREE, labels)]


def test_the_root_takes_what_no_other_route_takes() -> None:
    assert receivers(project_id="news", severity="warning") == ["team"]


def test_a_route_that_continues_lets_its_siblings_match_as_well() -> None:
    assert receivers(project_id="news", severity="critical") == ["pager"]
    assert receivers(project_id="drama_1", severity="critical") == ["pager", "drama-critical"]


def test_a_child_continues_among_its_siblings_and_inherits_its_receiver() -> None:
    labels = {"project_id": "drama_1", "severity": "critical", "alert_type": "INTEGRITY_VIOLATION"}
    assert receivers(**labels) == ["pager", "drama", "drama-critical"]


def test_a_route_whose_children_do_not_match_takes_the_alert_itself() -> None:
    assert receivers(project_id="drama_1", severity="info") == ["drama"]


def test_the_path_names_every_node_from_the_root() -> None:
    (path,) = paths(TREE, {"project_id": "drama_1", "alert_type": "SLOW_CREATION"})
    assert [route.key for route in path] == [
        "{}",
        '{}/{project_id=~"drama.*"}',
        '{}/{project_id=~"drama.*"}/{alert_type="SLOW_CREATION"}',
    ]


def test_keys_are_unique_where_siblings_have_the_same_matchers() -> None:
    keys = [route.key for route in every(TREE)]
    assert len(keys) == len(set(keys)) == 7
    assert '{}/{project_id=~"drama.*"}#2' in keys


def test_times_and_groups_are_inherited_and_time_intervals_are_not() -> None:
    root = built(
        Node(
            receiver="team", group_by=("alertname",), group_wait_ms=1000, repeat_interval_ms=60_000,
            routes=(
                Node(
                    group_interval_ms=5000, mute_time_intervals=("night",), active_time_intervals=("day",),
                    routes=(Node(group_by=()),),
                ),
                Node(group_by=("...",), routes=(Node(), Node(group_by=("project_id",)))),
            ),
        )
    )  # fmt: skip
    _, timed, below, all_labels, inherits_all, own = every(root)
    assert (timed.group_wait_ms, timed.group_interval_ms, timed.repeat_interval_ms) == (1000, 5000, 60_000)
    assert (below.group_by, below.group_interval_ms) == (("alertname",), 5000)
    assert (timed.mute_time_intervals, below.mute_time_intervals) == (("night",), ())
    assert (timed.active_time_intervals, below.active_time_intervals) == (("day",), ())
    assert all_labels.group_by_all
    assert inherits_all.group_by_all
    assert (own.group_by_all, own.group_by) == (False, ("project_id",))


def test_a_group_is_named_by_its_route_and_the_labels_it_groups_by() -> None:
    root = built(Node(receiver="team", group_by=("severity", "alertname", "region")))
    labels = {"alertname": "slow", "severity": "warning", "project_id": "a"}
    assert root.group_labels(labels) == {"alertname": "slow", "severity": "warning"}
    assert root.group_key(labels) == '{}:{alertname="slow",severity="warning"}'
    alone = built(Node(receiver="team", group_by=("...",)))
    assert alone.group_labels(labels) == labels


def test_without_files_every_alert_goes_to_the_team_at_once_and_critical_ones_to_on_call_after_a_while() -> None:
    alerting, on_call = default_alerting(), default_on_call(300_000)
    (route,) = reached(alerting.root, {"severity": "warning"})
    assert (route.receiver, route.group_wait_ms, route.group_by_all, route.repeat_interval_ms) == ("team", 0, True, 0)
    assert chain_for(on_call.chains, {"severity": "warning"}) is None
    chain = chain_for(on_call.chains, {"severity": "critical"})
    assert chain is not None
    assert chain.matchers == (Matcher("severity", "critical"),)
    assert chain.steps == (Wait(300_000), Notify("on-call"))
    assert chain.due() == ((300_000, Notify("on-call")),)
