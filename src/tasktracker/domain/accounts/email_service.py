"""Verifying e-mail addresses, and asking for a new password by mail."""

from __future__ import annotations

from tasktracker.domain.accounts.addresses import VerifiedAddresses, ask_to_verify
from tasktracker.domain.accounts.link_service import find_link, use_link
from tasktracker.domain.accounts.links import LinkKind, OneTimeLink
from tasktracker.domain.accounts.password_confirmation import find_self
from tasktracker.domain.accounts.ports import AccountWork, LinkWork
from tasktracker.domain.accounts.session_service import login_name
from tasktracker.domain.accounts.user import User
from tasktracker.domain.activity.event import UNKNOWN_ORIGIN, Origin
from tasktracker.domain.deliveries.delivery import DeliveryKind
from tasktracker.domain.deliveries.outbox import Outbox
from tasktracker.domain.deliveries.ports import DeliveryWork
from tasktracker.domain.kernel.actors import SessionActor, SystemActor
from tasktracker.domain.kernel.clock import IdGenerator
from tasktracker.domain.kernel.errors import InvalidInput, NothingToVerify
from tasktracker.domain.kernel.fields import check
from tasktracker.domain.kernel.store import Store
from tasktracker.domain.throttling.limit import FORGOTTEN_LIMITS, buckets
from tasktracker.domain.throttling.throttle import Throttle


class EmailService:
    """Use cases on the e-mail address of an account, and the process that accepts a request for a new password."""

    def __init__(
        self,
        *,
        store: Store[SystemActor, DeliveryWork],
        addresses: VerifiedAddresses,
        outbox: Outbox,
        throttle: Throttle,
        ids: IdGenerator,
    ) -> None:
        self._store = store
        self._addresses = addresses
        self._outbox = outbox
        self._throttle = throttle
        self._ids = ids

    def request_verification(self, work: AccountWork[SessionActor]) -> None:
        """Send the actor another link that verifies their address. Raises MailOff, NothingToVerify."""
        self._outbox.require_on()
        user = find_self(work)
        if user.unverified_email is None:
            raise NothingToVerify
        ask_to_verify(self._outbox, work, user, self._ids)

    def find_link(self, work: LinkWork, token: str) -> tuple[OneTimeLink, User]:
        """Return the live link that has this token, and its user. The link stays valid. Raises InvalidInput."""
        link, user = find_link(work, token, LinkKind.VERIFY_EMAIL)
        _address_of(link, user)
        return link, user

    def verify(self, work: AccountWork[SystemActor], token: str, origin: Origin = UNKNOWN_ORIGIN) -> User:
        """Use up a link, and make its address the verified address of the user (see `VerifiedAddresses.assign`).

        Raises InvalidInput for an invalid link, EmailTaken if another account has verified the address meanwhile.
        """
        link, user = use_link(work, token, LinkKind.VERIFY_EMAIL)
        return self._addresses.assign(work, user, _address_of(link, user), origin)

    def forgot_password(self, name: str, origin: Origin = UNKNOWN_ORIGIN) -> None:
        """Store the username or address given for a forgotten password. There may be no such account.

        This is a process. It does not search for the account, so it takes the same time for every name. The courier
        searches for it later, and deletes the stored name. Raises InvalidInput, MailOff, TooManyRequests.
        """
        name = check({"username": login_name}, {"username": name})["username"]
        self._outbox.require_on()
        self._throttle.consume(*buckets(FORGOTTEN_LIMITS, origin.address))
        with self._store.writing(SystemActor("take a request for a new password")) as work:
            self._outbox.add(work, DeliveryKind.RESET_PASSWORD, self._ids.new(), parameters={"name": name})


def _address_of(link: OneTimeLink, user: User) -> str:
    """Return the address that a link verifies. Raises InvalidInput if it is not pending now."""
    if link.address is None or link.address != user.unverified_email:
        raise InvalidInput.of("token", "is not valid: it is for an address that was replaced")
    return link.address
