"""What a handler's signature cannot tell of its operation, for the API description."""

from __future__ import annotations

from typing import Any

from tasktracker.domain.kernel.errors import DomainError


def operation(
    *problems: type[DomainError],
    headers: tuple[str, ...] = (),
    public: bool = False,
    idempotent: bool = False,
    creates: bool = False,
    consumes: tuple[str, ...] = (),
    produces: str | None = None,
    ticketed: bool = False,
) -> dict[str, Any]:
    """Return the `opt` of a handler.

    It tells what is refused, which headers a success has, and whether anybody may call it, send it again with a key,
    create by it, or use a ticket in place of a token. `consumes` and `produces` are the media types of bodies that are
    not JSON.
    """
    return {
        "problems": problems,
        "headers": headers,
        "public": public,
        "idempotent": idempotent,
        "creates": creates,
        "consumes": consumes,
        "produces": produces,
        "ticketed": ticketed,
    }
