"""The labels of an alert: what matchers, routes, groups and inhibit rules see of it. A missing label is empty."""

from collections.abc import Mapping

from models.alert import Alert

Labels = Mapping[str, str]
SERVICE, COMPONENT = "service", "component"
FIXED = {SERVICE: "project-service", COMPONENT: "episode-numbering"}
NAMES_OF_ALERT = ("alertname", "alert_type", "severity", "project_id", *FIXED)


def labels_of(alert: Alert) -> dict[str, str]:
    """All labels, without empty ones. A rule's own label cannot replace one of `NAMES_OF_ALERT`."""
    of_alert = {
        "alertname": alert.rule_id,
        "alert_type": alert.alert_type,
        "severity": alert.severity.value,
        "project_id": alert.project_id,
    }
    return {name: value for name, value in {**alert.labels, **of_alert, **FIXED}.items() if value}
