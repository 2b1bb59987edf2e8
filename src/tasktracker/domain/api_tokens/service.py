"""Creating, listing and revoking API tokens."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from tasktracker.domain.activity.event import UNKNOWN_ORIGIN, Kind, Origin
from tasktracker.domain.activity.recorder import Recorder
from tasktracker.domain.api_tokens.api_token import API_TOKEN, ApiToken, ApiTokenFields
from tasktracker.domain.api_tokens.ports import ApiTokenWork
from tasktracker.domain.kernel.characters import Characters
from tasktracker.domain.kernel.clock import IdGenerator
from tasktracker.domain.kernel.errors import ApiTokenNotFound, InvalidInput, TooManyApiTokens

MAX_API_TOKENS = 50


class ApiTokenService:
    """Use cases on the actor's own API tokens. They require a session: no API token can manage API tokens."""

    def __init__(
        self, *, recorder: Recorder, ids: IdGenerator, characters: Characters, limit: int = MAX_API_TOKENS
    ) -> None:
        self._recorder = recorder
        self._ids = ids
        self._characters = characters
        self._limit = limit

    def create(
        self, work: ApiTokenWork, fields: ApiTokenFields, origin: Origin = UNKNOWN_ORIGIN
    ) -> tuple[ApiToken, str]:
        """Create a token and return it with its text, which is not stored.

        Raises InvalidInput, TooManyApiTokens.
        """
        actor = work.actor
        fields = API_TOKEN.complete(fields, self._characters)
        if fields["expires_at"] is not None and fields["expires_at"] <= work.now:
            raise InvalidInput.of("expires_at", "must be in the future")
        work.users.find(actor.user_id)  # locks the user, so that concurrent calls cannot exceed the limit
        if len(work.api_tokens.list(actor.user_id)) >= self._limit:
            raise TooManyApiTokens(f"An account has at most {self._limit} API tokens.")
        token, text = ApiToken.create(id=self._ids.new(), user_id=actor.user_id, fields=fields, now=work.now)
        work.api_tokens.add(token)
        self._recorder.success(work, Kind.API_TOKEN_CREATE, origin, actor.user_id, actor.session_id)
        return token, text

    def list(self, work: ApiTokenWork) -> Sequence[ApiToken]:
        """Return the actor's tokens, the newest first."""
        return work.api_tokens.list(work.actor.user_id)

    def revoke(self, work: ApiTokenWork, token_id: UUID, origin: Origin = UNKNOWN_ORIGIN) -> None:
        """Revoke a token: its next request is refused. Raises ApiTokenNotFound."""
        actor = work.actor
        if not work.api_tokens.remove(actor.user_id, token_id):
            raise ApiTokenNotFound
        self._recorder.success(work, Kind.API_TOKEN_REVOKE, origin, actor.user_id, actor.session_id)
