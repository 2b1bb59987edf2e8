"""What a handler's signature cannot tell of its operation, for the API description."""

from __future__ import annotations

from typing import Any

from tasktracker.domain.errors import DomainError


def operation(*problems: type[DomainError], headers: tuple[str, ...] = (), public: bool = False) -> dict[str, Any]:
    """Return the `opt` of a handler: what it refuses, the headers of its success, and whether anybody may call it."""
    return {"problems": problems, "headers": headers, "public": public}
