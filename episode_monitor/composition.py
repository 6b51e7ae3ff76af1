"""Makes the parts of a worker from its settings. The one place that knows which setting goes where."""

from collections.abc import Callable
from functools import partial
from urllib.parse import urlsplit

import httpx
import structlog

from agents.alerts.history_follower import HistoryStore
from agents.config import AgentsConfig, AuditConfig, Outlets
from agents.dispatch.timed import rules_in_force
from agents.engine.producer import Producer
from agents.tracing import TracePoints
from alert_sinks.address_guard import AddressGuard
from alert_sinks.destinations import build_destinations
from alert_sinks.limits import Limits
from alert_sinks.posting import SinkClient, new_client
from alert_sinks.sink import Destinations
from alert_sinks.texts.languages import texts_of
from episode_monitor import __version__
from episode_monitor.access import audit_key, episodes_table, kafka_access, secret, topic_names
from episode_monitor.checks.service import ChecksConfig
from episode_monitor.fleet.ask import Fleet
from episode_monitor.fleet.questions.project import ProjectQuestion
from episode_monitor.repair.announcer import KafkaAnnouncer
from episode_monitor.repair.audit import note_step
from episode_monitor.repair.automatic import AutomaticRepairs, AutomaticSettings
from episode_monitor.repair.parts import Parts, RepairSettings
from episode_monitor.repair.repairs import Repairs
from episode_monitor.repair.store import MemoryPlans, PostgresPlans
from episode_monitor.settings.api_tokens import ApiToken, Role, parse_api_tokens, read_token_file
from episode_monitor.settings.settings import Settings, SettingsError
from episode_monitor.storage.address import Address, BadDatabaseUrl
from episode_monitor.storage.database import Database
from episode_monitor.storage.database_service import Stored
from episode_monitor.storage.retention import Retention
from episode_monitor.storage.storage import Storage, open_storage
from episode_monitor.web.local_changes import demands_token, token_of_start
from episode_monitor.web.settings import WebSettings
from models.alert import Alert
from models.audit_signature import signed
from streams.alerting.rules import RuleSet
from streams.dispatch.config import DispatchConfig
from streams.dispatch.outputs import Change

log = structlog.get_logger(__name__)


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def audit_config(settings: Settings) -> AuditConfig | None:
    """What audit checkpoints need; None where they are off."""
    if not settings.audit_checkpoint_seconds:
        return None
    key = audit_key(settings)
    every, software = settings.audit_checkpoint_seconds, __version__
    if key is None:
        return AuditConfig(every_seconds=every, software=software)
    return AuditConfig(every_seconds=every, software=software, sign=partial(signed, key=key))


def agents_config(
    settings: Settings, dispatch: Callable[[], DispatchConfig], rules: Callable[[], RuleSet] | None = None
) -> AgentsConfig:
    """What the Kafka side needs; `dispatch` gives what the dispatcher decides by, `rules` those in force."""
    return AgentsConfig(
        monitor_id=settings.monitor_id,
        kafka=kafka_access(settings),
        topics=topic_names(settings),
        state_dir=settings.own_dir,
        session_timeout_seconds=settings.kafka_session_timeout_seconds,
        rebalance_timeout_seconds=settings.kafka_rebalance_timeout_seconds,
        flush_interval_seconds=settings.flush_interval_ms / 1000,
        events_partitions=settings.events_partitions,
        topic_replication_factor=settings.topic_replication_factor,
        cached_projects=settings.cached_projects,
        state_memory_bytes=settings.state_memory_mib * 1024 * 1024,
        stalled_seconds=settings.stalled_seconds,
        audit=audit_config(settings),
        rules=None if rules is None else lambda: rules_in_force(rules()),
        dispatch=dispatch,
        worker_url=settings.own_url,
    )


def delivery_limits(settings: Settings) -> Limits:
    """What deliveries may cost."""
    return Limits(
        queue_limit=settings.sink_queue_limit,
        concurrency=settings.sink_concurrency,
        give_up_seconds=settings.sink_give_up_hours * 3600.0,
    )


def web_settings(settings: Settings) -> WebSettings:
    """What the HTTP face needs. Without API_TOKENS, a file with a token is made."""
    local = token_of_start(settings)
    return WebSettings(
        host=settings.monitoring_host,
        port=settings.monitoring_port,
        api_tokens=_api_tokens(settings),
        local_token=None if local is None else ApiToken.of(Role.OPERATOR, local),
        demands_local_token=demands_token(settings),
        slack_signing_secret=secret(settings.slack_signing_secret) or "",
        allowed_hosts=_words(settings.monitoring_allowed_hosts),
        allowed_origins=_words(settings.monitoring_allowed_origins),
        base_path=urlsplit(settings.dashboard_url or "").path.rstrip("/"),
    )


