"""Controllers and the services that they use."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from litestar import Controller


def bind(controller: type[Controller], services: Mapping[str, Callable[[], object]]) -> type[Controller]:
    """Return a controller that has, as attributes, those services that it annotates.

    It is a class of its own, so that several applications in one process have services of their own. Raises
    LookupError naming an attribute for which there is no service.
    """
    bound: dict[str, object] = {}
    for name in controller.__annotations__:
        if name not in services:
            raise LookupError(f"{controller.__name__} needs {name!r}, and the application has no such service")
        bound[name] = services[name]()
    return type(controller.__name__, (controller,), bound)
