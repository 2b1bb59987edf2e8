"""The HTTP application: routes, dependencies and conventions in one place."""

from __future__ import annotations

import asyncio
from functools import cache
from typing import Any

from litestar import Litestar
from litestar.datastructures import State
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.routes import HTTPRoute
from litestar.types import Receive, Scope, Send

from tasktracker.domain.accounts.ports import TokenSigner
from tasktracker.domain.accounts.service import AccountService
from tasktracker.domain.accounts.session_service import SessionService
from tasktracker.domain.accounts.two_factor_service import TwoFactorService
from tasktracker.domain.activity.service import ActivityService
from tasktracker.domain.api_tokens.service import ApiTokenService
from tasktracker.domain.categories.service import CategoryService
from tasktracker.domain.history.service import HistoryService
from tasktracker.domain.idempotency.service import IdempotencyService
from tasktracker.domain.kernel.clock import Clock
from tasktracker.domain.kernel.errors import DomainError
from tasktracker.domain.portability.export_service import ExportService
from tasktracker.domain.portability.import_service import ImportService
from tasktracker.domain.sharing.service import SharingService
from tasktracker.domain.sync.push_service import PushService
from tasktracker.domain.sync.service import SyncService
from tasktracker.domain.sync.stream_service import StreamService
from tasktracker.domain.tasks.service import TaskService
from tasktracker.domain.tasks.trash_service import TrashService
from tasktracker.domain.work import Store
from tasktracker.entrypoints.container import Container
from tasktracker.entrypoints.http.accounts import AccountController
from tasktracker.entrypoints.http.activity import ActivityController
from tasktracker.entrypoints.http.actor import provide_actor, provide_origin, provide_person
from tasktracker.entrypoints.http.api_tokens import ApiTokenController
from tasktracker.entrypoints.http.categories import CategoryController
from tasktracker.entrypoints.http.cors import Cors
from tasktracker.entrypoints.http.credentials import CredentialExecutor
from tasktracker.entrypoints.http.cursors import Cursors
from tasktracker.entrypoints.http.digest import DigestController
from tasktracker.entrypoints.http.dispatch import Dispatcher
from tasktracker.entrypoints.http.edge import Edge
from tasktracker.entrypoints.http.events import EventController
from tasktracker.entrypoints.http.history import HistoryController
from tasktracker.entrypoints.http.hub import Hub
from tasktracker.entrypoints.http.idempotency import provide_key
from tasktracker.entrypoints.http.openapi import describe
from tasktracker.entrypoints.http.portability import PortabilityController
from tasktracker.entrypoints.http.problems import ProblemController, from_bug, from_domain, from_protocol
from tasktracker.entrypoints.http.service import ServiceController
from tasktracker.entrypoints.http.sessions import SessionController
from tasktracker.entrypoints.http.shares import ShareController
from tasktracker.entrypoints.http.sweeper import Sweeper
from tasktracker.entrypoints.http.sync import SyncController
from tasktracker.entrypoints.http.tasks import TaskController
from tasktracker.entrypoints.http.threads import Threads
from tasktracker.entrypoints.http.transfers import Transfers
from tasktracker.entrypoints.http.trash import TrashController
from tasktracker.entrypoints.http.two_factor import TwoFactorController
from tasktracker.entrypoints.http.wire import Request, provide_filters
from tasktracker.entrypoints.settings import STREAM_THREADS, Settings


class Application:
    """The ASGI application: Litestar within the edge that every response passes."""

    def __init__(self, litestar: Litestar, settings: Settings) -> None:
        self.litestar = litestar
        methods = {route.path_format: route.methods for route in litestar.routes if isinstance(route, HTTPRoute)}
        app = Cors(litestar, settings.cors_allowed_origins)
        self._asgi = Edge(app, methods, request_log=settings.request_log)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        await self._asgi(scope, receive, send)


