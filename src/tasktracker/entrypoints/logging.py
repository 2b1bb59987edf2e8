"""Logging: one JSON object per line on standard output, in the terms of this service."""

from __future__ import annotations

import logging
import sys
from typing import Any, TextIO

import structlog

from tasktracker.entrypoints.settings import Settings

# Never with local variables: they hold passwords and tokens.
TRACEBACKS = structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False))


def configure(settings: Settings, stream: TextIO | None = None) -> None:
    """Send what this service and its libraries have to say to standard output, or another stream."""
    stream = stream or sys.stdout
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if settings.debug:
        plain = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        rendering: list[Any] = [plain]
    else:
        rendering = [TRACEBACKS, structlog.processors.JSONRenderer()]
    structlog.configure(
        processors=[*shared, *rendering],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(file=stream),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendering],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("tasktracker").setLevel(logging.INFO)
    logging.getLogger("uvicorn.error").setLevel(logging.INFO)
