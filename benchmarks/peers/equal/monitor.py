"""This project's worker in the table of equal work."""

import json
import time
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import quote

from benchmarks.peers.contender import Expected, Job
from benchmarks.peers.equal.contender import PRECISIONS, EqualContender, plural
from benchmarks.peers.equal.reference import Project
from benchmarks.peers.monitor import SETTLE_SECONDS, Monitor, get, sums_of

STATS_CHECKED = 100  # projects


class EqualMonitor(Monitor, EqualContender):
    """Its whole work. Gaps count at once, as they do for the others, and not only after a minute."""

    name, title, precision, guarantee = "monitor", "this monitor (whole work)", "seconds", "exactly-once"
    settings: Mapping[str, str] = {"MAX_EPISODES": "10000000", "GAP_SETTLE_SECONDS": "0"}

    def note(self, workers: int) -> str:
        """As the others', but that its guarantees have a name for each part."""
        return f"{PRECISIONS[self.precision]}; state exactly-once, alerts at-least-once; {self.share_out(workers)}"

    def share_out(self, workers: int) -> str:
        """Processes."""
        return plural(workers, "process")

    def check(self, job: Job, expected: Expected) -> str:
        """By its views and metrics: numbers of every project, sums of the fleet, and the windows of some projects."""
        deadline = time.monotonic() + SETTLE_SECONDS
        while words := self._wrong_sums(expected.projects):  # an owner's sums reach the others a moment later
            if time.monotonic() > deadline:
                return words
            time.sleep(0.2)
        return self._wrong_projects(expected.projects) or self._wrong_windows(expected.projects)

    def _wrong_sums(self, projects: Mapping[str, Project]) -> str:
        sums = sums_of(self.urls[0])
        totals = [sum(column) for column in zip(*(project.totals for project in projects.values()), strict=True)]
        due = {
            "episode_monitor_projects": float(len(projects)),
            "episode_operations_total:true": float(totals[0] - totals[1]),
            "episode_operations_total:false": float(totals[1]),
        }
        wrong = {name: sums.get(name) for name, value in due.items() if sums.get(name) != value}
        return f"its metrics say {wrong} and should say {due}" if wrong else ""

    def _wrong_projects(self, projects: Mapping[str, Project]) -> str:
        left, cursor = set(projects), ""
        while True:
            page = json.loads(get(f"{self.urls[0]}/monitoring/episodes/integrity/projects?limit=200{cursor}"))
            for row in page["projects"]:
                project = projects[row["project_id"]]
                got = row["max_number"], row["gaps_total"], row["duplicates_total"]
                if got != (due := (project.highest, project.gaps, project.duplicates)):
                    return f"{row['project_id']} has highest number, gaps and duplicates {got} and should have {due}"
                left.discard(row["project_id"])
            if page["next_cursor"] is None:
                return f"{len(left)} projects are not listed" if left else ""
            cursor = f"&cursor={quote(page['next_cursor'])}"

    def _wrong_windows(self, projects: Mapping[str, Project]) -> str:
        for name in sorted(projects)[:STATS_CHECKED]:
            path = f"/monitoring/episodes/performance/stats?project_id={quote(name)}&window_minutes=15"
            stats = json.loads(get(self.urls[0] + path))
            at_ms = round(datetime.fromisoformat(stats["as_of"]).timestamp() * 1000)
            ended, failed, conflicted, _, retried = projects[name].by_second.panes.sums_at(at_ms)
            fields = ("ended_operations", "failed_operations", "conflicted_operations", "retried_operations")
            got, due = tuple(stats[field] for field in fields), (ended, failed, conflicted, retried)
            if got != due:
                return f"the window of {name} at {stats['as_of']} counts {got} and should count {due}"
        return ""
