"""The alerts that are pending or firing."""

from episode_monitor.fleet.local_state import LocalState, lists_of, parts_of_fleet
from episode_monitor.fleet.question import Question
from models.alert import Alert
from streams.partition.summary import most_severe_first


class ActiveAlertsQuestion(Question[list[Alert], list[Alert]], frozen=True, kw_only=True):
    """The most severe first; at most 500 of each partition, and one of each key: until the parts of a project in
    several partitions are known of, each has its alert."""

    async def answer(self, here: LocalState) -> list[Alert]:
        found: list[Alert] = []
        for part in parts_of_fleet(here.view):
            found.extend((await lists_of(part, 0)).alerts)
        by_key: dict[str, Alert] = {}
        for alert in most_severe_first(found):
            by_key.setdefault(alert.alert_key, alert)
        return list(by_key.values())
