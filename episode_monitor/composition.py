"""Makes the parts of a worker from its settings. The one place that knows which setting goes where."""

from pydantic import SecretStr

from agents.config import AgentsConfig
from agents.topics import TopicNames
from alert_sinks.destinations import SinkConfig
from episode_monitor.settings import Settings
from episode_monitor.web.settings import WebSettings, parse_api_tokens


def secret(value: SecretStr | None) -> str | None:
    """What a secret setting holds; None where it is not set."""
    return None if value is None else value.get_secret_value()


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def topic_names(settings: Settings) -> TopicNames:
    """The topics of this monitor."""
    return TopicNames.of(
        settings.monitor_id,
        settings.events_topic,
        settings.alerts_topic,
        settings.dead_letters_topic,
        settings.alert_dead_letters_topic,
    )


def agents_config(settings: Settings) -> AgentsConfig:
    """What the Kafka side needs."""
    return AgentsConfig(
        monitor_id=settings.monitor_id,
        bootstrap_servers=settings.kafka_bootstrap_servers,
        topics=topic_names(settings),
        state_dir=settings.state_dir,
        session_timeout_seconds=settings.kafka_session_timeout_seconds,
        rebalance_timeout_seconds=settings.kafka_rebalance_timeout_seconds,
        flush_interval_seconds=settings.flush_interval_ms / 1000,
    )


def sink_config(settings: Settings) -> SinkConfig:
    """Where alerts go."""
    return SinkConfig(
        slack_webhook_url=secret(settings.slack_webhook_url),
        webhook_url=secret(settings.monitoring_webhook_url),
        webhook_secret=secret(settings.monitoring_webhook_secret),
        oncall_slack_webhook_url=secret(settings.oncall_slack_webhook_url),
        oncall_webhook_url=secret(settings.oncall_webhook_url),
        oncall_webhook_secret=secret(settings.oncall_webhook_secret),
        timeout_seconds=settings.sink_timeout_seconds,
    )


def web_settings(settings: Settings) -> WebSettings:
    """What the HTTP face needs."""
    return WebSettings(
        host=settings.monitoring_host,
        port=settings.monitoring_port,
        api_tokens=parse_api_tokens(secret(settings.api_tokens) or ""),
        allowed_hosts=_words(settings.monitoring_allowed_hosts),
        allowed_origins=_words(settings.monitoring_allowed_origins),
    )
