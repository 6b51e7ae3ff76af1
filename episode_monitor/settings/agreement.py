"""Workers of one monitor must have the same settings: each publishes a digest of every one that matters, and any
of them says which differ. Two bytes a setting: enough to see a difference, and too few to find out a secret by.
"""

from hashlib import blake2b

import msgspec
from pydantic import SecretStr

from episode_monitor.settings.settings import Settings

# What each worker may have its own, and, of addresses of databases, whether there is one.
_OWN = frozenset(
    (
        "kafka_bootstrap_servers", "kafka_security_protocol", "kafka_sasl_mechanism", "kafka_sasl_username",
        "kafka_sasl_password", "kafka_sasl_oauth_token_file", "kafka_sasl_oauth_token_command", "kafka_ssl_cafile",
        "kafka_ssl_certfile", "kafka_ssl_keyfile", "kafka_ssl_key_password", "costly_requests_per_minute",
         "events_partitions", "topic_replication_factor",
        "alerting_file", "oncall_file", "api_tokens_file", "operator_token",
        "kafka_session_timeout_seconds", "kafka_rebalance_timeout_seconds", "flush_interval_ms", "rules_file",
        "sink_timeout_seconds", "sink_queue_limit", "sink_concurrency", "monitoring_host", "monitoring_port",
        "worker_url", "internal_token", "monitoring_allowed_hosts", "episode_monitoring_enabled", "state_dir",
        "worker_processes", "worker_own_ports", "cached_projects", "state_memory_mib", "stalled_seconds", "log_level",
        "log_format", "otel_exporter_otlp_endpoint", "otel_exporter_otlp_headers", "otel_service_name",
    )
)  # fmt: skip
_WHETHER_SET = frozenset(("monitor_database_url", "database_url"))
_RULES = "rules in force"  # from RULES_FILE and the thresholds
_ALERTING, _ON_CALL = "alerting file in force", "on-call file in force"
_DIGEST_BYTES = 2


class SettingsDigest(msgspec.Struct, frozen=True):
    """One worker's settings. `packed` is what the others hear: a digest of the names, then one of each value."""

    names: tuple[str, ...]
    packed: bytes

    def differing(self, packed: bytes) -> list[str]:
        """The settings in which another worker differs, as people name them; one word where it knows other settings."""
        if packed == self.packed or not packed:
            return []
        if packed[:_DIGEST_BYTES] != self.packed[:_DIGEST_BYTES] or len(packed) != len(self.packed):
            return ["its version"]
        return [name for place, name in enumerate(self.names, 1) if _at(packed, place) != _at(self.packed, place)]


def digest_of(settings: Settings, rules: str, alerting: str = "", on_call: str = "") -> SettingsDigest:
    """Of all settings that workers must share, and of the versions of the files in force."""
    values = {name.upper(): _value(name, settings) for name in sorted(type(settings).model_fields) if name not in _OWN}
    values |= {_RULES: rules, _ALERTING: alerting, _ON_CALL: on_call}
    names = tuple(values)
    packed = _digest("\0".join(names)) + b"".join(_digest(f"{name}\0{value}") for name, value in values.items())
    return SettingsDigest(names, packed)


def _value(name: str, settings: Settings) -> str:
    value = getattr(settings, name)
    if name in _WHETHER_SET:
        return str(value is not None)
    return value.get_secret_value() if isinstance(value, SecretStr) else repr(value)


def _digest(text: str) -> bytes:
    return blake2b(text.encode(errors="surrogatepass"), digest_size=_DIGEST_BYTES).digest()


def _at(packed: bytes, place: int) -> bytes:
    return packed[place * _DIGEST_BYTES : (place + 1) * _DIGEST_BYTES]
