"""The repository of deliveries, the port that sends them, and units of work that add them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from email.message import EmailMessage
from typing import Protocol, TypeVar
from uuid import UUID

from tasktracker.domain.deliveries.delivery import Delivery, DeliveryKey, DeliveryKind, DeliveryState, Failing, Letter
from tasktracker.domain.kernel.paging import Page
from tasktracker.domain.notifications.ports import NotifyingWork


class DeliveryRepository(Protocol):
    """Stores deliveries, due ones and ended ones."""

    def add(self, delivery: Delivery) -> None:
        """Store a delivery, in the transaction of its cause. Does nothing if the cause has one on this channel.

        When the unit of work commits, the courier of this process starts at once.
        """
        ...

    def has_due(self, now: datetime) -> bool:
        """Whether a delivery can be claimed. Locks nothing."""
        ...

    def claim(self, now: datetime) -> Delivery | None:
        """Lease the claimable delivery that has been due for longest, count an attempt, and return it.

        Two callers never get the same lease.
        """
        ...

    def find(self, delivery_id: UUID) -> Delivery | None:
        """Return a delivery. A unit of work that writes locks the row until its end."""
        ...

    def save(self, delivery: Delivery) -> None:
        """Store a changed delivery."""
        ...

    def count_since(self, kind: DeliveryKind, address: str, since: datetime) -> int:
        """Return how many deliveries of a kind to an address were created since a time, without skipped ones."""
        ...

    def list(
        self, user_id: UUID | None, state: DeliveryState | None, after: DeliveryKey | None, limit: int
    ) -> Page[Delivery, DeliveryKey]:
        """Return deliveries of a user, or of all users for None, the newest first. `state` selects one state."""
        ...

    def summary(self) -> Mapping[DeliveryState, tuple[int, datetime]]:
        """Return, for each state with deliveries, their number and when the oldest was created."""
        ...

    def failing(self) -> Failing | None:
        """Describe the due deliveries whose last attempts failed; None if there are none.

        Of problems that are equally common, it is the first in the order of their texts.
        """
        ...

    def skip_due(self, now: datetime) -> int:
        """Skip all due deliveries of a restored backup, because they may have been sent. Return how many."""
        ...

    def purge_before(self, before: datetime, limit: int) -> int:
        """Remove at most `limit` deliveries that ended before `before`, and return how many."""
        ...


class DeliveryWork(NotifyingWork, Protocol):
    """A unit of work that adds deliveries."""

    @property
    def deliveries(self) -> DeliveryRepository: ...


class NotSent(Exception):
    """An attempt failed. `problem` is the reason, for users and administrators.

    After a permanent failure, another attempt with this message would fail, too. If `is_of_relay`, attempts with other
    messages would also fail now.
    """

    def __init__(self, problem: str, *, is_permanent: bool = False, is_of_relay: bool = False) -> None:
        super().__init__(problem)
        self.problem = problem
        self.is_permanent = is_permanent
        self.is_of_relay = is_of_relay


class Mailer(Protocol):
    """Writes letters as mails and hands them over to a relay. Never call it while a unit of work is open."""

    def send(self, letter: Letter) -> None:
        """Send a letter. Raises NotSent. If it takes longer than a minute, it has failed."""
        ...

    def check(self) -> str:
        """Check that mails can be sent, without sending one, and return the findings. Raises NotSent."""
        ...

    def close(self) -> None:
        """Close the connection to the relay, until the next letter."""
        ...


class MailArchive(Protocol):
    """Mails that a Mailer has kept, in development."""

    def names(self) -> Sequence[str]:
        """Return the names of all mails, the newest first."""
        ...

    def find(self, name: str) -> EmailMessage | None:
        """Return a mail by its name."""
        ...


Work_contra = TypeVar("Work_contra", contravariant=True)


class Preparation(Protocol[Work_contra]):
    """Prepares one kind of deliveries."""

    def __call__(self, work: Work_contra, delivery: Delivery) -> tuple[Delivery, Letter] | str:
        """Return the delivery to store and its letter, or the reason why it is not sent.

        It is called before each attempt. It must return the same letter again, because an earlier attempt may have
        succeeded. Only lists of tasks and their titles may be newer.
        """
        ...
