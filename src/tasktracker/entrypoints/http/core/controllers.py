"""Binding of services to controllers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from inspect import get_annotations

from litestar import Controller


def bind(controller: type[Controller], services: Mapping[str, Callable[[], object]]) -> type[Controller]:
    """Return a subclass of the controller with a service for each annotated attribute, those of base classes included.

    Each application in a process gets its own subclass with its own services. Raises LookupError if a service is
    missing.
    """
    bound: dict[str, object] = {}
    own = controller.mro()[: controller.mro().index(Controller)]
    for name in {name for each in own for name in get_annotations(each)}:
        if name not in services:
            raise LookupError(f"{controller.__name__} needs the service {name!r}, which the application does not have")
        bound[name] = services[name]()
    return type(controller.__name__, (controller,), bound)
