"""Where spans are sent, by the names that OpenTelemetry gave these settings."""

from functools import partial

from pydantic import BaseModel, SecretStr

from episode_monitor.settings.fields import BaseAddress, setting

_tracing = partial(setting, "Tracing")


class TracingSettings(BaseModel):
    """The group "Tracing"."""

    otel_exporter_otlp_endpoint: BaseAddress | None = _tracing(
        None,
        "Where the spans of alerts are sent, by OTLP over HTTP; `/v1/traces` is appended. Unset: nothing is traced.",
        form="address",
    )
    otel_exporter_otlp_headers: SecretStr | None = _tracing(
        None, "Headers of these requests, such as a token.", form="name=value,name=value"
    )
    otel_service_name: str = _tracing(
        "episode-monitor", "The name of this service in traces.", form="text", min_length=1
    )
