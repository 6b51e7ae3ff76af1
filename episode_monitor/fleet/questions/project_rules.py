"""Where each rule of one project stands."""

from episode_monitor.fleet.local_state import LocalPart
from episode_monitor.fleet.question import OfProject
from models.rule_views import ProjectRules
from streams.views.project_rules import project_rules


class ProjectRulesQuestion(OfProject[ProjectRules], frozen=True, kw_only=True):
    """None if no event ever named the project."""

    found = ProjectRules

    def of(self, part: LocalPart) -> ProjectRules:
        return project_rules(part.owned.partition.core, part.state, part.owned.number, part.at_ms)
