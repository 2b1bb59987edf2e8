"""Reading the signatures of handlers takes a quarter of the time of building an application."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

from litestar.utils.signature import ParsedSignature

_read = ParsedSignature.from_fn
# Litestar's own handlers of OPTIONS belong to one application, and must not keep it after its test.
_known: WeakKeyDictionary[object, ParsedSignature] = WeakKeyDictionary()


def read_once() -> None:
    """Make Litestar read the signature of a handler once in this process, not twice for each application."""
    ParsedSignature.from_fn = staticmethod(_known_or_read)  # type: ignore[method-assign,assignment]


def _known_or_read(function: Callable[..., object], namespace: dict[str, Any]) -> ParsedSignature:
    assert not namespace, "then a signature depends on more than the function"
    key = getattr(function, "__func__", function)
    if key not in _known:
        _known[key] = _read(function, namespace)
    return _known[key]
