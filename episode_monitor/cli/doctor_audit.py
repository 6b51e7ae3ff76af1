"""What `doctor` says of the audit: whether checkpoints can be written, and whether the keys belong together."""

from episode_monitor.access import audit_key, audit_public_key, kafka_access, topic_names
from episode_monitor.cli.diagnosis import Diagnosis, DiagnosisLevel
from episode_monitor.settings.settings import Settings


async def audit(settings: Settings) -> Diagnosis:
    """The audit's topic, the rights on it, and the keys. Kafka has answered before."""
    from aiokafka.errors import KafkaError

    from agents.kafka.refusals import why
    from agents.kafka.rights import missing_rights, needs_of_audit, sentence
    from agents.kafka.topics import describe_topics

    names, kafka = topic_names(settings), kafka_access(settings)
    if not names.audit:
        return Diagnosis("audit", DiagnosisLevel.OK, "AUDIT_CHECKPOINT_SECONDS is 0: no checkpoints are written.")
    private, public = audit_key(settings), audit_public_key(settings)
    if private is not None and public is not None and private.public_key() != public:
        return _wrong("AUDIT_PUBLIC_KEY is not the public key of AUDIT_SIGNING_KEY; set the one that belongs to it.")
    try:
        lacking = await missing_rights(kafka, needs_of_audit(names))
        counts = await describe_topics(kafka, names)
    except KafkaError as error:
        return Diagnosis("audit", DiagnosisLevel.UNREACHABLE, await why(error, kafka))
    if lacking:
        return _wrong(f"{sentence(lacking, kafka)} Until then no audit checkpoints are written.")
    if not counts[names.audit]:
        return _wrong(f"Topic {names.audit} is missing, so no checkpoints are written; `topics ensure` creates it.")
    how = "not signed: AUDIT_SIGNING_KEY is not set" if private is None else "signed"
    every = settings.audit_checkpoint_seconds
    return Diagnosis("audit", DiagnosisLevel.OK, f"Checkpoints go to {names.audit} every {every} s, {how}.")


def _wrong(sentence: str) -> Diagnosis:
    return Diagnosis("audit", DiagnosisLevel.WRONG, sentence)
