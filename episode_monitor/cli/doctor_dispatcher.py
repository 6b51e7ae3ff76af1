"""What `doctor` says of the dispatcher: its topics, and which worker decides."""

import time

from episode_monitor.access import kafka_access, topic_names
from episode_monitor.cli.diagnosis import Diagnosis, DiagnosisLevel
from episode_monitor.settings.settings import Settings

_PART = "dispatcher"


async def dispatcher(settings: Settings) -> Diagnosis:
    """That nobody decides now is no fault here: `doctor` is also called before workers are started."""
    from aiokafka.errors import KafkaError

    from agents.dispatch.last_owner import last_owner
    from agents.dispatch.status import SILENT_SECONDS
    from agents.kafka.refusals import why

    kafka, names = kafka_access(settings), topic_names(settings)
    try:
        found = await last_owner(kafka, names.dispatch)
    except KafkaError as error:
        return Diagnosis(_PART, DiagnosisLevel.UNREACHABLE, await why(error, kafka))
    where = f"Decisions go to {names.dispatch}, acts to {names.acts}, notifications to {names.notifications}"
    if found is None:
        return Diagnosis(_PART, DiagnosisLevel.OK, f"{where}. No worker decides yet.")
    silent_seconds = max(0.0, time.time() - found.at_ms / 1000)
    if silent_seconds > SILENT_SECONDS:
        last = f"No worker decides now: {found.worker} was the last, {silent_seconds:.0f} s ago."
        return Diagnosis(_PART, DiagnosisLevel.OK, f"{where}. {last}")
    return Diagnosis(_PART, DiagnosisLevel.OK, f"{where}. {found.worker} decides.")
