"""One project, number by number: the stream beside the project service's table, at the moment of the question."""

from episode_monitor.checks.close_compare import agreed, look
from episode_monitor.checks.deep import drift_issue
from episode_monitor.checks.stream_side import StreamSide
from episode_monitor.checks.table_comparison import OpenReader
from models.check_views import ProjectDrift
from models.times import rfc3339
from streams.base.numbering_rules import NumberingRules


async def project_drift(
    open_reader: OpenReader, stream: StreamSide, rules: NumberingRules, project_id: str, now_ms: int
) -> ProjectDrift | None:
    """None for a project that neither side knows. Raises ServiceDatabaseError, CheckFailed.

    Two looks: an event that is under way at the first one has arrived at the second.
    """
    one, found = {project_id: 0}, None
    async with open_reader() as reader:
        first = await look(reader, stream, one, rules, caught_up=False)
    if first.projects:
        async with open_reader() as reader:
            second = await look(reader, stream, one, rules, caught_up=True)
        found = agreed(first, second).get(project_id)
    as_of = rfc3339(now_ms)
    if not first.projects:
        held = (await stream.holdings([project_id])).get(project_id)
        if held is None:
            return None
        if held.is_split:
            return ProjectDrift(project_id=project_id, is_equal=False, drift=None, as_of=as_of, is_split=True)
    drift = None if found is None else drift_issue(project_id, found, as_of).drift
    return ProjectDrift(project_id=project_id, is_equal=drift is None, drift=drift, as_of=as_of)
