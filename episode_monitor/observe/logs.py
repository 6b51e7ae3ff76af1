"""One way of logging for the whole process: structured lines on standard error, for people or as JSON."""

import logging
import sys
import time
from typing import Any

import structlog

from episode_monitor.observe.log_repeats import Repeats
from episode_monitor.settings.settings import LogFormat, LogLevel

TIME_KEY = "at"
_FIRST = (TIME_KEY, "level", "event")  # of a line of JSON; the others follow by their names

_CHATTY = (
    "aiokafka", "faust", "mode", "httpx", "httpcore", "asyncio", "yoyo", "uvicorn",
    "agents.app", "agents.fetching.transport",  # where Faust's services log by the names of our subclasses
    "agents.fetching.consumer_thread",
)  # fmt: skip

_ROUTINE = "Heartbeat failed for group %s because it is rebalancing"  # aiokafka: each time that a worker comes or goes
_RETRYING = ("aiokafka", "opentelemetry")  # says so at each of a hundred tries a second while Kafka is away


def _without_nothing(_: Any, __: str, line: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """`error=None` has no meaning."""
    return {name: value for name, value in line.items() if value is not None}


def _of_process(process: int | str) -> structlog.typing.Processor:
    def with_process(_: Any, __: str, line: structlog.typing.EventDict) -> structlog.typing.EventDict:
        line["process"] = process
        return line

    return with_process


def _in_order(_: Any, __: str, line: structlog.typing.EventDict) -> structlog.typing.EventDict:
    return {name: line[name] for name in (*_FIRST, *sorted(line.keys() - set(_FIRST))) if name in line}


_SAID_IN_WORDS = frozenset({
    "TopicAuthorizationFailedError", "GroupAuthorizationFailedError", "ClusterAuthorizationFailedError",
    "TransactionalIdAuthorizationFailed",
})  # fmt: skip


def _without_traceback(record: logging.LogRecord) -> bool:
    """Libraries log a right that is missing with all the way through their code; the process says it in a sentence."""
    error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
    if type(error).__name__ in _SAID_IN_WORDS:
        record.exc_info, record.exc_text = None, None
    return True


def _renderers(form: LogFormat) -> list[structlog.typing.Processor]:
    if form is LogFormat.JSON:
        json = structlog.processors.JSONRenderer(ensure_ascii=False)
        return [_without_nothing, structlog.processors.format_exc_info, _in_order, json]
    plain = structlog.dev.plain_traceback  # the richer ones print local variables, and with them secrets
    return [
        _without_nothing,
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain, timestamp_key=TIME_KEY),
    ]


def configure_quiet() -> None:
    """Until settings are known, and for commands that never log: errors alone, and nothing on standard output, where
    structlog prints by itself."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def configure_command(level: LogLevel, form: LogFormat) -> None:
    """As `configure`, for a command, which says in sentences what it does: below them, only errors are logged unless
    LOG_LEVEL=debug."""
    configure(level, form)
    if level is not LogLevel.DEBUG:
        for name in ("agents", *_CHATTY):
            logging.getLogger(name).setLevel(logging.ERROR)


def configure(level: LogLevel, form: LogFormat, process: int | str | None = None) -> None:
    """Set up structlog and hand it what libraries log, from warnings on. `process`: which of several processes that
    write to one log this is."""
    threshold = getattr(logging, level.value.upper())
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key=TIME_KEY),
        structlog.processors.StackInfoRenderer(),
        *(() if process is None else (_of_process(process),)),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_renderers(form)],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(threshold)
    repeats = Repeats(time.monotonic)
    handler.addFilter(lambda record: not record.name.startswith(_RETRYING) or repeats.filter(record))
    handler.addFilter(_without_traceback)
    handler.addFilter(lambda record: record.msg != _ROUTINE)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(max(threshold, logging.WARNING))
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
