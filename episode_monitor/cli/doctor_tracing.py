"""`doctor` of the trace endpoint: an export without spans goes there, so that a wrong path, a missing token and an
endpoint that accepts and never answers are found too."""

from importlib.util import find_spec

import httpx

from episode_monitor.access import secret
from episode_monitor.cli.diagnosis import Diagnosis, DiagnosisLevel
from episode_monitor.observe.tracing import MISSING, headers_of, spans_url
from episode_monitor.settings.settings import Settings

PART = "tracing"
ANSWER_SECONDS = 5.0
_WHERE = "OTEL_EXPORTER_OTLP_ENDPOINT"


async def tracing(settings: Settings) -> Diagnosis:
    """Whether spans are taken where they are sent."""
    endpoint = settings.otel_exporter_otlp_endpoint
    if endpoint is None:
        return Diagnosis(PART, DiagnosisLevel.SKIPPED, "Not set, so nothing is traced.")
    if find_spec("opentelemetry") is None:
        return Diagnosis(PART, DiagnosisLevel.WRONG, MISSING)
    parts = httpx.URL(endpoint)
    place = f"{parts.host}:{parts.port or (443 if parts.scheme == 'https' else 80)}"  # a path may hold a secret
    headers = headers_of(secret(settings.otel_exporter_otlp_headers) or "")
    headers["Content-Type"] = "application/x-protobuf"
    try:
        async with httpx.AsyncClient(timeout=ANSWER_SECONDS) as client:
            answer = await client.post(spans_url(endpoint), content=b"", headers=headers)
    except httpx.TimeoutException:
        why = f"{place} does not answer within {ANSWER_SECONDS:g} s; spans are dropped and alerts go on. Look at it"
        return Diagnosis(PART, DiagnosisLevel.UNREACHABLE, f"{why}, or correct {_WHERE}.")
    except httpx.HTTPError as error:
        why = f"{place} cannot be asked ({error}); spans are dropped and alerts go on. Start it"
        return Diagnosis(PART, DiagnosisLevel.UNREACHABLE, f"{why}, or correct {_WHERE}.")
    if answer.is_success:
        return Diagnosis(PART, DiagnosisLevel.OK, f"{place} takes spans.")
    mend = "OTEL_EXPORTER_OTLP_HEADERS" if answer.status_code in {401, 403} else _WHERE
    return Diagnosis(PART, DiagnosisLevel.WRONG, f"{place} refuses spans ({answer.status_code}); correct {mend}.")
