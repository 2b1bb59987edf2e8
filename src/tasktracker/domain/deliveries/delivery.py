"""A delivery: a message that is due, with its attempts and its state."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID, uuid5

from tasktracker.domain.kernel.leases import is_free

LEASE = timedelta(minutes=2)
"""How long a process has a delivery for itself. After that, another process may send it. Sending takes less time."""

RETRIED_FOR = timedelta(hours=24)
"""The time after which a delivery that cannot be sent has failed."""

RESTORED = "the database was restored from a backup"
"""Why deliveries that were due in a backup are skipped."""

BY_ADMIN: Mapping[str, str] = {"by_admin": "yes"}
"""The parameter of a notice about what an administrator or a command did."""

FIRST_PAUSE, MAX_PAUSE = timedelta(seconds=30), timedelta(hours=1)
"""The pause after the first attempt, and the longest pause. Each pause doubles, and is multiplied by 0.5 to 1.5."""


class Channel(StrEnum):
    """How a message reaches its recipient."""

    MAIL = "mail"


class DeliveryKind(StrEnum):
    """What a message is about."""

    # The texts of each kind are in the catalogue under its value.
    VERIFY_EMAIL = "verify-email"
    RESET_PASSWORD = "reset-password"  # noqa: S105  # the name of a message
    INVITATION = "invitation"
    SHARE_INVITATION = "share-invitation"
    NEW_DEVICE = "new-device"
    SESSION_REPLAYED = "session-replayed"
    PASSWORD_CHANGED = "password-changed"  # noqa: S105
    PASSWORD_LINK = "password-link"  # noqa: S105
    ADDRESS_CHANGED = "address-changed"
    TWO_FACTOR_ENABLED = "two-factor-enabled"
    TWO_FACTOR_DISABLED = "two-factor-disabled"
    RECOVERY_CODE_USED = "recovery-code-used"
    API_TOKEN_CREATED = "api-token-created"  # noqa: S105
    API_TOKEN_REVOKED = "api-token-revoked"  # noqa: S105
    PROMOTED = "promoted"
    DEMOTED = "demoted"
    REMINDER = "reminder"
    DAILY_SUMMARY = "daily-summary"


SECURITY = frozenset(
    (
        DeliveryKind.NEW_DEVICE,
        DeliveryKind.SESSION_REPLAYED,
        DeliveryKind.PASSWORD_CHANGED,
        DeliveryKind.PASSWORD_LINK,
        DeliveryKind.ADDRESS_CHANGED,
        DeliveryKind.TWO_FACTOR_ENABLED,
        DeliveryKind.TWO_FACTOR_DISABLED,
        DeliveryKind.RECOVERY_CODE_USED,
        DeliveryKind.API_TOKEN_CREATED,
        DeliveryKind.API_TOKEN_REVOKED,
        DeliveryKind.PROMOTED,
        DeliveryKind.DEMOTED,
    )
)
"""The notices about the security of an account, of which users also get a notification in the service."""


class DeliveryState(StrEnum):
    """Whether a delivery is due, or how it ended."""

    DUE = "due"
    SENT = "sent"
    """The relay accepted it."""
    FAILED = "failed"
    """The relay refused it, or it could not be sent in time."""
    CANCELLED = "cancelled"
    """An administrator cancelled it."""
    SKIPPED = "skipped"
    """It was not needed any more: for example, the account or its verified address was removed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A message to a user or to an address. There is at most one for each cause and channel.

    Without an `address`, it goes to the verified address that the user has when it is sent. `parameters` are texts for
    the template. They never contain a secret: the token of a link is derived when the message is sent. `message_id`
    (RFC 5322 §3.6.4) is the same in each attempt, so that a recipient can recognize a duplicate. `problem` is why the
    last attempt failed, or why the delivery was skipped.
    """

    id: UUID
    kind: DeliveryKind
    channel: Channel = Channel.MAIL
    cause: UUID
    user_id: UUID | None = None
    address: str | None = None
    message_id: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    state: DeliveryState = DeliveryState.DUE
    attempts: int = 0
    problem: str | None = None
    created_at: datetime
    next_attempt_at: datetime
    retried_until: datetime
    leased_until: datetime | None = None
    ended_at: datetime | None = None

    @classmethod
    def of(
        cls,
        kind: DeliveryKind,
        cause: UUID,
        now: datetime,
        *,
        mail_domain: str,
        user_id: UUID | None = None,
        address: str | None = None,
        parameters: Mapping[str, str] | None = None,
    ) -> Delivery:
        """Return the delivery by mail of a cause."""
        id_ = uuid5(cause, Channel.MAIL)
        return cls(
            id=id_,
            kind=kind,
            cause=cause,
            user_id=user_id,
            address=address,
            message_id=f"<{id_}@{mail_domain}>",
            parameters=parameters or {},
            created_at=now,
            next_attempt_at=now,
            retried_until=now + RETRIED_FOR,
        )

    @property
    def key(self) -> DeliveryKey:
        """The sort key in lists."""
        return DeliveryKey(self.created_at, self.id)

    def is_claimable(self, now: datetime) -> bool:
        """Whether an attempt is due, and no process makes one."""
        is_due = self.state is DeliveryState.DUE and self.next_attempt_at <= now
        return is_due and is_free(self.leased_until, now, LEASE)

    def claimed(self, now: datetime) -> Delivery:
        """Return the delivery at the begin of an attempt."""
        return replace(self, leased_until=now + LEASE, attempts=self.attempts + 1)

    def ended(self, state: DeliveryState, now: datetime, problem: str | None = None) -> Delivery:
        """Return the delivery in a last state. If it cannot be retried, its parameters are removed."""
        parameters = self.parameters if state in RETRYABLE else {}
        return replace(self, state=state, ended_at=now, problem=problem, leased_until=None, parameters=parameters)

    def deferred(self, now: datetime, problem: str, jitter: Callable[[], float]) -> Delivery:
        """Return the delivery after an attempt that failed. `jitter` returns a number from 0 to 1."""
        if now >= self.retried_until:
            return self.ended(DeliveryState.FAILED, now, problem)
        doublings = min(max(self.attempts, 1), 12) - 1
        pause = min(FIRST_PAUSE * 2**doublings, MAX_PAUSE) * (0.5 + jitter())
        return replace(self, next_attempt_at=now + pause, problem=problem, leased_until=None)

    def retried(self, now: datetime) -> Delivery:
        """Return the delivery, due at once and for another 24 hours."""
        return replace(
            self, state=DeliveryState.DUE, ended_at=None, next_attempt_at=now, retried_until=now + RETRIED_FOR
        )


RETRYABLE = (DeliveryState.DUE, DeliveryState.FAILED, DeliveryState.CANCELLED)
"""The states in which an administrator may ask for another attempt."""


@dataclass(frozen=True, slots=True, order=True)
class DeliveryKey:
    """The sort key of deliveries, which are listed newest first; the id orders those of the same time."""

    created_at: datetime
    id: UUID


@dataclass(frozen=True, slots=True)
class Failing:
    """Due deliveries whose last attempts failed.

    They are described by their number, when the oldest was created, and their most common problem.
    """

    count: int
    since: datetime
    problem: str


@dataclass(frozen=True, slots=True)
class ListedTask:
    """A task in a letter: its title, its day or moment in the form of ISO 8601 or empty, and its path in the app."""

    title: str
    due: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """The content of a delivery, before it becomes a mail.

    `link` is the kind and the token of a one-time link; without it, the button leads to a `path` of the app. `tasks`
    are lists under the keys of their labels. `unsubscribe` is the token with which the user ends mails of this kind.
    """

    kind: str
    message_id: str
    created_at: datetime
    to: str
    language: str
    parameters: Mapping[str, str]
    link: tuple[str, str] | None = None
    path: str = ""
    tasks: Mapping[str, Sequence[ListedTask]] = field(default_factory=dict)
    unsubscribe: str | None = None
