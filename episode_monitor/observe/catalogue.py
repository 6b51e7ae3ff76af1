"""All metrics of the monitor: name, type, unit, labels with bounds, and one sentence. Nothing else may be exported.

Registration, `docs/metrics.md`, the Grafana dashboards and the alert rules for Prometheus are tested against it.
"""

from collections.abc import Iterable
from typing import Final

from agents.dispatch.dispatch_counts import RECEIVERS_MAX
from agents.engine.record_counts import RecordCounts
from agents.engine.waits import WaitsFor
from alert_sinks.endings import OUTCOMES
from episode_monitor.observe.described import Described, Kind, Label, Of, Together
from models.alert import Severity
from models.dead_letter import DeadLetterReason
from models.event import RetryReason
from streams.alerting.rule_types import ALERT_TYPES
from streams.dispatch.table import NotifyReason, WhyNot
from streams.partition.summary import P95_WINDOW_MINUTES
from streams.rates.totals import DURATION_BUCKETS_SECONDS

MAX_SERIES: Final = 2_000  # of one worker with METRICS_MAX_PROJECTS as it is by default, with any number of projects
PROJECTS: Final = 100  # the default of METRICS_MAX_PROJECTS

PROJECT = Label(
    name="project_id", about="The project; _other is the sum of all projects without a label of their own",
    at_most=PROJECTS + 1, setting="METRICS_MAX_PROJECTS",
)  # fmt: skip
SUCCESS = Label(name="success", about="Whether the creation succeeded (true, false)", values=("false", "true"))
RETRY_REASON = Label(
    name="retry_reason", about="Why a creation was retried (conflict, timeout, error)",
    values=(RetryReason.CONFLICT.value, RetryReason.TIMEOUT.value, RetryReason.ERROR.value),
)  # fmt: skip
SEVERITY = Label(
    name="severity", about="How severe the alert is (info, warning, critical)",
    values=tuple(each.value for each in Severity),
)  # fmt: skip
ALERT_TYPE = Label(name="alert_type", about="The kind of alert", at_most=len(ALERT_TYPES) + 4)
EPISODE_LABELS = (PROJECT, SUCCESS, RETRY_REASON, SEVERITY, ALERT_TYPE)

OUTCOME = Label(name="outcome", about="What became of the record", values=tuple(RecordCounts().outcomes))
REASON = Label(name="reason", about="Why the record was refused", values=tuple(each.value for each in DeadLetterReason))
PARTITION = Label(name="partition", about="The partition of the events topic", at_most=33)
WAITS_FOR = Label(name="waits_for", about="What the partition waits for", values=tuple(each.value for each in WaitsFor))
SINK = Label(name="sink", about="Receiver and kind of sink", at_most=25)
ENDING = Label(name="outcome", about="What became of the alert at the sink", values=OUTCOMES)
RECEIVER = Label(name="receiver", about="The receiver of the alerting file", at_most=RECEIVERS_MAX + 1)
NOTIFIED = Label(
    name="reason", about="Why the receiver was notified", values=tuple(each.value for each in NotifyReason)
)
WHY_NOT = Label(name="reason", about="Why the receiver was not notified", values=tuple(each.value for each in WhyNot))
TABLE = Label(name="table", about="The table in PostgreSQL", at_most=10)
TOPIC = Label(name="topic", about="Which topic of the monitor", values=("alerts", "notifications"))
VERSION = Label(name="version", about="The version of the monitor", at_most=1)
METHOD = Label(name="method", about="The HTTP method; OTHER is any that HTTP does not define", at_most=8)
ROUTE = Label(name="route", about="The route's template, never the path; _unmatched is no route", at_most=100)
STATUS = Label(name="status", about="The HTTP status; 499: the caller left; none: no answer began", at_most=30)
REQUEST = Label(
    name="kind", about="What was asked: a view, a change, another worker's question, the process, the page",
    values=("read", "change", "peer", "process", "page"),
)  # fmt: skip


def _counter(name: str, of: Of, unit: str, about: str, *labels: Label, sets_at_most: int = 0) -> Described:
    return Described(
        name=name, kind=Kind.COUNTER, of=of, unit=unit, about=about, labels=labels, sets_at_most=sets_at_most
    )


