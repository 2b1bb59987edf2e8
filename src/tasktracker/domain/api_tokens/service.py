"""Handing out API tokens, and taking them back."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from tasktracker.domain.activity.event import UNKNOWN_ORIGIN, Kind, Origin
from tasktracker.domain.activity.recorder import Recorder
from tasktracker.domain.api_tokens.api_token import API_TOKEN_RULES, ApiToken, ApiTokenFields
from tasktracker.domain.kernel.actors import SessionActor
from tasktracker.domain.kernel.clock import Clock, IdGenerator
from tasktracker.domain.kernel.errors import ApiTokenNotFound, InvalidInput, TooManyApiTokens
from tasktracker.domain.kernel.fields import check
from tasktracker.domain.work import Store

MAX_API_TOKENS = 50


class ApiTokenService:
    """The actor's own API tokens. No API token can make, see or end one."""

    def __init__(
        self, *, store: Store, recorder: Recorder, clock: Clock, ids: IdGenerator, most: int = MAX_API_TOKENS
    ) -> None:
        self._store = store
        self._recorder = recorder
        self._clock = clock
        self._ids = ids
        self._most = most

    def create(
        self, actor: SessionActor, fields: ApiTokenFields, origin: Origin = UNKNOWN_ORIGIN
    ) -> tuple[ApiToken, str]:
        """Create a token and return it with its text, which cannot be had again.

        Raises InvalidInput, TooManyApiTokens.
        """
        now = self._clock.now()
        fields = check(API_TOKEN_RULES, fields)
        if fields["expires_at"] is not None and fields["expires_at"] <= now:
            raise InvalidInput.of("expires_at", "must lie in the future")
        token, text = ApiToken.create(id=self._ids.new(), user_id=actor.user_id, fields=fields, now=now)
        with self._store.writing(actor) as work:
            work.users.find(actor.user_id)  # locked, so that two at a time cannot both be the last allowed
            if len(work.api_tokens.list(actor.user_id)) >= self._most:
                raise TooManyApiTokens(f"An account has at most {self._most} API tokens.")
            work.api_tokens.add(token)
            self._recorder.success(work, Kind.API_TOKEN_CREATE, origin, actor.user_id, actor.session_id)
        return token, text

    def list(self, actor: SessionActor) -> Sequence[ApiToken]:
        """Return the actor's tokens, the newest first."""
        with self._store.reading(actor) as work:
            return work.api_tokens.list(actor.user_id)

    def revoke(self, actor: SessionActor, token_id: UUID, origin: Origin = UNKNOWN_ORIGIN) -> None:
        """Revoke a token: the very next request by it is refused. Raises ApiTokenNotFound."""
        with self._store.writing(actor) as work:
            if not work.api_tokens.remove(actor.user_id, token_id):
                raise ApiTokenNotFound
            self._recorder.success(work, Kind.API_TOKEN_REVOKE, origin, actor.user_id, actor.session_id)
