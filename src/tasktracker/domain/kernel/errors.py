"""Everything a use case can refuse, as facts.

An error names what is the case; what a caller is told, and by which status, is the entrypoint's affair.

    DomainError
    ├── InvalidInput            a value that can never be accepted, with every bad field
    ├── NotAuthenticated        nobody can be told apart from anybody
    │   ├── InvalidCredentials  unknown user, wrong password or disabled user: never says which
    │   ├── CodeRequired        the password is right, and a code is needed too
    │   ├── InvalidToken        forged, malformed, expired or of the wrong kind
    │   └── SessionEnded        a genuine token whose session or user is no longer live
    ├── Forbidden               known, and not allowed
    │   ├── NotAllowed          a member of the task, but not in the part this takes
    │   ├── SessionRequired     an API token was used for what takes a session
    │   └── InsufficientScope   an API token was used for what it was not made for
    ├── NotFound                absent, or not the caller's to see
    │   ├── TaskNotFound
    │   ├── CategoryNotFound
    │   ├── ChangeNotFound
    │   ├── MemberNotFound
    │   ├── SessionNotFound
    │   ├── ApiTokenNotFound
    │   └── UserNotFound
    ├── Conflict                true of the data as it stands now
    │   ├── UsernameTaken
    │   ├── EmailTaken
    │   ├── CategoryNameTaken
    │   ├── IdTaken
    │   ├── TooManyMembers
    │   ├── AlreadyChanged      what is to be undone has been changed again
    │   ├── NotApplied          what was to be done together with it was refused
    │   ├── KeyInUse            the request with this idempotency key is still under way
    │   ├── TooManyApiTokens
    │   ├── TooManyStreams
    │   ├── TwoFactorOn
    │   └── TwoFactorOff
    ├── KeyReused               an idempotency key was used for another request
    ├── Stale                   the caller decided on an older version
    ├── CursorExpired           what has changed since can no longer be told
    ├── TooManyRequests         tried too often; `retry_after` says when to try again
    └── Unavailable             not now; the same call may succeed later
        ├── Busy                too much of the same work is already waiting
        ├── StorageUnavailable  the database cannot be reached or did not answer in time
        └── StorageFull         the database has no room left for this write
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar

MAX_RETRY_SECONDS = 5  # seconds


class DomainError(Exception):
    """A use case refused. `slug` identifies the kind to machines, `title` to people."""

    slug: ClassVar[str] = "error"
    title: ClassVar[str] = "The request was refused"

    def __init__(self, detail: str | None = None) -> None:
        self.detail = detail or f"{self.title}."
        super().__init__(self.detail)


@dataclass(frozen=True, slots=True)
class FieldError:
    """One refused value: the field's name as the caller knows it, and why."""

    field: str
    message: str


class InvalidInput(DomainError):
    """Some values can never be accepted; `errors` names each of them."""

    slug = "invalid-input"
    title = "Some fields are invalid"

    def __init__(self, *errors: FieldError) -> None:
        self.errors = errors
        super().__init__("; ".join(f"{error.field}: {error.message}" for error in errors) or None)

    @classmethod
    def of(cls, field: str, message: str) -> InvalidInput:
        """Refuse a single field."""
        return cls(FieldError(field, message))

    def within(self, field: str) -> InvalidInput:
        """Return the same of what is in a field of something larger."""
        return InvalidInput(*(FieldError(f"{field}.{error.field}", error.message) for error in self.errors))


class NotAuthenticated(DomainError):
    """The caller has not shown who they are."""

    slug = "not-authenticated"
    title = "Authentication is required"


class InvalidCredentials(NotAuthenticated):
    """The login failed; on purpose, nothing tells why."""

    slug = "invalid-credentials"
    title = "The username or password is wrong"


class CodeRequired(NotAuthenticated):
    """The password is right; logging in also takes a code of the second factor."""

    slug = "code-required"
    title = "A two-factor code is required"


class InvalidToken(NotAuthenticated):
    """The token is forged, malformed, expired or of the wrong kind."""

    slug = "invalid-token"
    title = "The token is not valid"


class SessionEnded(NotAuthenticated):
    """The token is well-formed, but the session or API token behind it has ended, or its user may not act any more."""

    slug = "session-ended"
    title = "The session has ended"


class Forbidden(DomainError):
    """The caller is known, and may not do this."""

    slug = "forbidden"
    title = "This is not allowed"


class SessionRequired(Forbidden):
    """An API token was used for something that takes a person who has logged in."""

    slug = "session-required"
    title = "A session is required; API tokens are not accepted"


class InsufficientScope(Forbidden):
    """An API token was used for something it was not made for. `scope` is what it would take."""

    slug = "insufficient-scope"
    title = "The API token lacks the scope for this"

    def __init__(self, scope: str) -> None:
        self.scope = scope
        super().__init__(f"This takes the scope {scope}.")


class NotAllowed(Forbidden):
    """The caller sees the task, and has not the part in it that this takes."""

    slug = "not-allowed"
    title = "Your role in this task does not allow this"


