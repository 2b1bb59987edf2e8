"""Domain errors: all reasons for which a use case refuses a request.

An error states a fact. The entrypoint decides on the response and its status.

    DomainError
    ├── InvalidInput            values that can never be accepted; lists every bad field
    ├── NotAuthenticated        the caller is not identified
    │   ├── InvalidCredentials  unknown user, wrong password or disabled user: does not say which
    │   ├── CodeRequired        the password is right, but a two-factor code is required
    │   ├── InvalidToken        forged, malformed, expired or of the wrong kind
    │   └── SessionEnded        a genuine token whose session has ended or whose user is disabled
    ├── Forbidden               the caller is identified, but not allowed to do this
    │   ├── RegistrationClosed  no account can be created
    │   ├── NotAllowed          the caller's role does not allow this
    │   ├── SessionRequired     an API token was used where a session is required
    │   ├── AccountDisabled     the password or the token is right, but an administrator disabled the account
    │   ├── AdminRequired       the user does not administer the service
    │   ├── ConfirmationRequired the password must be confirmed again
    │   └── InsufficientScope   the API token lacks the required scope
    ├── NotFound                absent, or not visible to the caller
    │   ├── TaskNotFound
    │   ├── CategoryNotFound
    │   ├── ChangeNotFound
    │   ├── MemberNotFound
    │   ├── SessionNotFound
    │   ├── ApiTokenNotFound
    │   ├── InviteNotFound
    │   ├── ImportNotFound
    │   ├── DeliveryNotFound
    │   ├── ReminderNotFound
    │   ├── NotificationNotFound
    │   └── UserNotFound
    ├── Conflict                conflicts with the stored data
    │   ├── UsernameTaken
    │   ├── EmailTaken
    │   ├── CategoryNameTaken
    │   ├── IdTaken
    │   ├── TooManyMembers
    │   ├── TooManyReminders
    │   ├── AlreadyChanged      the fields to undo have been changed again
    │   ├── NotApplied          another mutation of the same atomic push was refused
    │   ├── KeyInUse            the request with this idempotency key is still in progress
    │   ├── TooManyApiTokens
    │   ├── TooManyStreams
    │   ├── QuotaExceeded       the account would own more than it may
    │   ├── LastAdmin           the service would have no active administrator left
    │   ├── SettingFixed        the environment sets it
    │   ├── TwoFactorOn
    │   ├── TwoFactorOff
    │   ├── DeliveryEnded       the delivery is no longer due
    │   ├── NothingToVerify     the account has no unverified address
    │   └── MailOff             no mail is configured
    ├── KeyReused               an idempotency key was used for another request
    ├── Stale                   the caller's version is not the current one
    ├── CursorExpired           changes since the cursor can no longer be read
    ├── TooManyRequests         too many attempts; retry after `retry_after` seconds
    └── Unavailable             temporary; the same call may succeed later
        ├── Busy                too many calls, of this kind or of this user, are waiting
        ├── StorageUnavailable  the database cannot be reached or did not answer in time
        └── StorageFull         the database has no room left for this write
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

MAX_RETRY_SECONDS = 5  # seconds
_RANDOM = random.Random()  # noqa: S311  # not a secret


class DomainError(Exception):
    """A use case refused a request. `slug` identifies the kind for programs, `title` describes it for users."""

    slug: ClassVar[str] = "error"
    title: ClassVar[str] = "The request was refused"

    def __init__(self, detail: str | None = None) -> None:
        self.detail = detail or f"{self.title}."
        super().__init__(self.detail)


@dataclass(frozen=True, slots=True)
class FieldError:
    """One refused value: the field's name in the caller's input, and the reason."""

    field: str
    message: str


class InvalidInput(DomainError):
    """Some values can never be accepted; `errors` lists each of them."""

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
        """Return this error with every field name prefixed by the name of an enclosing field."""
        return InvalidInput(*(FieldError(f"{field}.{error.field}", error.message) for error in self.errors))


class NotAuthenticated(DomainError):
    """The caller is not authenticated."""

    slug = "not-authenticated"
    title = "Authentication is required"


class InvalidCredentials(NotAuthenticated):
    """The login failed. The error does not contain the reason, so that attackers do not learn it."""

    slug = "invalid-credentials"
    title = "The username or password is wrong"


class CodeRequired(NotAuthenticated):
    """The password is right, but the login also requires a code of the second factor."""

    slug = "code-required"
    title = "A two-factor code is required"


class InvalidToken(NotAuthenticated):
    """The token is forged, malformed, expired or of the wrong kind."""

    slug = "invalid-token"
    title = "The token is not valid"


class SessionEnded(NotAuthenticated):
    """The token is well-formed, but its session has ended, its API token is gone, or its user is disabled."""

    slug = "session-ended"
    title = "The session has ended"


class Forbidden(DomainError):
    """The caller is authenticated, but may not do this."""

    slug = "forbidden"
    title = "This is not allowed"


class SessionRequired(Forbidden):
    """An API token was used for an operation that requires a session."""

    slug = "session-required"
    title = "A session is required; API tokens are not accepted"


class AdminRequired(Forbidden):
    """The user does not administer the service, or not any more."""

    slug = "admin-required"
    title = "Only administrators of the service may do this"


class AccountDisabled(Forbidden):
    """An administrator disabled the account. Only a right password or a genuine refresh token gets this error."""

    slug = "account-disabled"
    title = "This account is disabled; ask an administrator"


class RegistrationClosed(Forbidden):
    """This server does not allow to create accounts."""

    slug = "registration-closed"
    title = "Registration is closed"


class ConfirmationRequired(Forbidden):
    """The session must first confirm the password again, and a two-factor code if two-factor authentication is on."""

    slug = "confirmation-required"
    title = "The password must be confirmed again"


class InsufficientScope(Forbidden):
    """The API token lacks the required `scope`."""

    slug = "insufficient-scope"
    title = "The API token lacks the scope for this"

    def __init__(self, scope: str) -> None:
        self.scope = scope
        super().__init__(f"This requires the scope {scope}.")


class NotAllowed(Forbidden):
    """The caller sees the task or category, but lacks the required role in it."""

    slug = "not-allowed"
    title = "Your role does not allow this"


class NotFound(DomainError):
    """The object does not exist or is not visible to the caller. The error does not show which."""

    slug = "not-found"
    title = "Not found"


class TaskNotFound(NotFound):
    """The caller can see no task with this id."""

    slug = "task-not-found"
    title = "There is no such task"


class CategoryNotFound(NotFound):
    """The caller can see no category with this id."""

    slug = "category-not-found"
    title = "There is no such category"


class ChangeNotFound(NotFound):
    """The task has no change with this id in its history."""

    slug = "change-not-found"
    title = "There is no such change"


class MemberNotFound(NotFound):
    """The task or category is not shared with this user."""

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


class InviteNotFound(NotFound):
    """There is no invitation with this id."""

    slug = "invite-not-found"
    title = "There is no such invitation"


class ImportNotFound(NotFound):
    """The caller has no import with this id."""

    slug = "import-not-found"
    title = "There is no such import"


class DeliveryNotFound(NotFound):
    """There is no delivery with this id."""

    slug = "delivery-not-found"
    title = "There is no such delivery"


class ReminderNotFound(NotFound):
    """The caller has no reminder with this id."""

    slug = "reminder-not-found"
    title = "There is no such reminder"


class NotificationNotFound(NotFound):
    """The caller has no notification with this id."""

    slug = "notification-not-found"
    title = "There is no such notification"


class UserNotFound(NotFound):
    """No user has this username or e-mail address."""

    slug = "user-not-found"
    title = "There is no such user"


class Conflict(DomainError):
    """The values are valid, but conflict with the stored data."""

    slug = "conflict"
    title = "The request conflicts with stored data"


class UsernameTaken(Conflict):
    """Another user has this username, possibly in another case or Unicode form."""

    slug = "username-taken"
    title = "The username is taken"


class EmailTaken(Conflict):
    """Another user has this e-mail address."""

    slug = "email-taken"
    title = "The e-mail address is taken"


class CategoryNameTaken(Conflict):
    """The user has another category with this name. `existing` is its id, if it is known."""

    slug = "category-name-taken"
    title = "A category of this name exists"

    def __init__(self, existing: UUID | None = None) -> None:
        self.existing = existing
        super().__init__()


class IdTaken(Conflict):
    """Another item is stored under this id."""

    slug = "id-taken"
    title = "The id is taken"


class TooManyMembers(Conflict):
    """The task or category has the maximum number of members."""

    slug = "too-many-members"
    title = "There are too many members"


class TooManyReminders(Conflict):
    """The user has the maximum number of reminders of the task."""

    slug = "too-many-reminders"
    title = "The task has too many reminders"


class AlreadyChanged(Conflict):
    """The change cannot be undone: a later change affects the same fields."""

    slug = "already-changed"
    title = "The same fields have been changed again"


class NotApplied(Conflict):
    """The mutation was not applied, because another mutation of the same atomic push was refused."""

    slug = "not-applied"
    title = "Another mutation was refused"


class KeyInUse(Conflict):
    """A request with the same idempotency key is still in progress."""

    slug = "idempotency-key-in-use"
    title = "A request with this idempotency key is in progress"
    retry_after: ClassVar[int] = 1


class KeyReused(DomainError):
    """The idempotency key was used before, for a request with another method, path or body."""

    slug = "idempotency-key-reused"
    title = "The idempotency key was used for another request"


class TooManyApiTokens(Conflict):
    """The account has the maximum number of API tokens; one must be revoked first."""

    slug = "too-many-api-tokens"
    title = "The account has too many API tokens"


class TooManyStreams(Conflict):
    """The user has the maximum number of event streams open."""

    slug = "too-many-streams"
    title = "Too many streams are open"


class QuotaExceeded(Conflict):
    """The owner of the items would own more than their account may. `quota` is one of the names in `_MEASURED`."""

    slug = "quota-exceeded"
    title = "The quota of the account is used up"

    _MEASURED: ClassVar[Mapping[str, str]] = {
        "tasks": "tasks, those in the trash included",
        "categories": "categories",
        "bytes": "bytes of text in tasks, those in the trash included",
    }

    def __init__(self, quota: str, limit: int) -> None:
        self.quota = quota
        self.limit = limit
        super().__init__(f"The owner's account may have at most {limit} {self._MEASURED[quota]}.")


class LastAdmin(Conflict):
    """The service would have no active administrator left."""

    slug = "last-admin"
    title = "The last active administrator cannot be disabled, demoted or deleted"


class SettingFixed(Conflict):
    """An environment variable of the server sets this, so it cannot be changed here."""

    slug = "setting-fixed"
    title = "The setting is set by the server's environment"


class TwoFactorOn(Conflict):
    """Two-factor authentication is already on; it must be turned off first."""

    slug = "two-factor-on"
    title = "Two-factor authentication is on"


class TwoFactorOff(Conflict):
    """Two-factor authentication is not on or, when its set-up is confirmed, was not set up."""

    slug = "two-factor-off"
    title = "Two-factor authentication is off or was not set up"


class DeliveryEnded(Conflict):
    """The delivery was sent, or ended in another way, so it cannot be changed like this."""

    slug = "delivery-ended"
    title = "The delivery has ended"


class NothingToVerify(Conflict):
    """The account has no address, or has verified it."""

    slug = "nothing-to-verify"
    title = "The account has no unverified e-mail address"


class MailOff(Conflict):
    """The operation sends a mail, and the service is not configured to send any."""

    slug = "mail-off"
    title = "The service sends no mail"


class Stale(DomainError):
    """The caller's version is not the current one. `current` is the current entity."""

    slug = "stale-version"
    title = "The resource has changed since it was read"

    def __init__(self, current: Any = None) -> None:
        self.current = current
        super().__init__()


class CursorExpired(DomainError):
    """Changes since this sync cursor can no longer be read: the client must fetch the full state again."""

    slug = "cursor-expired"
    title = "The cursor has expired"


class TooManyRequests(DomainError):
    """There were too many attempts; the caller may retry after `retry_after` seconds."""

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
    """Too many calls of the same kind, or of the same user, are already waiting."""

    slug = "busy"
    title = "The service is too busy"

    def __init__(self, detail: str | None = None) -> None:
        super().__init__(detail)
        # Random, so that clients refused at the same time do not all retry at the same time.
        self.retry_after = _RANDOM.randint(1, MAX_RETRY_SECONDS)


class StorageUnavailable(Unavailable):
    """The database cannot be reached, did not answer in time, or cannot be used, for example read-only."""

    slug = "storage-unavailable"
    title = "The database is not available"

    def __init__(self, detail: str | None = None, *, reason: str | None = None) -> None:
        super().__init__(detail)
        # What failed, and what the operator can do. Clients do not get this text: it may contain names of files and
        # hosts.
        self.reason = reason


class StorageFull(Unavailable):
    """The database has no room left for this write."""

    slug = "storage-full"
    title = "The database is full"
    retry_after = 60