def create_app(container: Container) -> Application:
    """Build the application on what a container provides."""
    settings = container.settings()
    store = container.store()
    # As many requests are worked on at a time as there are connections to work with.
    threads = Threads(settings.database_connections)
    sweeper = Sweeper(container.housekeeping(), container.limiter(), container.clock())
    background: list[asyncio.Task[None]] = []
    credentials = CredentialExecutor(hashing=settings.hashing_threads, queue=settings.hashing_queue)
    transfers = Transfers(most=settings.transfers, import_bytes=settings.import_max_bytes)

    hub = Hub(container.events(), container.streams(), threads=STREAM_THREADS, most=settings.streams_per_user)

    async def open_() -> None:
        background.append(asyncio.create_task(sweeper.run(threads)))
        hub.open()

    async def close() -> None:
        for task in background:
            task.cancel()
        sweeper.stop()
        await hub.close()
        credentials.close()
        transfers.close()
        threads.close()
        store.close()

    litestar = Litestar(
        route_handlers=[
            AccountController,
            PortabilityController,
            SessionController,
            TwoFactorController,
            ApiTokenController,
            ActivityController,
            CategoryController,
            TaskController,
            ShareController,
            TrashController,
            HistoryController,
            SyncController,
            DigestController,
            EventController,
            ServiceController,
            ProblemController,
        ],
        dependencies=_dependencies(container, threads, credentials, transfers, hub),
        before_request=Dispatcher(container.signer(), threads),
        request_class=Request,
        request_max_body_size=settings.max_body_bytes,
        exception_handlers={DomainError: from_domain, HTTPException: from_protocol, Exception: from_bug},
        on_startup=[open_],
        on_shutdown=[close],
        openapi_config=None,
        logging_config=None,
        state=State({"clock": container.clock()}),
    )
    litestar.state.openapi = cache(lambda: describe(litestar))
    return Application(litestar, settings)


def _dependencies(
    container: Container, threads: Threads, credentials: CredentialExecutor, transfers: Transfers, hub: Hub
) -> dict[str, Provide]:
    """Offer the container's services by name. Litestar reads a dependency's type from a plain function."""
    store: Store = container.store()
    cursors = Cursors(store.secret)

    def provide_accounts() -> AccountService:
        return container.accounts()

    def provide_sessions() -> SessionService:
        return container.sessions()

    def provide_categories() -> CategoryService:
        return container.categories()

    def provide_tasks() -> TaskService:
        return container.tasks()

    def provide_api_tokens() -> ApiTokenService:
        return container.api_tokens()

    def provide_two_factor() -> TwoFactorService:
        return container.two_factor()

    def provide_activity() -> ActivityService:
        return container.activity()

    def provide_sharing() -> SharingService:
        return container.sharing()

    def provide_trash() -> TrashService:
        return container.trash()

    def provide_history() -> HistoryService:
        return container.history()

    def provide_sync() -> SyncService:
        return container.sync()

    def provide_streams() -> StreamService:
        return container.streams()

    def provide_hub() -> Hub:
        return hub

    def provide_pushing() -> PushService:
        return container.pushing()

    def provide_idempotency() -> IdempotencyService:
        return container.idempotency()

    def provide_exports() -> ExportService:
        return container.exports()

    def provide_imports() -> ImportService:
        return container.imports()

    def provide_transfers() -> Transfers:
        return transfers

    def provide_store() -> Store:
        return store

    def provide_clock() -> Clock:
        return container.clock()

    def provide_signer() -> TokenSigner:
        return container.signer()

    def provide_cursors() -> Cursors:
        return cursors

    def provide_threads() -> Threads:
        return threads

    def provide_credentials() -> CredentialExecutor:
        return credentials

    providers: dict[str, Any] = {
        "accounts": provide_accounts,
        "sessions": provide_sessions,
        "categories": provide_categories,
        "tasks": provide_tasks,
        "store": provide_store,
        "clock": provide_clock,
        "signer": provide_signer,
        "cursors": provide_cursors,
        "credentials": provide_credentials,
        "threads": provide_threads,
        "api_tokens": provide_api_tokens,
        "two_factor": provide_two_factor,
        "activity": provide_activity,
        "sharing": provide_sharing,
        "trash": provide_trash,
        "history": provide_history,
        "sync": provide_sync,
        "pushing": provide_pushing,
        "streams": provide_streams,
        "hub": provide_hub,
        "idempotency": provide_idempotency,
        "exports": provide_exports,
        "imports": provide_imports,
        "transfers": provide_transfers,
        "actor": provide_actor,
        "origin": provide_origin,
        "filters": provide_filters,
    }
    return {
        "person": Provide(provide_person),
        "key": Provide(provide_key),
        **{name: Provide(provider, sync_to_thread=False) for name, provider in providers.items()},
    }