def _gauge(
    name: str, of: Of, unit: str, about: str, *labels: Label, sets_at_most: int = 0, together: Together | None = None
) -> Described:
    return Described(
        name=name, kind=Kind.GAUGE, of=of, unit=unit, about=about, labels=labels, sets_at_most=sets_at_most,
        together_as=together, rest=max if unit == "seconds" else float.__add__,
    )  # fmt: skip


def _histogram(name: str, of: Of, unit: str, about: str, *labels: Label, buckets: Iterable[float]) -> Described:
    kind = Kind.HISTOGRAM
    return Described(name=name, kind=kind, of=of, unit=unit, about=about, labels=labels, buckets=tuple(buckets))


# --- episodes, of the whole fleet

GAPS = _gauge("episode_number_gaps_detected", Of.FLEET, "numbers", "Open gaps: numbers missing", PROJECT)
DUPLICATES = _gauge(
    "episode_number_duplicates_detected", Of.FLEET, "numbers", "Numbers that two or more episodes hold", PROJECT
)
CONFLICTS_BY_PROJECT = _counter(
    "episode_creation_conflicts_total", Of.FLEET, "conflicts",
    "Conflicts while creating episodes; the labels and _other add up to episode_conflicts_total", PROJECT,
)  # fmt: skip
RETRIES_BY_PROJECT = _counter(
    "episode_creation_retry_count_total", Of.FLEET, "retries",
    "Retries while creating episodes; the labels and _other add up to episode_retries_total", PROJECT, RETRY_REASON,
)  # fmt: skip
DURATIONS = _histogram(
    "episode_creation_duration_seconds", Of.FLEET, "seconds", "How long creations took", SUCCESS,
    buckets=DURATION_BUCKETS_SECONDS,
)  # fmt: skip
OPERATIONS = _counter("episode_operations_total", Of.FLEET, "operations", "Creations that ended", SUCCESS)
RETRIES = _counter("episode_retries_total", Of.FLEET, "retries", "Retries of all projects", RETRY_REASON)
CONFLICTS = _counter("episode_conflicts_total", Of.FLEET, "conflicts", "Conflicts of all projects")
P95 = _gauge(
    "episode_creation_duration_p95", Of.FLEET, "seconds",
    f"95th percentile of creation seconds over {P95_WINDOW_MINUTES} minutes, within 1 %; absent without creations",
)  # fmt: skip
P95_BY_PROJECT = _gauge(
    "episode_creation_duration_p95_by_project", Of.FLEET, "seconds",
    "The same of each project that has a label and creations in these minutes", PROJECT,
)  # fmt: skip
ALERTS = _gauge("episode_alerts_active", Of.FLEET, "alerts", "Alerts pending or firing", SEVERITY, ALERT_TYPE)
HEALTH = _gauge("episode_integrity_health_percentage", Of.FLEET, "percent", "Share of projects without findings")
PROJECTS_KNOWN = _gauge("episode_monitor_projects", Of.FLEET, "projects", "Projects known")
UNHEALTHY = _gauge("episode_monitor_unhealthy_projects", Of.FLEET, "projects", "Projects with findings")
SPLIT = _gauge("episode_monitor_split_projects", Of.FLEET, "projects", "Projects in several partitions")
EPISODES = _gauge("episode_monitor_episodes", Of.FLEET, "episodes", "Live episodes")
LATE = _counter("episode_monitor_late_events_total", Of.FLEET, "events", "Events later than the grace period")
RESENDS = _counter("episode_monitor_resends_total", Of.FLEET, "events", "Events recognised as re-sent")

# --- events, of one worker

