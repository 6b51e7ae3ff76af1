"""Every setting of the monitor in one frozen object, read once at start and handed down; nobody else reads environment.

A setting's environment name is its field's name in capitals. `settings_table` is what the documentation shows.
"""

import socket
from collections.abc import Mapping
from decimal import Decimal
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic.config import JsonDict
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from episode_monitor.settings import checks as check
from episode_monitor.settings.env_file import ENV_FILE, unusable
from episode_monitor.settings.kafka import SaslMechanism, SecurityProtocol, check_login
from episode_monitor.settings.words import SettingRow, SettingsError, masked, row, sentences
from streams.alerting.rules import Measure
from streams.base.numbering_rules import DeletedNumbers

__all__ = ["LogFormat", "LogLevel", "SettingRow", "Settings", "SettingsError", "load_settings", "settings_table"]

_SHIPPED_RULES = Path(__file__).resolve().parents[2] / "rules.yaml"


class LogLevel(Enum):
    """What is logged: this and everything graver."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(Enum):
    """For people at a terminal, or one JSON object a line."""

    CONSOLE = "console"
    JSON = "json"


class LoopbackChanges(Enum):
    """What a change from this machine needs while no API_TOKENS are set."""

    AUTO = "auto"
    DIRECT = "direct"
    TOKEN = "token"


def _setting(group: str, default: Any, description: str, *, unit: str = "", form: str = "", **bounds: Any) -> Any:
    """One setting. `form` says in words what a text must look like; numbers and words say so by their type."""
    extra: JsonDict = {"group": group, "unit": unit, "form": form}
    return Field(default=default, description=description, json_schema_extra=extra, **bounds)


_kafka = partial(_setting, "Kafka")
_events = partial(_setting, "Events and numbers")
_alerts = partial(_setting, "Rules and alerts")
_http = partial(_setting, "HTTP")
_databases = partial(_setting, "Databases")
_checks = partial(_setting, "Checks and repair")
_process = partial(_setting, "Process")

_ADDRESS = "http:// or https:// address"
_POSTGRES = "postgresql://USER:PASSWORD@HOST:5432/DATABASE"
_Topic = Annotated[str, AfterValidator(check.topic)]
_Percent = Annotated[Decimal, BeforeValidator(partial(check.number_with_unit, unit="%"))]
_Seconds = Annotated[Decimal, BeforeValidator(partial(check.number_with_unit, unit="s"))]
_Base = Annotated[str, AfterValidator(check.base_address)]
_Column = Annotated[str, AfterValidator(check.sql_column)]
_SecretAddress = Annotated[SecretStr, BeforeValidator(check.secret(check.http_address))]
_DatabaseUrl = Annotated[SecretStr, BeforeValidator(check.secret(check.database_url))]
_SigningSecret = Annotated[SecretStr, BeforeValidator(check.secret(check.webhook_secret))]


class Settings(BaseSettings):
    """All settings, checked. `load_settings` is the way to make them; secrets show neither in `repr` nor in errors."""

    model_config = SettingsConfigDict(
        env_file=ENV_FILE,
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
        str_strip_whitespace=True,
    )

    kafka_bootstrap_servers: Annotated[str, AfterValidator(check.bootstrap_servers)] = _kafka(
        "localhost:9092", "Where Kafka is.", form="host:port, several separated by commas"
    )
    kafka_security_protocol: Annotated[SecurityProtocol, BeforeValidator(check.upper)] = _kafka(
        SecurityProtocol.PLAINTEXT, "Whether connections to Kafka are encrypted (SSL) and somebody logs in (SASL)."
    )
    kafka_sasl_mechanism: Annotated[SaslMechanism, BeforeValidator(check.upper)] = _kafka(
        SaslMechanism.PLAIN, "How the user logs in, where the protocol is a SASL one."
    )
    kafka_sasl_username: str | None = _kafka(None, "The user.", form="text")
    kafka_sasl_password: SecretStr | None = _kafka(None, "The user's password.", form="text")
    kafka_ssl_cafile: Annotated[Path, AfterValidator(check.certificates)] | None = _kafka(
        None, "Whose certificates are trusted, in PEM; unset: the authorities this machine trusts.", form="path"
    )
    monitor_id: Annotated[str, AfterValidator(check.monitor_id)] = _kafka(
        "episode-monitor",
        "Names this monitor: its consumer group and its own topics. Workers with the same name share the work.",
        form="letters, digits, dots, underscores, hyphens",
    )
    events_topic: _Topic = _kafka("episode-events", "The topic the project service writes to.", form="topic name")
    alerts_topic: _Topic = _kafka("episode-alerts", "The topic of alert transitions.", form="topic name")
    dead_letters_topic: _Topic = _kafka(
        "episode-dead-letters", "Where records go that cannot be used.", form="topic name"
    )
    alert_dead_letters_topic: _Topic = _kafka(
        "alert-dead-letters", "Where alerts go that a destination refused for good.", form="topic name"
    )
    events_partitions: int = _kafka(
        8,
        "Partitions of the events topic if it has to be created; an existing topic's own count wins.",
        ge=1,
        le=10_000,
    )
    topic_replication_factor: int | None = _kafka(
        None, "Copies of each topic that has to be created; unset: as the broker decides.", ge=1, le=32
    )
    kafka_session_timeout_seconds: int = _kafka(
        10, "A worker silent for so long has its partitions given to others.", unit="seconds", ge=1, le=300
    )
    kafka_rebalance_timeout_seconds: int = _kafka(
        30, "How long workers may take to meet when partitions are dealt out anew.", unit="seconds", ge=1, le=600
    )
    flush_interval_ms: int = _kafka(
        1000, "How often state is written to Kafka; this much is done again after a crash.", unit="ms", ge=10, le=1000
    )

    resend_memory: int = _events(
        256, "By how many events back a re-sent one is recognised, for each project.", unit="events", ge=0, le=65_536
    )
    open_conflicts_max: int = _events(
        1000, "Conflicts that wait for the end of their operation, for each project.", ge=1, le=100_000
    )
    grace_seconds: int = _events(
        60, "How late an event may be and still count in its window.", unit="seconds", ge=0, le=3600
    )
    gap_settle_seconds: int = _events(
        60, "How long a gap or duplicate is only suspect.", unit="seconds", ge=0, le=86_400
    )
    deleted_numbers: DeletedNumbers = _events(
        DeletedNumbers.GAP, "Whether the number of a deleted episode is a gap or an explained hole."
    )
    first_number: Annotated[int | None, BeforeValidator(check.first_number)] = _events(
        1,
        "The number every project begins with; first_seen for a topic whose beginning is gone.",
        form="a whole number from 1, or first_seen",
        ge=1,
        le=2_147_483_647,
    )
    max_number_jump: int = _events(
        1000,
        "A number further above the highest is implausible until a second one confirms it.",
        ge=1,
        le=2_147_483_647,
    )
    max_episodes: int = _events(
        100_000, "Episodes of one project whose numbers are followed; a larger project is marked.", ge=1, le=10_000_000
    )
    monitoring_timezone: Annotated[str, AfterValidator(check.time_zone)] = _events(
        "UTC", "Whose calendar day is today.", form="IANA time zone"
    )

    rules_file: Annotated[Path, AfterValidator(check.readable_file)] | None = _alerts(
        None, "Another file of rules than the shipped rules.yaml.", form="path"
    )
    failure_rate_threshold: _Percent | None = _alerts(
        None, "Replaces the failure rate in the rules.", unit="%", ge=0, le=100
    )
    conflict_rate_threshold: _Percent | None = _alerts(
        None, "Replaces the conflict rate in the rules.", unit="%", ge=0, le=100
    )
    performance_threshold_seconds: _Seconds | None = _alerts(
        None, "Replaces the p95 limit in the rules.", unit="seconds", gt=0, le=86_400
    )
    alert_on_issues: bool = _alerts(True, "Whether alerts are delivered. They are kept and shown either way.")
    slack_webhook_url: _SecretAddress | None = _alerts(None, "The team's Slack webhook.", form=_ADDRESS)
    monitoring_webhook_url: _SecretAddress | None = _alerts(None, "The team's own webhook.", form=_ADDRESS)
    monitoring_webhook_secret: _SigningSecret | None = _alerts(
        None, "Signs what goes to the webhooks, by Standard Webhooks.", form="whsec_ and base64, or any text"
    )
    alert_handlers: Annotated[str, AfterValidator(check.handlers)] | None = _alerts(
        None,
        "Alert handlers of your own, each in a process apart (docs/client.md).",
        form="package.module:Name or the name of an entry point, several separated by commas",
    )
    oncall_slack_webhook_url: _SecretAddress | None = _alerts(None, "Slack of those on call.", form=_ADDRESS)
    oncall_webhook_url: _SecretAddress | None = _alerts(None, "The webhook of those on call.", form=_ADDRESS)
    oncall_webhook_secret: _SigningSecret | None = _alerts(
        None, "Signs what goes to ONCALL_WEBHOOK_URL; unset: MONITORING_WEBHOOK_SECRET does.", form="as above"
    )
    sink_timeout_seconds: int = _alerts(10, "For one delivery to one destination.", unit="seconds", ge=1, le=300)
    sink_give_up_hours: int = _alerts(
        24, "How long one delivery is tried before it is a dead letter.", unit="hours", ge=1, le=720
    )
    sink_queue_limit: int = _alerts(
        5000, "Alerts under way at a time; more wait in the topic of alerts.", unit="alerts", ge=10, le=100_000
    )
    sink_concurrency: int = _alerts(4, "Requests at a time to one destination.", unit="requests", ge=1, le=100)
    escalate_after_minutes: int = _alerts(
        5, "A critical alert that nobody acknowledged goes to those on call.", unit="minutes", ge=1, le=1440
    )
    dashboard_url: _Base | None = _alerts(
        None,
        "Where people open the dashboard, for links in alerts; it may have a path, which a proxy takes away or "
        "leaves. Unset: WORKER_URL.",
        form=_ADDRESS,
    )

    monitoring_host: Annotated[str, AfterValidator(check.bind_host)] = _http(
        "127.0.0.1", "The address to listen on; 0.0.0.0 is all of them.", form="address"
    )
    monitoring_port: int = _http(8002, "The port to listen on.", ge=1, le=65_535)
    worker_url: _Base | None = _http(
        None, "How other workers reach this one; unset: from host and port.", form=_ADDRESS
    )
    api_tokens: Annotated[SecretStr, BeforeValidator(check.secret(check.api_tokens))] | None = _http(
        None,
        "Who may change things: roles viewer and operator. Needed behind a proxy and for callers on other machines; "
        "unset: programs of the monitor's own user on this machine.",
        form="role:token, several separated by commas",
    )
    loopback_changes: Annotated[LoopbackChanges, BeforeValidator(check.lower)] = _http(
        LoopbackChanges.AUTO,
        "Without API_TOKENS, whether changes from this machine need the token in STATE_DIR/operator-token; "
        "auto: where another setting says that something forwards to this monitor.",
    )
    internal_token: Annotated[SecretStr, BeforeValidator(check.secret(check.internal_token))] | None = _http(
        None, "What workers of one monitor know each other by; the same on all.", form="at least 16 characters"
    )
    monitoring_allowed_hosts: Annotated[str, AfterValidator(check.host_names)] = _http(
        "", "Further names this monitor may be opened by while it listens on loopback.", form="names, comma-separated"
    )
    monitoring_allowed_origins: Annotated[str, AfterValidator(check.origins)] = _http(
        "", "Other sites whose pages may read answers and change things here.", form="origins, comma-separated"
    )
    metrics_max_projects: int = _http(
        100, "Projects with metrics of their own, the worst; the rest are one sum.", ge=0, le=10_000
    )

    monitor_database_url: _DatabaseUrl | None = _databases(
        None,
        "The monitor's own tables; unset: history lives only as long as the topics. Parameters such as sslmode and "
        "sslrootcert (a file, or system) may follow, as libpq has them.",
        form=_POSTGRES,
    )
    history_retention_days: int = _databases(
        365, "How long alert history is kept in PostgreSQL.", unit="days", ge=1, le=36_500
    )
    deliveries_retention_days: int = _databases(
        90, "How long the list of deliveries is kept; the topic of alerts keeps 30 days.", unit="days", ge=31, le=36_500
    )
    checks_retention_days: int = _databases(90, "How long results of checks are kept.", unit="days", ge=1, le=36_500)
    database_url: _DatabaseUrl | None = _databases(
        None,
        "The project service's database; unset: no backfill, no drift check and no repair. Parameters as above.",
        form=_POSTGRES,
    )
    episodes_table: Annotated[str, AfterValidator(check.sql_table)] = _databases(
        "episodes", "Its table of episodes.", form="table, or schema.table"
    )
    episodes_id_column: _Column = _databases("id", "The column of the episode's id.", form="column")
    episodes_project_column: _Column = _databases("project_id", "The column of the project's id.", form="column")
    episodes_number_column: _Column = _databases("number", "The column of the number.", form="column")
    episodes_version_column: _Column | None = _databases(
        None, "A column that every change of a row changes; unset: PostgreSQL's own (xmin).", form="column"
    )
    episodes_created_column: _Column | None = _databases(
        None, "The column that tells which of two episodes came later; unset: their ids do.", form="column"
    )
    episodes_deleted_column: _Column | None = _databases(
        None,
        "The column that marks deleted rows, which then do not count: a date or time that is set, a true boolean, a "
        "number other than 0; unset: all rows count.",
        form="column",
    )

    integrity_check_interval_minutes: int = _checks(30, "Between two basic checks.", unit="minutes", ge=1, le=10_080)
    deep_check_interval_hours: int = _checks(6, "Between two deep checks.", unit="hours", ge=1, le=720)
    auto_fix_enabled: bool = _checks(False, "Whether a repair plan may be applied at all.")
    repair_approval_above: int = _checks(
        100, "A plan with more changes needs a second person's approval.", unit="changes", ge=0, le=1_000_000
    )
    auto_repair_projects: Annotated[str, AfterValidator(check.project_patterns)] = _checks(
        "",
        "Projects that are repaired by themselves while AUTO_FIX_ENABLED; empty: none.",
        form="ids or patterns with * and ?, separated by commas",
    )
    auto_repair_max_per_hour: int = _checks(
        6, "Repairs that may happen by themselves, over all projects.", unit="an hour", ge=1, le=1000
    )
    auto_repair_paused: bool = _checks(False, "The kill switch: nothing is repaired by itself, whoever opted in.")

    episode_monitoring_enabled: bool = _process(
        True, "Off: no events are read; views answer 501, health checks stay green and say so."
    )
    state_dir: Path = _process(Path("state"), "What the worker may keep on disk.", form="path")
    cached_projects: int = _process(
        20_000,
        "Projects whose state is held ready in memory; the rest waits packed.",
        ge=100,
        le=10_000_000,
    )
    stalled_seconds: int = _process(
        30, "A backlog that does not move for so long ends the process.", unit="seconds", ge=5, le=3600
    )
    log_level: Annotated[LogLevel, BeforeValidator(check.lower)] = _process(
        LogLevel.INFO, "What is logged, and graver."
    )
    log_format: Annotated[LogFormat, BeforeValidator(check.lower)] = _process(
        LogFormat.CONSOLE, "For people, or a JSON object a line."
    )

    @model_validator(mode="after")
    def _kafka_user_is_whole(self) -> "Settings":
        check_login(
            self.kafka_security_protocol, bool(self.kafka_sasl_username), bool(self.kafka_sasl_password),
            bool(self.kafka_ssl_cafile),
        )  # fmt: skip
        return self

    @model_validator(mode="after")
    def _topics_differ(self) -> "Settings":
        seen: dict[str, str] = {}
        for name in ("events_topic", "alerts_topic", "dead_letters_topic", "alert_dead_letters_topic"):
            topic = getattr(self, name)
            if topic in seen:
                raise ValueError(f"{name.upper()} is {topic!r}, as {seen[topic].upper()} is; give each its own topic")
            seen[topic] = name
        return self

    @property
    def rules_path(self) -> Path:
        """The file of rules in force."""
        return self.rules_file or _SHIPPED_RULES

    @property
    def threshold_overrides(self) -> dict[Measure, Decimal]:
        """What replaces the thresholds of the rules, by measure; percent and seconds."""
        given = {
            Measure.FAILURE_RATE: self.failure_rate_threshold,
            Measure.CONFLICT_RATE: self.conflict_rate_threshold,
            Measure.SLOW_CREATION: self.performance_threshold_seconds,
        }
        return {measure: threshold for measure, threshold in given.items() if threshold is not None}

    @property
    def handler_names(self) -> tuple[str, ...]:
        """Of `alert_handlers`, one by one."""
        return tuple(name.strip() for name in (self.alert_handlers or "").split(",") if name.strip())

    @property
    def public_url(self) -> str:
        """How other workers reach this one: `worker_url`, or made of host and port."""
        if self.worker_url:
            return self.worker_url
        host = self.monitoring_host
        if host in ("0.0.0.0", "::"):
            host = socket.gethostname()
        return f"http://{f'[{host}]' if ':' in host else host}:{self.monitoring_port}"

    def public(self) -> dict[str, Any]:
        """Environment name to value, ready for JSON; of a secret, at most where it leads."""
        shown = {name.upper(): masked(getattr(self, name), field) for name, field in type(self).model_fields.items()}
        return shown | {"FIRST_NUMBER": self.first_number or check.FIRST_SEEN}


class _Given(Settings):
    """Settings from arguments alone: neither the environment nor `.env` is looked at."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)


def load_settings(env: Mapping[str, str] | None = None) -> Settings:
    """Settings from `env`, or from the environment and, behind it, `.env` in the working directory.

    An empty text is unset; names that are no settings are ignored. Raises SettingsError.
    """
    try:
        if env is None:
            if sentence := unusable(ENV_FILE):
                raise SettingsError(sentence)
            return Settings()
        given: dict[str, Any] = {name.lower(): text for name, text in env.items() if text}
        return _Given(**given)
    except ValidationError as error:
        raise SettingsError(sentences(error, Settings.model_fields)) from None
    except (OSError, UnicodeDecodeError):
        raise SettingsError("The file .env is there and cannot be read as text; mend or remove it.") from None


def settings_table() -> list[SettingRow]:
    """All settings in the order of the documentation."""
    return [row(name, field) for name, field in Settings.model_fields.items()]
