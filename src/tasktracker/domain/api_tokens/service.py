"""Creating, listing and revoking API tokens."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from tasktracker.domain.accounts.password_confirmation import PasswordConfirmation
from tasktracker.domain.accounts.user import User
from tasktracker.domain.activity.event import UNKNOWN_ORIGIN, Kind, Origin
from tasktracker.domain.activity.recorder import Recorder
from tasktracker.domain.api_tokens.api_token import API_TOKEN, ApiToken, ApiTokenFields
from tasktracker.domain.api_tokens.ports import ApiTokenWork
from tasktracker.domain.kernel.actors import SessionActor
from tasktracker.domain.kernel.characters import Characters
from tasktracker.domain.kernel.clock import IdGenerator
from tasktracker.domain.kernel.errors import ApiTokenNotFound, InvalidInput, TooManyApiTokens

MAX_API_TOKENS = 50


class ApiTokenService:
    """Use cases and processes on the actor's own API tokens. An API token cannot manage API tokens."""

    def __init__(
        self,
        *,
        confirmation: PasswordConfirmation[ApiTokenWork],
        recorder: Recorder,
        ids: IdGenerator,
        characters: Characters,
        limit: int = MAX_API_TOKENS,
    ) -> None:
        self._confirmation = confirmation
        self._recorder = recorder
        self._ids = ids
        self._characters = characters
        self._limit = limit

    def create(
        self,
        actor: SessionActor,
        fields: ApiTokenFields,
        password: str | None = None,
        code: str | None = None,
        origin: Origin = UNKNOWN_ORIGIN,
    ) -> tuple[ApiToken, str]:
        """Create a token and return it with its text, which is not stored.

        This is a process: no unit of work is open while the password is verified. Raises InvalidInput,
        ConfirmationRequired, TooManyApiTokens, TooManyRequests.
        """
        complete = API_TOKEN.complete(fields, self._characters)

        def create(work: ApiTokenWork, user: User) -> tuple[ApiToken, str]:
            if complete["expires_at"] is not None and complete["expires_at"] <= work.now:
                raise InvalidInput.of("expires_at", "must be in the future")
            # The user is locked, so concurrent calls cannot exceed the limit.
            if len(work.api_tokens.list(user.id)) >= self._limit:
                raise TooManyApiTokens(f"An account has at most {self._limit} API tokens.")
            token, text = ApiToken.create(id=self._ids.new(), user_id=user.id, fields=complete, now=work.now)
            work.api_tokens.add(token)
            self._recorder.success(work, Kind.API_TOKEN_CREATE, origin, actor.user_id, actor.session_id)
            return token, text

        return self._confirmation.write(actor, password, "password", Kind.API_TOKEN_CREATE, origin, create, code)

    def list(self, work: ApiTokenWork) -> Sequence[ApiToken]:
        """Return the actor's tokens, the newest first."""
        return work.api_tokens.list(work.actor.user_id)

    def revoke(self, work: ApiTokenWork, token_id: UUID, origin: Origin = UNKNOWN_ORIGIN) -> None:
        """Revoke a token: its next request is refused. Raises ApiTokenNotFound."""
        actor = work.actor
        if not work.api_tokens.remove(actor.user_id, token_id):
            raise ApiTokenNotFound
        self._recorder.success(work, Kind.API_TOKEN_REVOKE, origin, actor.user_id, actor.session_id)