EVENTS = _counter(
    "episode_monitor_events_total", Of.WORKER, "records", "Records read by this worker, by outcome", OUTCOME
)
DEAD_LETTERS = _counter(
    "episode_monitor_dead_letters_total", Of.WORKER, "records",
    "Records this worker sent to the dead-letter topic, by reason", REASON,
)  # fmt: skip
LAG = _gauge(
    "episode_monitor_lag_events", Of.WORKER, "events", "Events of this worker's partitions not yet applied", PARTITION
)
WAITING = _gauge(
    "episode_monitor_waiting_seconds", Of.WORKER, "seconds",
    "Seconds that the next event of a partition of this worker has waited, by the cause", PARTITION, WAITS_FOR,
    sets_at_most=PARTITION.most,
)  # fmt: skip
CLOCK_AGE = _gauge(
    "episode_monitor_clock_age_seconds", Of.WORKER, "seconds",
    "Age of what a live partition of this worker knows: how far its event time is behind, about 0 while it is idle",
    PARTITION,
)  # fmt: skip
RECOVERING = _gauge(
    "episode_monitor_recovering_partitions", Of.WORKER, "partitions", "Partitions of this worker that are recovering"
)
RECOVERY_SECONDS = _gauge(
    "episode_monitor_recovery_seconds", Of.WORKER, "seconds",
    "Seconds of the longest recovery among the partitions owned now",
)  # fmt: skip
RECOVERED = _gauge(
    "episode_monitor_recovered_records", Of.WORKER, "records", "Changelog records read for the partitions owned now"
)
STALE = _gauge(
    "episode_monitor_stale_partitions", Of.WORKER, "partitions",
    "Partitions without a summary from their owner for 10 s", together=Together.MAX,
)  # fmt: skip
FLUSHES = _counter("episode_monitor_flushes_total", Of.WORKER, "flushes", "How often state was stored")
FLUSH_SECONDS = _counter("episode_monitor_flush_seconds_total", Of.WORKER, "seconds", "Seconds spent storing state")
CHANGELOG_BYTES = _counter("episode_monitor_changelog_bytes_total", Of.WORKER, "bytes", "Bytes of state written")
AUDIT_CHECKPOINTS = _counter(
    "episode_monitor_audit_checkpoints_total", Of.WORKER, "checkpoints",
    "Audit checkpoints that this worker wrote to the audit's topic",
)  # fmt: skip
AUDIT_LAG = _gauge(
    "episode_monitor_audit_lag_records", Of.WORKER, "records",
    "Records of this worker's partitions that are applied and that no audit checkpoint in the topic covers yet",
    PARTITION,
)  # fmt: skip
AUDIT_GIVEN_UP = _counter(
    "episode_monitor_audit_uncovered_records_total", Of.WORKER, "records",
    "Records that no audit checkpoint will cover, because the audit's topic took none for too long",
)  # fmt: skip

# --- alerts on their way, of one worker

DELIVERIES = _counter(
    "episode_monitor_deliveries_total", Of.WORKER, "alerts", "Alert transitions by sink and outcome", SINK, ENDING
)
DELIVERY_SECONDS = _histogram(
    "episode_monitor_delivery_seconds", Of.WORKER, "seconds",
    "Time from a notification's arrival at this worker to the end of its delivery, retries included",
    buckets=(0.1, 0.5, 1.0, 5.0, 30.0, 60.0, 300.0, 1800.0, 3600.0),
)  # fmt: skip
DELIVERIES_WAITING = _gauge(
    "episode_monitor_deliveries_waiting", Of.WORKER, "alerts",
    "Alert transitions that wait for a sink or are being sent to it", SINK,
)  # fmt: skip
OLDEST = _gauge(
    "episode_monitor_deliveries_oldest_seconds", Of.WORKER, "seconds",
    "Seconds that the oldest undelivered transition of a sink has waited; 0: none waits", SINK,
)  # fmt: skip
ROWS_WAITING = _gauge(
    "episode_monitor_database_rows_waiting", Of.WORKER, "rows",
    "Rows in memory that wait to be written to PostgreSQL, by table", TABLE,
)  # fmt: skip
ROWS_LOST = _counter(
    "episode_monitor_database_rows_lost_total", Of.WORKER, "rows",
    "Rows that could not be written to PostgreSQL and were dropped, by table", TABLE,
)  # fmt: skip
UNDECODABLE = _counter(
    "episode_monitor_undecodable_records_total", Of.WORKER, "records",
    "Records of the monitor's own topics that could not be read and were passed over, by topic", TOPIC,
)  # fmt: skip
FOREIGN = _counter(
    "episode_monitor_foreign_alerts_total", Of.WORKER, "records",
    "Records of the alerts topic that another monitor wrote and that are not delivered by this one",
)  # fmt: skip

# --- the dispatcher

