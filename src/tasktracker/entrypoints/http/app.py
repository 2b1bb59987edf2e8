"""The HTTP application: its controllers, their services and the middleware."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import cache, partial
from typing import cast
from urllib.parse import urlsplit

from dependency_injector.providers import Object
from litestar import Controller, Litestar
from litestar.datastructures import State
from litestar.exceptions import HTTPException
from litestar.middleware import DefineMiddleware
from litestar.routes import HTTPRoute
from litestar.types import ASGIApp, Receive, Scope, Send

from tasktracker.domain.kernel.actors import Actor
from tasktracker.domain.kernel.errors import DomainError
from tasktracker.domain.work import Storage
from tasktracker.entrypoints import metrics
from tasktracker.entrypoints.container import Container
from tasktracker.entrypoints.http.accounts import AccountController
from tasktracker.entrypoints.http.activity import ActivityController
from tasktracker.entrypoints.http.admin_deliveries import AdminDeliveryController
from tasktracker.entrypoints.http.admin_service import AdminInviteController, AdminServiceController
from tasktracker.entrypoints.http.admin_users import AdminUserController
from tasktracker.entrypoints.http.api_tokens import ApiTokenController
from tasktracker.entrypoints.http.categories import CategoryController
from tasktracker.entrypoints.http.changes import SyncCursors
from tasktracker.entrypoints.http.core.authentication import Authentication
from tasktracker.entrypoints.http.core.controllers import bind
from tasktracker.entrypoints.http.core.cors import Cors
from tasktracker.entrypoints.http.core.cursors import Cursors
from tasktracker.entrypoints.http.core.idempotency import Writes
from tasktracker.entrypoints.http.core.middleware import ResponseMiddleware
from tasktracker.entrypoints.http.core.openapi import describe
from tasktracker.entrypoints.http.core.problems import from_bug, from_domain
from tasktracker.entrypoints.http.core.refresh_cookie import RefreshCookie
from tasktracker.entrypoints.http.core.request import Request
from tasktracker.entrypoints.http.core.sub_path import SubPath
from tasktracker.entrypoints.http.core.threads import ThreadRunner
from tasktracker.entrypoints.http.deliveries import DeliveryController
from tasktracker.entrypoints.http.dev_mail import DevMailController
from tasktracker.entrypoints.http.digest import DigestController
from tasktracker.entrypoints.http.email import EmailController
from tasktracker.entrypoints.http.events import EventController
from tasktracker.entrypoints.http.history import HistoryController
from tasktracker.entrypoints.http.import_jobs import ImportJobController
from tasktracker.entrypoints.http.invitation_links import InvitationController, ShareInvitationController
from tasktracker.entrypoints.http.links import LinkController
from tasktracker.entrypoints.http.notifications import NotificationController, PreferencesController
from tasktracker.entrypoints.http.passwords import PasswordController
from tasktracker.entrypoints.http.portability import PortabilityController
from tasktracker.entrypoints.http.reminders import ReminderController
from tasktracker.entrypoints.http.root import RootController
from tasktracker.entrypoints.http.sessions import SessionController
from tasktracker.entrypoints.http.shares import CategoryShareController, ShareController
from tasktracker.entrypoints.http.subscriptions import SubscriptionRegistry
from tasktracker.entrypoints.http.sync import SyncController
from tasktracker.entrypoints.http.system import ProblemController, SystemController
from tasktracker.entrypoints.http.tasks import TaskController
from tasktracker.entrypoints.http.transfers import Transfers
from tasktracker.entrypoints.http.trash import TrashController
from tasktracker.entrypoints.http.two_factor import TwoFactorController
from tasktracker.entrypoints.http.unsubscribing import UnsubscribeController
from tasktracker.entrypoints.http.web import WebController, from_unknown_path
from tasktracker.entrypoints.metrics import Gauges, ProcessMetrics
from tasktracker.entrypoints.settings import HEALTH_THREADS, STREAM_THREADS, THREADS_PER_HASH, Settings
from tasktracker.entrypoints.worker.background import Background

CONTROLLERS: Sequence[type[Controller]] = (
    AccountController,
    PasswordController,
    PortabilityController,
    ImportJobController,
    SessionController,
    TwoFactorController,
    ApiTokenController,
    LinkController,
    InvitationController,
    ShareInvitationController,
    UnsubscribeController,
    EmailController,
    ActivityController,
    DeliveryController,
    CategoryController,
    CategoryShareController,
    TaskController,
    ShareController,
    ReminderController,
    NotificationController,
    PreferencesController,
    TrashController,
    HistoryController,
    SyncController,
    DigestController,
    EventController,
    AdminUserController,
    AdminInviteController,
    AdminDeliveryController,
    AdminServiceController,
    RootController,
    SystemController,
    ProblemController,
    DevMailController,
    WebController,
)

# The paths of the original Task Tracker. Its client works with a changed base URL (docs/original.md).
ORIGINAL_PATHS = {
    f"/user/{name}": f"/api/accounts/{name}" for name in ("register", "login", "refresh", "verify", "me", "logout")
}

# The number of requests that may run or wait in a process. Reads of one user may be a quarter of it, and writes too.
REQUEST_QUEUE = 1000


class Services:
    """Services that exist only in the HTTP application. Controllers get them by name, like those of the container."""

    def __init__(self, container: Container) -> None:
        settings, store = container.settings(), container.store()
        wait_seconds = settings.database_wait_seconds
        # One thread for each connection.
        self.threads = ThreadRunner(
            settings.database_connections,
            "requests",
            limit=REQUEST_QUEUE,
            limit_each=REQUEST_QUEUE // 4,
            wait_seconds=wait_seconds,
            # Reads continue while writes wait for locks, or for SQLite's writer.
            for_reads=settings.database_connections // 5,
        )
        self.health_threads = ThreadRunner(HEALTH_THREADS, "health", limit=REQUEST_QUEUE, wait_seconds=wait_seconds)
        # The hasher limits concurrent password hashes. There are more threads than hashes, so that one thread can query
        # the database while another one hashes.
        self.hashing_threads = ThreadRunner(
            THREADS_PER_HASH * settings.hashing_threads,
            "hashing",
            limit=settings.hashing_threads + settings.hashing_queue,
            wait_seconds=wait_seconds,
        )
        self.stream_threads = ThreadRunner(STREAM_THREADS, "streams", wait_seconds=wait_seconds)
        self.transfer_threads = ThreadRunner(settings.transfers, "transfers")
        self.transfers = Transfers(
            self.transfer_threads, limit=settings.transfers, import_bytes=settings.import_max_bytes
        )
        self.subscriptions = SubscriptionRegistry(
            container.notifier(), container.streams(), self.stream_threads, per_user=settings.streams_per_user
        )
        self.refresh_cookie = RefreshCookie(settings.public_url, container.clock())
        self.metrics = ProcessMetrics() if metrics.is_on(settings) else None
        self.metrics_registry = metrics.registry(self.metrics, store, container.clock()) if self.metrics else None
        self.writes = Writes(store, container.retention())
        self.cursors = Cursors(store.get_or_create_secret)
        self.sync_cursors = SyncCursors(self.cursors)


class Application:
    """The ASGI application: Litestar, wrapped in the middleware for all responses."""

    def __init__(self, litestar: Litestar, services: Services, settings: Settings) -> None:
        self.litestar = litestar
        self.services = services
        methods = {route.path_format: route.methods for route in litestar.routes if isinstance(route, HTTPRoute)}
        app = Cors(litestar, settings.cors_allowed_origins)
        observe = services.metrics.observe if services.metrics else None
        self._responses = ResponseMiddleware(app, methods, request_log=settings.request_log, observe=observe)
        path = urlsplit(settings.public_url).path
        self._asgi: ASGIApp = SubPath(self._original, path) if path else self._original

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        await self._asgi(scope, receive, send)

    async def _original(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the paths of the original, too."""
        if path := ORIGINAL_PATHS.get(scope.get("path", "").rstrip("/")):
            scope = cast(Scope, {**scope, "path": path})
        await self._responses(scope, receive, send)


