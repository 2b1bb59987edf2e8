"""API tokens, which users create for programs.

The text of a token contains the user's id, the token's id and a random secret. Only a hash of the secret is stored. The
secret has 192 bits and cannot be guessed, so a fast hash is enough.
"""

from __future__ import annotations

import binascii
import hashlib
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated, TypedDict
from uuid import UUID

from tasktracker.domain.kernel.actors import Scope, TokenActor
from tasktracker.domain.kernel.errors import InvalidToken
from tasktracker.domain.kernel.fields import (
    Editable,
    EditableFields,
    Refused,
    moment,
    optional,
    require_visible,
    text,
)

MAX_NAME_LENGTH = 100
PREFIX = "tt_"  # lets users and secret scanners recognize an API token
SECRET_BYTES = 24
USE_STEP = timedelta(hours=1)
_PAYLOAD_BYTES = 16 + 16 + SECRET_BYTES


class ApiTokenFields(TypedDict, total=False):
    """The fields that a user sets on a new token."""

    name: str
    scopes: frozenset[Scope]
    expires_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiToken:
    """A token of a user. It never expires if `expires_at` is None.

    `last_used_at` is stored at most once in `USE_STEP`, so that most reads store nothing. So uses in the last
    `USE_STEP` may be missing.
    """

    id: UUID
    user_id: UUID
    name: Annotated[str, Editable(text(shortest=1, longest=MAX_NAME_LENGTH, trim=True), new=require_visible)]
    scopes: Annotated[frozenset[Scope], Editable(scope_set)]
    secret_hash: bytes = field(repr=False)
    created_at: datetime
    expires_at: Annotated[datetime | None, Editable(optional(moment))] = None
    last_used_at: datetime | None = None

    @classmethod
    def create(cls, *, id: UUID, user_id: UUID, fields: ApiTokenFields, now: datetime) -> tuple[ApiToken, str]:
        """Return a new token and its text, which is not stored."""
        secret = secrets.token_bytes(SECRET_BYTES)
        token = cls(id=id, user_id=user_id, secret_hash=_hash(secret), created_at=now, **fields)
        return token, _text(user_id.bytes + id.bytes + secret)

    def is_live(self, now: datetime) -> bool:
        """Whether the token has not expired."""
        return self.expires_at is None or now < self.expires_at


def is_use_due(last_used_at: datetime | None, now: datetime) -> bool:
    """Whether a use of a token at this time is to be stored."""
    return last_used_at is None or now - last_used_at >= USE_STEP


def has_api_token_prefix(token: str) -> bool:
    """Whether a bearer token is meant as an API token."""
    return token.startswith(PREFIX)


def actor_of(token: str) -> TokenActor:
    """Return the actor of a token. Opening a unit of work later checks that the token exists. Raises InvalidToken."""
    encoded = token.removeprefix(PREFIX)
    try:
        payload = urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
    except (binascii.Error, ValueError):
        raise InvalidToken from None
    # A token has exactly one text. The decoder ignores characters outside base64 and unused bits.
    if len(payload) != _PAYLOAD_BYTES or _text(payload) != token:
        raise InvalidToken
    user_id, token_id = UUID(bytes=payload[:16]), UUID(bytes=payload[16:32])
    return TokenActor(user_id=user_id, token_id=token_id, secret_hash=_hash(payload[32:]))


def _text(payload: bytes) -> str:
    return PREFIX + urlsafe_b64encode(payload).decode().rstrip("=")


def _hash(secret: bytes) -> bytes:
    return hashlib.sha256(secret).digest()


def scope_set(value: Iterable[Scope]) -> frozenset[Scope]:
    """The scopes of a token: at least one."""
    scopes = frozenset(Scope(scope) for scope in value)
    if not scopes:
        raise Refused("must not be empty")
    return scopes


API_TOKEN = EditableFields[ApiTokenFields](ApiToken)