def _api_tokens(settings: Settings) -> tuple[ApiToken, ...]:
    """Of both settings. Raises SettingsError."""
    named: tuple[ApiToken, ...] = ()
    if settings.api_tokens_file is not None:
        try:
            named = read_token_file(settings.api_tokens_file)
        except ValueError as error:
            raise SettingsError(f"{error}.") from None
    return (*named, *parse_api_tokens(secret(settings.api_tokens) or ""))


def sink_client(settings: Settings) -> SinkClient:
    """What sinks post with."""
    return new_client(settings.sink_timeout_seconds, AddressGuard(allows_private=settings.allow_private_sinks))


def destinations(settings: Settings, client: httpx.AsyncClient) -> Destinations:
    """Where alerts go; nowhere with ALERT_ON_ISSUES off. Raises SettingsError."""
    if not settings.alert_on_issues:
        log.warning("ALERT_ON_ISSUES is false: alerts are stored and shown, but not delivered")
        return Destinations(())
    try:
        return build_destinations(settings, client)
    except ValueError as error:
        raise SettingsError(str(error)) from None


def retention(settings: Settings) -> Retention:
    """How long rows are kept."""
    return Retention(
        history_days=settings.history_retention_days,
        deliveries_days=settings.deliveries_retention_days,
        checks_days=settings.checks_retention_days,
    )


def repair_settings(settings: Settings) -> RepairSettings:
    """Who may repair."""
    return RepairSettings(is_enabled=settings.auto_fix_enabled, approval_above=settings.repair_approval_above)


def automatic_settings(settings: Settings) -> AutomaticSettings:
    """What is repaired by itself."""
    return AutomaticSettings(
        projects=_words(settings.auto_repair_projects),
        max_per_hour=settings.auto_repair_max_per_hour,
        is_paused=settings.auto_repair_paused,
    )


def automatic_repairs(
    settings: Settings, storage: Storage, producer: Callable[[], Producer], fleet: Fleet,
    now_ms: Callable[[], int],
) -> AutomaticRepairs | None:  # fmt: skip
    """Repair, where DATABASE_URL is set. Raises SettingsError."""
    url = secret(settings.database_url)
    if url is None:
        return None
    try:
        address = Address.parse(url, "DATABASE_URL")
    except BadDatabaseUrl as error:
        raise SettingsError(str(error)) from None
    parts = Parts(
        settings=repair_settings(settings),
        store=PostgresPlans(storage.database) if isinstance(storage.database, Database) else MemoryPlans(),
        address=address,
        table=episodes_table(settings),
        announcer=KafkaAnnouncer(producer, settings.events_topic, f"{settings.monitor_id}.repair"),
        ask_stream=lambda project_id: fleet.ask(ProjectQuestion(project_id=project_id)),
        note=lambda plan, step: note_step(storage.audit, plan, step),
        now_ms=now_ms,
    )
    return AutomaticRepairs(Repairs(parts), automatic_settings(settings), fleet.ask, fleet.here.has, now_ms)


def storage(settings: Settings) -> Storage:
    """Our own tables, not connected yet. Raises SettingsError."""
    try:
        url = secret(settings.monitor_database_url)
        return open_storage(url, retention=retention(settings), monitor_id=settings.monitor_id)
    except BadDatabaseUrl as error:
        raise SettingsError(str(error)) from None


def outlets(settings: Settings, storage: Storage, sinks: Destinations, points: TracePoints) -> Outlets:
    """Where alerts go and are kept."""
    limits, texts = delivery_limits(settings), texts_of(settings.alert_language)
    return Outlets(sinks, storage.ledger, history(storage), limits, storage.note_checkpoint, texts, points)


def history(storage: Storage) -> HistoryStore:
    """Where alert transitions are kept. A row that the database cannot hold was logged, and must not stop the rest."""

    async def append(alert: Alert, partition: int, offset: int) -> bool:
        by, comment = alert.person
        stored = await storage.history.append(alert, partition, offset, by=by, comment=comment)
        return stored in (Stored.WRITTEN, Stored.REFUSED)

    async def append_change(change: Change) -> bool:
        stored = await storage.history.append_act(change.alert, by=change.by or None, comment=change.comment or None)
        return stored in (Stored.WRITTEN, Stored.REFUSED)

    return HistoryStore(append, storage.history.last_offsets, storage.history.newest_only, append_change)


def checks_config(settings: Settings) -> ChecksConfig:
    """What the integrity checks need."""
    return ChecksConfig(
        basic_seconds=settings.integrity_check_interval_minutes * 60,
        deep_seconds=settings.deep_check_interval_hours * 3600,
        settle_seconds=settings.gap_settle_seconds,
        database_url=secret(settings.database_url),
        table=episodes_table(settings),
    )
