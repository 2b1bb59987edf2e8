"""Everything a use case can refuse, as facts.

An error names what is the case; what a caller is told, and by which status, is the entrypoint's affair.

    DomainError
    ├── InvalidInput            a value that can never be accepted, with every bad field
    ├── NotAuthenticated        nobody can be told apart from anybody
    │   ├── InvalidCredentials  unknown user, wrong password or disabled user: never says which
    │   ├── InvalidToken        forged, malformed, expired or of the wrong kind
    │   └── SessionEnded        a genuine token whose session or user is no longer live
    ├── NotFound                absent, or not the caller's to see
    │   ├── TaskNotFound
    │   ├── CategoryNotFound
    │   ├── SessionNotFound
    │   └── UserNotFound
    ├── Conflict                true of the data as it stands now
    │   ├── UsernameTaken
    │   ├── EmailTaken
    │   ├── CategoryNameTaken
    │   └── IdTaken
    ├── Stale                   the caller decided on an older version
    └── Unavailable             not now; the same call may succeed later
        ├── Busy                too much of the same work is already waiting
        ├── StorageUnavailable  the database cannot be reached or did not answer in time
        └── StorageFull         the database has no room left for this write
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar


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


class NotAuthenticated(DomainError):
    """The caller has not shown who they are."""

    slug = "not-authenticated"
    title = "Authentication is required"


class InvalidCredentials(NotAuthenticated):
    """The login failed; on purpose, nothing tells why."""

    slug = "invalid-credentials"
    title = "The username or password is wrong"


class InvalidToken(NotAuthenticated):
    """The token is forged, malformed, expired or of the wrong kind."""

    slug = "invalid-token"
    title = "The token is not valid"


class SessionEnded(NotAuthenticated):
    """The token is genuine, but its session was ended or its user may not act any more."""

    slug = "session-ended"
    title = "The session has ended"


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


class SessionNotFound(NotFound):
    """The caller has no live session with this id."""

    slug = "session-not-found"
    title = "There is no such session"


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


class Stale(DomainError):
    """The caller named a version that is not the current one. `current` is the entity as it stands."""

    slug = "stale-version"
    title = "The resource has changed since it was read"

    def __init__(self, current: Any = None) -> None:
        self.current = current
        super().__init__()


class Unavailable(DomainError):
    """Nothing was done; the same call may succeed after `retry_after` seconds."""

    slug = "unavailable"
    title = "The service cannot do this right now"
    retry_after: ClassVar[int] = 1


class Busy(Unavailable):
    """Too many of the same costly calls are waiting already."""

    slug = "busy"
    title = "The service is too busy"


class StorageUnavailable(Unavailable):
    """The database cannot be reached, or could not finish in time."""

    slug = "storage-unavailable"
    title = "The database is not available"


class StorageFull(Unavailable):
    """The database has no room left for this write."""

    slug = "storage-full"
    title = "The database is full"
    retry_after = 60
