"""Makes the auditor of a worker, and its topic. Tracking does not depend on either."""

from collections.abc import Callable

from agents.config import AgentsConfig, Outlets
from agents.engine.assignment import Assignment
from agents.engine.auditor import Auditor
from agents.engine.emitter import Failpoint
from agents.engine.partition_audit import AuditOptions
from agents.engine.producer import Producer
from agents.kafka.rights import MayNot, check_rights, needs_of_audit
from agents.kafka.topics import TopicMismatch, ensure_audit_topic


def auditor_of(
    config: AgentsConfig, outlets: Outlets, producer: Producer, now_ms: Callable[[], int], failpoint: Failpoint
) -> Callable[[Assignment], Auditor | None]:
    """What makes the auditor of the partitions assigned; None: no audit checkpoints."""

    def make(assignment: Assignment) -> Auditor | None:
        if config.audit is None:
            return None
        options = AuditOptions(
            monitor_id=config.monitor_id, topic=config.topics.audit, every_seconds=config.audit.every_seconds,
            software=config.audit.software, now_ms=now_ms, sign=config.audit.sign, on_sent=outlets.audit,
        )  # fmt: skip
        return Auditor(options, producer, assignment, failpoint)

    return make


async def prepare_audit(auditor: Auditor, config: AgentsConfig, partitions: int) -> None:
    """Create the audit's topic, with as many partitions as the events have, or turn the audit off with the reason.

    Raises KafkaError, OSError where Kafka does not answer.
    """
    needs = needs_of_audit(config.topics)
    try:
        await check_rights(config.kafka, needs)
        made = await ensure_audit_topic(config.kafka, config.topics, partitions, config.topic_replication_factor)
        await check_rights(config.kafka, needs)  # of what was just made, too
    except (MayNot, TopicMismatch) as error:
        auditor.turn_off(str(error))
    else:
        auditor.partitions = made[config.topics.audit]
