"""An alert whose labels or routes change belongs to other groups: what their receivers knew is ended where it began."""

from streams.routing.route import Node
from tests.streams.dispatch.proof_configs import CRITICAL, config, route
from tests.streams.dispatch.scripts import MINUTE_MS, Stage, normal


def test_an_alert_ends_in_the_group_where_it_fired_though_its_rule_has_another_severity_by_then() -> None:
    stage = Stage(config(route(routes=(Node(receiver="team", matchers=CRITICAL, group_wait_ms=MINUTE_MS),))))
    script = """
        0:00 p1 fires warning
        0:00 < team first_notification p1
        0:01 p1 ends critical
        0:01 < team all_alerts_resolved -p1!
        0:05 end
    """
    assert stage.play(script) == normal(script)
