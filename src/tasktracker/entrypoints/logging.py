"""Logging on standard output: readable lines in development, one JSON object per line in production."""

from __future__ import annotations

import logging
import sys
from typing import Any, TextIO

import structlog

from tasktracker.entrypoints.settings import Settings

# Tracebacks never have local variables, which contain passwords and tokens.
TRACEBACKS = structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False))


def configure(settings: Settings, stream: TextIO | None = None) -> None:
    """Write the log of this service and of its libraries to standard output, or to another stream."""
    stream = stream or sys.stdout
    processors, rendering = _json() if settings.is_production else _text(colors=stream.isatty())
    structlog.configure(
        processors=[*processors, *rendering],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(file=stream),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*processors, structlog.stdlib.add_logger_name] if settings.is_production else processors,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendering],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.INFO if settings.debug else logging.WARNING, force=True)
    logging.getLogger("tasktracker").setLevel(logging.INFO)
    logging.getLogger("uvicorn.error").setLevel(logging.INFO)


def _json() -> tuple[list[Any], list[Any]]:
    return _processors(structlog.processors.TimeStamper(fmt="iso", utc=True)), [
        TRACEBACKS,
        structlog.processors.JSONRenderer(),
    ]


def _text(*, colors: bool) -> tuple[list[Any], list[Any]]:
    renderer = structlog.dev.ConsoleRenderer(
        colors=colors,
        pad_event_to=0,
        pad_level=False,
        sort_keys=False,
        exception_formatter=structlog.dev.plain_traceback,
    )
    return _processors(structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False)), [renderer]


def _processors(timestamp: Any) -> list[Any]:
    return [structlog.contextvars.merge_contextvars, structlog.processors.add_log_level, timestamp]
