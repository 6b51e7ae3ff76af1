"""`doctor` of the trace endpoint: one that refuses, is away or never answers is told from one that takes spans."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from episode_monitor.cli import doctor_tracing
from episode_monitor.cli.diagnosis import DiagnosisLevel
from episode_monitor.cli.doctor_tracing import tracing
from episode_monitor.demo.ports import free_port
from episode_monitor.settings.settings import load_settings
from testbed.otlp import collector, hanging


async def found(**given: str) -> tuple[DiagnosisLevel, str]:
    diagnosis = await tracing(load_settings(given))
    assert diagnosis.part == "tracing"
    return diagnosis.verdict, diagnosis.sentence


@contextmanager
def refusing(status: int) -> Iterator[str]:
    """The address of an endpoint that answers with this status."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


async def test_without_an_endpoint_nothing_is_looked_at() -> None:
    assert await found() == (DiagnosisLevel.SKIPPED, "Not set, so nothing is traced.")


async def test_an_endpoint_that_takes_spans_gets_none_and_the_headers_that_are_set() -> None:
    with collector() as endpoint:
        place = endpoint.url.removeprefix("http://")
        headers = {"OTEL_EXPORTER_OTLP_HEADERS": "Authorization=Bearer token"}
        assert await found(OTEL_EXPORTER_OTLP_ENDPOINT=endpoint.url, **headers) == (
            DiagnosisLevel.OK, f"{place} takes spans.",
        )  # fmt: skip
        assert [(request.path, request.authorization) for request in endpoint.requests] == [
            ("/v1/traces", "Bearer token")
        ]
        assert endpoint.spans == []


@pytest.mark.parametrize(
    ("status", "mend"), [(401, "OTEL_EXPORTER_OTLP_HEADERS"), (404, "OTEL_EXPORTER_OTLP_ENDPOINT")]
)
async def test_an_endpoint_that_refuses_is_wrong_and_the_setting_to_correct_is_named(status: int, mend: str) -> None:
    with refusing(status) as url:
        assert await found(OTEL_EXPORTER_OTLP_ENDPOINT=url) == (
            DiagnosisLevel.WRONG, f"{url.removeprefix('http://')} refuses spans ({status}); correct {mend}.",
        )  # fmt: skip


async def test_an_endpoint_that_never_answers_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_tracing, "ANSWER_SECONDS", 0.5)
    with hanging() as url:
        verdict, sentence = await found(OTEL_EXPORTER_OTLP_ENDPOINT=url)
    assert verdict is DiagnosisLevel.UNREACHABLE
    assert sentence == (
        f"{url.removeprefix('http://')} does not answer within 0.5 s; spans are dropped and alerts go on. Look at it, "
        "or correct OTEL_EXPORTER_OTLP_ENDPOINT."
    )


async def test_an_endpoint_that_is_away_is_unreachable() -> None:
    port = free_port()
    verdict, sentence = await found(OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{port}")
    assert verdict is DiagnosisLevel.UNREACHABLE
    assert sentence.startswith(f"127.0.0.1:{port} cannot be asked (")
    assert sentence.endswith("Start it, or correct OTEL_EXPORTER_OTLP_ENDPOINT.")