class NotFound(DomainError):
    """There is no such thing, or it is not the caller's to see: the two are never told apart."""

    slug = "not-found"
    title = "Not found"


class TaskNotFound(NotFound):
    """The caller can see no task with this id."""

    slug = "task-not-found"
    title = "There is no such task"


class CategoryNotFound(NotFound):
    """The caller has no category with this id."""

    slug = "category-not-found"
    title = "There is no such category"


class ChangeNotFound(NotFound):
    """The task has no change with this id in its history."""

    slug = "change-not-found"
    title = "There is no such change"


class MemberNotFound(NotFound):
    """The task is not shared with this user."""

    slug = "member-not-found"
    title = "There is no such member"


class SessionNotFound(NotFound):
    """The caller has no live session with this id."""

    slug = "session-not-found"
    title = "There is no such session"


class ApiTokenNotFound(NotFound):
    """The caller has no API token with this id."""

    slug = "api-token-not-found"
    title = "There is no such API token"


class UserNotFound(NotFound):
    """No user has this name."""

    slug = "user-not-found"
    title = "There is no such user"


class Conflict(DomainError):
    """The values are fine in themselves but clash with what is stored."""

    slug = "conflict"
    title = "The request conflicts with what is stored"


class UsernameTaken(Conflict):
    """Somebody has this username, perhaps spelled in another case or Unicode form."""

    slug = "username-taken"
    title = "The username is taken"


class EmailTaken(Conflict):
    """Somebody has this e-mail address."""

    slug = "email-taken"
    title = "The e-mail address is taken"


class CategoryNameTaken(Conflict):
    """The user has another category of this name."""

    slug = "category-name-taken"
    title = "A category of this name exists"


class IdTaken(Conflict):
    """Something else is stored under this id."""

    slug = "id-taken"
    title = "The id is taken"


class TooManyMembers(Conflict):
    """The task is shared with as many people as it can be."""

    slug = "too-many-members"
    title = "The task has too many members"


class AlreadyChanged(Conflict):
    """The change cannot be undone: the same fields have been changed again since."""

    slug = "already-changed"
    title = "The same fields have been changed since"


class NotApplied(Conflict):
    """Nothing was done, as another mutation was refused that was to be applied together with this one."""

    slug = "not-applied"
    title = "Another mutation was refused"


class KeyInUse(Conflict):
    """A request with the same idempotency key is still under way."""

    slug = "idempotency-key-in-use"
    title = "A request with this idempotency key is under way"
    retry_after: ClassVar[int] = 1


class KeyReused(DomainError):
    """The idempotency key was used for another request before: another method, path or body."""

    slug = "idempotency-key-reused"
    title = "The idempotency key was used for another request"


class TooManyApiTokens(Conflict):
    """The account has as many API tokens as it may have; one must be revoked first."""

    slug = "too-many-api-tokens"
    title = "The account has too many API tokens"


class TooManyStreams(Conflict):
    """The user has as many event streams open as they may have."""

    slug = "too-many-streams"
    title = "Too many streams are open"


class TwoFactorOn(Conflict):
    """Two-factor authentication is on already; it must be turned off first."""

    slug = "two-factor-on"
    title = "Two-factor authentication is on"


class TwoFactorOff(Conflict):
    """Two-factor authentication is not on."""

    slug = "two-factor-off"
    title = "Two-factor authentication is off"


class Stale(DomainError):
    """The caller named a version that is not the current one. `current` is the entity as it stands."""

    slug = "stale-version"
    title = "The resource has changed since it was read"

    def __init__(self, current: Any = None) -> None:
        self.current = current
        super().__init__()


class CursorExpired(DomainError):
    """What has changed since a sync cursor was given can no longer be told: the full state is to be fetched anew."""

    slug = "cursor-expired"
    title = "The cursor can no longer be continued from"


class TooManyRequests(DomainError):
    """This was tried too often; it may be tried again after `retry_after` seconds."""

    slug = "too-many-requests"
    title = "Too many requests"

    def __init__(self, wait: timedelta) -> None:
        self.retry_after = max(1, math.ceil(wait.total_seconds()))
        super().__init__(f"Try again in {self.retry_after} seconds.")


class Unavailable(DomainError):
    """Nothing was done; the same call may succeed after `retry_after` seconds."""

    slug = "unavailable"
    title = "The service cannot do this right now"
    retry_after: int = 1


class Busy(Unavailable):
    """Too many of the same costly calls are waiting already."""

    slug = "busy"
    title = "The service is too busy"

    def __init__(self, detail: str | None = None) -> None:
        super().__init__(detail)
        # Spread out, or else all who are turned away at once also come back at once.
        self.retry_after = random.randint(1, MAX_RETRY_SECONDS)  # noqa: S311  # nothing secret about it


class StorageUnavailable(Unavailable):
    """The database cannot be reached, or could not finish in time."""

    slug = "storage-unavailable"
    title = "The database is not available"


class StorageFull(Unavailable):
    """The database has no room left for this write."""

    slug = "storage-full"
    title = "The database is full"
    retry_after = 60
