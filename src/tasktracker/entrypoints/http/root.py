"""The description of the service at `/api/`. To be replaced by the one of the sync protocol."""

from __future__ import annotations

from typing import Any

from litestar import Controller, get

from tasktracker.domain.accounts.ports import TokenSigner
from tasktracker.domain.api_tokens import api_token
from tasktracker.domain.kernel.actors import Actor, SessionActor, SystemActor
from tasktracker.domain.work import Storage
from tasktracker.entrypoints.http.core.authentication import require_live
from tasktracker.entrypoints.http.core.operation import Access, operation
from tasktracker.entrypoints.http.core.request import Request, bearer_token
from tasktracker.entrypoints.http.core.threads import ThreadRunner, on_thread


class RootController(Controller):
    """`/api/`."""

    path = "/api"

    store: Storage
    signer: TokenSigner
    threads: ThreadRunner

    @get("/", include_in_schema=False, opt=operation(access=Access.OPTIONAL))
    @on_thread
    def describe(self, request: Request) -> dict[str, Any]:
        """The id of the server and, with a token, its user."""
        secret = self.store.get_or_create_secret("server")
        described: dict[str, Any] = {"name": "Task Tracker", "server": secret[:16].hex()}
        if token := bearer_token(request):
            actor: Actor
            if api_token.has_api_token_prefix(token):
                actor = api_token.actor_of(token)
                require_live(self.store, actor)
            else:
                claims = self.signer.read(token)
                actor = SessionActor(claims.user_id, claims.session_id, claims.generation)
                with self.store.reading(actor):
                    pass
            with self.store.reading(SystemActor("describe")) as work:
                user = work.users.find_unlocked(actor.user_id)
            described["user"] = {"id": str(actor.user_id), "username": user.username if user else None}
        return described
