"""The language of a response that people read."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from litestar.connection import ASGIConnection

from tasktracker.domain.kernel.languages import Language
from tasktracker.entrypoints.http.core.request import header


def preferred_language(connection: ASGIConnection[Any, Any, Any, Any]) -> Language | None:
    """Return the supported language that the client prefers; None if it accepts none of them (RFC 9110 §12.5.4)."""
    weights: dict[Language, float] = {}
    for part in (header(connection, "Accept-Language") or "").split(","):
        tag, _, parameter = part.partition(";")
        with suppress(ValueError):
            weight = float(parameter.strip().lower().removeprefix("q=") or 1)
            language = Language(tag.strip().lower().partition("-")[0])
            weights[language] = max(weights.get(language, 0), weight)
    return max((each for each in weights if weights[each] > 0), key=lambda each: weights[each], default=None)
