"""From a request to the call of its handler, and from what that returns to the answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from inspect import iscoroutinefunction
from typing import Any, cast

from litestar import Request, Response
from litestar.handlers import HTTPRouteHandler
from litestar.types.empty import Empty

from tasktracker.domain.accounts.ports import TokenSigner
from tasktracker.entrypoints.http.actor import authenticate
from tasktracker.entrypoints.http.responses import JSON, JsonResponse
from tasktracker.entrypoints.http.threads import Threads
from tasktracker.entrypoints.http.wire import refuse_parameters

BODY = "data"
GIVEN = ("request", "scope")
"""What a handler or a dependency may ask for and is always there, besides the parameters of the path."""


class Dispatcher:
    """Calls the handler of a request with what it declares to need; a `before_request` hook of Litestar's.

    Litestar would do the same, but resolves what a handler depends on in a task group, each in a task of its own,
    however little there is to wait for: that took more time than all the rest of a request. Here it is done in turn,
    in an order that is found once for each handler.
    """

    def __init__(self, signer: TokenSigner, threads: Threads) -> None:
        self._signer = signer
        self._threads = threads
        self._calls: dict[HTTPRouteHandler, Call] = {}

    async def __call__(self, request: Request[Any, Any, Any]) -> Response[Any]:
        """Answer a request."""
        handler = request.route_handler
        call = self._calls.get(handler)
        if call is None:
            call = self._calls[handler] = Call.of(handler)
        # Before anything else is read: a stranger is told to log in, not what else is wrong with the request.
        # In place of a token there may be a ticket, where one will do.
        if call.takes_token or (call.is_ticketed and "ticket" not in request.query_params):
            authenticate(request, self._signer)
        refuse_parameters(request, handler)
        scope = request.scope
        values: dict[str, Any] = {"request": request, "scope": scope, **scope["path_params"]}
        if call.takes_body and (await request.body() or call.body_default is Empty):
            values[BODY] = await request.json()
        elif call.takes_body:
            values[BODY] = call.body_default
        for step in call.steps:
            found = step.provide(*[values[name] for name in step.needs])
            values[step.name] = await found if step.is_async else found
        arguments = {name: values[name] for name in call.needs}
        if call.is_threaded:
            answer = await self._threads.run(call.function, **arguments)
        elif call.is_async:
            answer = await cast(Awaitable[Any], call.function(**arguments))
        else:
            answer = call.function(**arguments)
        if isinstance(answer, Response):
            return answer
        if handler.media_type == JSON:
            return JsonResponse(answer, status_code=handler.status_code)
        return Response(answer, status_code=handler.status_code, media_type=handler.media_type)


@dataclass(frozen=True, slots=True)
class Step:
    """One dependency: its name, what makes it, and what that needs in turn."""

    name: str
    provide: Callable[..., Any]
    needs: tuple[str, ...]
    is_async: bool


@dataclass(frozen=True, slots=True)
class Call:
    """How a handler is called."""

    function: Callable[..., Any]
    needs: tuple[str, ...]
    steps: tuple[Step, ...]
    takes_token: bool
    is_ticketed: bool
    takes_body: bool
    body_default: Any
    is_threaded: bool
    is_async: bool

    @classmethod
    def of(cls, handler: HTTPRouteHandler) -> Call:
        """Work out how a handler is called, from its signature and the dependencies it can have."""
        parameters = handler.parsed_fn_signature.parameters
        dependencies = {name: provide.dependency for name, provide in handler.resolve_dependencies().items()}
        steps: dict[str, Step] = {}
        for name in parameters:
            _resolve(name, dependencies, handler, steps)
        function = getattr(handler.fn, "func", handler.fn)  # Litestar wraps what is to run on a thread
        body = parameters.get(BODY)
        return cls(
            function=function,
            needs=tuple(parameters),
            steps=tuple(steps.values()),
            takes_token=bool(parameters.keys() & {"actor", "person"}),
            is_ticketed=bool(handler.opt.get("ticketed")),
            takes_body=body is not None,
            body_default=Empty if body is None else body.default,
            is_threaded=bool(handler.sync_to_thread),
            is_async=iscoroutinefunction(function),
        )


def _resolve(
    name: str, dependencies: Mapping[str, Callable[..., Any]], handler: HTTPRouteHandler, steps: dict[str, Step]
) -> None:
    """Add the steps to a dependency, those that it needs before it. What is given needs none."""
    if name not in dependencies or name in steps:
        return
    provide = dependencies[name]
    needs = tuple(handler.resolve_dependencies()[name].parsed_fn_signature.parameters)
    for each in needs:
        _resolve(each, dependencies, handler, steps)
    steps[name] = Step(name, provide, needs, iscoroutinefunction(provide))
