"""What the example servers share: problem answers, the loopback guard, logging, and how they are served.

A server of an example binds to the configured address and trusts no forwarding header about who is calling.
"""

import ipaddress
import logging
import signal
import socket
import sys
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import structlog
import uvicorn
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import ValidationError
from starlette.exceptions import HTTPException

log = structlog.get_logger(__name__)

SHUTDOWN_GRACE_SECONDS = 10  # requests under way get this long; the slowest honest one takes about six


class Problem(Exception):
    """An answer that is not the wished one, as RFC 9457 writes it. `members` are added to the JSON object."""

    def __init__(self, status: int, code: str, detail: str, *, retry_after_seconds: int | None = None, **members: Any):
        super().__init__(detail)
        self.status = status
        self.body = {"type": "about:blank", "title": code.replace("_", " "), "status": status, "code": code}
        self.body |= {"detail": detail, **members}
        self.headers = {} if retry_after_seconds is None else {"Retry-After": str(retry_after_seconds)}


def install_problems(app: FastAPI) -> None:
    """Makes every error of `app` leave as `application/problem+json`."""

    async def on_problem(_: Request, error: Exception) -> Response:
        assert isinstance(error, Problem)
        return problem_answer(error)

    async def on_invalid(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return problem_answer(Problem(422, "invalid_request", _sentence(error.errors())))

    async def on_http(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "http_error")
        return problem_answer(Problem(error.status_code, code, str(error.detail)))

    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(HTTPException, on_http)


def problem_answer(problem: Problem) -> Response:
    """The HTTP response of a problem."""
    return JSONResponse(problem.body, problem.status, headers=problem.headers, media_type="application/problem+json")


def _sentence(errors: Any) -> str:
    """The first finding of pydantic in words: where, what."""
    first = errors[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']}"


def require_loopback(request: Request) -> None:
    """A FastAPI dependency: 403 for callers from other machines and for web pages of other sites."""
    host = request.client.host if request.client else ""
    if not _is_loopback(host):
        raise Problem(403, "loopback_only", f"{request.url.path} answers callers on this machine only.")
    origin = request.headers.get("origin")
    if origin is not None and not _is_loopback(urlsplit(origin).hostname or ""):
        raise Problem(403, "foreign_origin", f"{request.url.path} does not answer pages of {origin[:100]}.")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def settings_fault(error: ValidationError) -> str:
    """One sentence that names the wrong setting; the value is left out, since it may be a secret."""
    first = error.errors(include_input=False, include_url=False)[0]
    return f"The setting {'.'.join(str(part) for part in first['loc'])} is wrong: {first['msg']}."


def configure_logging() -> None:
    """Logs go to stderr, one line an event: stdout belongs to data."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # several lines a try; the servers say it in one


def serve(app: FastAPI, host: str, port: int, port_setting: str) -> int:
    """Serves until Ctrl-C or SIGTERM and returns the exit code: 0, or 2 when the address cannot be had."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # both end in peace, and uvicorn repeats what it caught
    try:
        with _listening(host, port) as listener:
            log.info("listening", url=f"http://{host}:{listener.getsockname()[1]}")
            with suppress(KeyboardInterrupt):
                server(app).run(sockets=[listener])
    except OSError as error:
        print(
            f"Cannot listen on {host} port {port} ({error.strerror}): set {port_setting} to another.", file=sys.stderr
        )
        return 2
    return 0


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=512)


def server(app: FastAPI) -> uvicorn.Server:
    """A server for sockets that listen already."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            access_log=False,
            log_config=None,
            proxy_headers=False,
            timeout_graceful_shutdown=SHUTDOWN_GRACE_SECONDS,
        )
    )
