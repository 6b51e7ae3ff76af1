"""The plan of one round of faults, and the settings that its workers get."""

import msgspec

from agents.kafka.topics import TopicNames
from faults.dispatch_plan import Dispatch, dispatch_settings
from faults.feed import PROJECTS
from faults.sending import Style


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """One round. `seconds`: how long its records flow. `styles`: one for each producer. `keeps_places`: a key keeps
    its partition when partitions are added. `is_skewed`: the clocks of the events' producers are wrong. `has_versions`:
    workers of an older version take part, which may decide otherwise whom to notify."""

    bootstrap_servers: str
    prefix: str
    seed: int
    records: int = 1_200
    projects: int = PROJECTS
    calm: bool = False
    ahead_ms: int = 0  # how far the clocks of some producers are ahead
    seconds: float = 3.0
    partitions: int = 4
    session_timeout_seconds: int = 3
    styles: tuple[Style, ...] = (Style(),)
    keeps_places: bool = False
    is_skewed: bool = False
    dispatch: Dispatch = Dispatch()
    has_people: bool = True  # who act on alerts
    has_versions: bool = False


def worker_settings(plan: Plan, topics: TopicNames, receiver_url: str) -> dict[str, str]:
    """The environment variables of a worker, without its port and its folder."""
    return {
        "KAFKA_BOOTSTRAP_SERVERS": plan.bootstrap_servers,
        "MONITOR_ID": plan.prefix,
        "EVENTS_TOPIC": topics.events,
        "ALERTS_TOPIC": topics.alerts,
        "DEAD_LETTERS_TOPIC": topics.dead_letters,
        "ALERT_DEAD_LETTERS_TOPIC": topics.alert_dead_letters,
        "AUDIT_TOPIC": topics.audit,
        "AUDIT_CHECKPOINT_SECONDS": "1",
        "EVENTS_PARTITIONS": str(plan.partitions),
        "TOPIC_REPLICATION_FACTOR": "1",
        "KAFKA_SESSION_TIMEOUT_SECONDS": str(plan.session_timeout_seconds),
        "KAFKA_REBALANCE_TIMEOUT_SECONDS": str(plan.session_timeout_seconds + 2),
        "FLUSH_INTERVAL_MS": "100",
        "STALLED_SECONDS": "5",
        "MONITORING_WEBHOOK_URL": f"{receiver_url}/webhook",
        "DASHBOARD_URL": "http://127.0.0.1:8002",  # the same for all workers, or their alerts would differ
        **dispatch_settings(plan.dispatch, receiver_url),
        # By event time, alerts from clocks that are behind would escalate at once; by wall clock people have their
        # time, which no round waits for.
        **({"ESCALATE_AFTER_MINUTES": "60"} if plan.is_skewed else {}),
    }