DISPATCHER_LIVE = _gauge(
    "episode_monitor_dispatcher_live", Of.WORKER, "boolean",
    "1 where this worker is the owner of the dispatcher and decides, else 0",
)  # fmt: skip
DECISIONS = _counter(
    "episode_monitor_dispatcher_decisions_total", Of.WORKER, "decisions",
    "Transitions, acts and ticks that this worker's dispatcher decided on",
)  # fmt: skip
NOTIFICATIONS = _counter(
    "episode_monitor_notifications_total", Of.WORKER, "notifications",
    "Notifications that this worker's dispatcher sent, by receiver and reason", RECEIVER, NOTIFIED,
)  # fmt: skip
NOT_NOTIFIED = _counter(
    "episode_monitor_not_notified_total", Of.WORKER, "decisions",
    "Decisions not to notify a receiver of an alert, by why not", WHY_NOT,
)  # fmt: skip
EMPTY_SHIFTS = _counter(
    "episode_monitor_empty_shifts_total", Of.WORKER, "pages",
    "Pages for which a layer of the on-call schedule, or all of it, had nobody",
)  # fmt: skip
REPEATED = _counter(
    "episode_monitor_notifications_repeated_total", Of.WORKER, "notifications",
    "Notifications sent again, with the same id, after a restart",
)  # fmt: skip
CHANGES_LOST = _counter(
    "episode_monitor_alert_changes_lost_total", Of.WORKER, "changes",
    "Changes of alerts that are not in the history, because it was away and too many waited",
)  # fmt: skip
HELD = _gauge(
    "episode_monitor_alerts_held", Of.WORKER, "alerts",
    "Alerts held back until the events have caught up; sent then if they are still firing", together=Together.MAX,
)  # fmt: skip
OUTBOX = _gauge(
    "episode_monitor_dispatcher_outbox", Of.WORKER, "notifications",
    "Notifications that are decided and not known to be in the topic yet", together=Together.MAX,
)  # fmt: skip
COPY_LAG = _gauge(
    "episode_monitor_dispatcher_copy_lag_records", Of.WORKER, "records",
    "Records of the dispatcher's state that this worker's copy lacks", together=Together.MAX,
)  # fmt: skip
DISPATCHER_BYTES = _gauge(
    "episode_monitor_dispatcher_state_bytes", Of.WORKER, "bytes", "Stored size of the dispatcher's state",
    together=Together.MAX,
)  # fmt: skip

# --- the process

BUILD = _gauge("episode_monitor_build_info", Of.WORKER, "info", "Always 1; the label names the version", VERSION)
OTHER_SETTINGS = _gauge(
    "episode_monitor_workers_with_other_settings", Of.WORKER, "workers",
    "Workers whose settings differ from those of this one", together=Together.MAX,
)  # fmt: skip
RELOADED = _gauge(
    "episode_monitor_config_last_reload_successful", Of.WORKER, "boolean",
    "1 where the last reload of rules, alerting and on-call file was taken over, 0 where it was refused",
    together=Together.MIN,
)  # fmt: skip
RELOADED_AT = _gauge(
    "episode_monitor_config_last_reload_success_timestamp_seconds", Of.WORKER, "seconds",
    "When rules, alerting and on-call file were loaded last", together=Together.MIN,
)  # fmt: skip
LOOP_LAG = _histogram(
    "episode_monitor_loop_lag_seconds", Of.WORKER, "seconds", "Delay of the worker's event loop",
    buckets=(0.001, 0.0025, 0.005, 0.0075, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0),
)  # fmt: skip
REQUESTS = _counter(
    "episode_monitor_http_requests_total", Of.WORKER, "requests", "HTTP requests answered, by route and status",
    METHOD, ROUTE, STATUS, sets_at_most=250,
)  # fmt: skip
REQUEST_SECONDS = _histogram(
    "episode_monitor_http_request_duration_seconds", Of.WORKER, "seconds", "Time to answer an HTTP request, by kind",
    REQUEST, buckets=(0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0),
)  # fmt: skip
PROCESS = (
    _gauge("process_virtual_memory_bytes", Of.PROCESS, "bytes", "Virtual memory size in bytes."),
    _gauge("process_resident_memory_bytes", Of.PROCESS, "bytes", "Resident memory size in bytes."),
    _gauge(
        "process_start_time_seconds", Of.PROCESS, "seconds", "Start time of the process since unix epoch in seconds."
    ),
    _counter("process_cpu_seconds_total", Of.PROCESS, "seconds", "Total user and system CPU time spent in seconds."),
    _gauge("process_open_fds", Of.PROCESS, "files", "Number of open file descriptors.", together=Together.MAX),
    _gauge("process_max_fds", Of.PROCESS, "files", "Maximum number of open file descriptors.", together=Together.MIN),
)

CATALOGUE: Final[tuple[Described, ...]] = (
    *(each for each in globals().copy().values() if isinstance(each, Described)),
    *PROCESS,
)
BY_NAME: Final = {each.name: each for each in CATALOGUE}
