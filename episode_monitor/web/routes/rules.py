"""The rules in force."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from episode_monitor.fleet.questions.rules import RulesQuestion
from episode_monitor.web.answers import read
from episode_monitor.web.schemas import returns
from models.rule_views import RulesInForce

router = APIRouter(prefix="/monitoring/episodes/rules", tags=["rules"])


@router.get("", responses=returns(RulesInForce))
async def rules(request: Request) -> Response:
    """The rules in force: version, thresholds, the file they came from, and how many projects have an alert of each.

    Where workers have different rules, `disagreements` says which ones and where.
    """
    return await read(request, RulesQuestion())