def create_app(container: Container) -> Application:
    """Build the application with the services of a container."""
    settings, store, services = container.settings(), container.store(), Services(container)
    provided = {**container.providers, **{name: Object(value) for name, value in vars(services).items()}}
    authentication = DefineMiddleware(Authentication, signer=container.signer(), store=store, threads=services.threads)
    litestar = Litestar(
        route_handlers=[bind(controller, provided) for controller in CONTROLLERS],
        middleware=[authentication],
        request_class=Request,
        request_max_body_size=settings.max_body_bytes,
        exception_handlers={DomainError: from_domain, HTTPException: from_unknown_path, Exception: from_bug},
        lifespan=[partial(_running, container, services)],
        openapi_config=None,
        logging_config=None,
        state=State({"clock": container.clock(), "require_may_write": partial(services.threads.run, _open, store)}),
    )
    base = urlsplit(settings.public_url).path
    litestar.state.home = f"{base}/"
    litestar.state.openapi = cache(lambda: describe(litestar, base))
    return Application(litestar, services, settings)


def _open(store: Storage, actor: Actor) -> None:
    """Check that the actor may write. Raises SessionEnded, InsufficientScope."""
    with store.writing(actor):
        pass


@asynccontextmanager
async def _running(container: Container, services: Services, _: Litestar) -> AsyncIterator[None]:
    """Run the background tasks. At the end, finish running requests and close all connections."""
    on_fired = services.metrics.observe_fired if services.metrics else lambda _: None
    background = Background(container, on_fired) if container.settings().run_worker else None
    if background is not None:
        background.start()
    services.subscriptions.open()
    sampling = None
    if services.metrics is not None:
        sampling = asyncio.create_task(_sampling(services.metrics, _gauges(container, services)))
    try:
        yield
    finally:
        if sampling is not None:
            sampling.cancel()
        if background is not None:
            await asyncio.to_thread(background.stop)
        await services.transfers.stop()
        await services.subscriptions.close()
        for each in vars(services).values():
            if isinstance(each, ThreadRunner):
                each.close()
        container.store().close()


async def _sampling(process: ProcessMetrics, gauges: Gauges) -> None:
    while True:
        process.sample(gauges)
        await asyncio.sleep(metrics.SAMPLE_SECONDS)


def _gauges(container: Container, services: Services) -> Gauges:
    found: dict[tuple[str, str], Callable[[], float]] = {("open", "streams"): services.subscriptions.__len__}
    if container.storage() == "sql":
        database = container.database()
        found["open", "database"] = lambda: database.in_use
    for name, pool in vars(services).items():
        if isinstance(pool, ThreadRunner):
            pool_name = "requests" if name == "threads" else name.removesuffix("_threads")
            found["threads", pool_name] = pool.__len__
            found["calls_running", pool_name] = partial(getattr, pool, "running")
            found["calls_waiting", pool_name] = partial(getattr, pool, "waiting")
    return found
