"""Preparing deliveries: their recipients, their content and their links."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from tasktracker.domain.accounts.link_service import create_link
from tasktracker.domain.accounts.links import LinkKind, digest_of, state_of
from tasktracker.domain.accounts.ports import LinkWork
from tasktracker.domain.accounts.registration_ports import InviteWork
from tasktracker.domain.accounts.user import User
from tasktracker.domain.deliveries.delivery import Delivery, Letter
from tasktracker.domain.kernel.languages import DEFAULT_LANGUAGE

MAX_MAILS, IN_TIME = 3, timedelta(hours=1)
"""The limit on mails to one address, for each kind of mail that anyone can cause."""

ADDRESS_TAKEN = "address-taken"
"""The letter to the holder of an address that was entered for another account."""

TOO_MANY = f"the limit of {MAX_MAILS} such mails an hour to one address was reached"
NO_ADDRESS = "the account has no verified address"

Prepared = tuple[Delivery, Letter] | str
"""A delivery with its letter, or the reason why it is not sent. Users read the reasons of their own deliveries."""


class LetterWork(InviteWork, LinkWork, Protocol):
    """A unit of work that prepares deliveries."""

    @property
    def now(self) -> datetime: ...


class LinkTokens(Protocol):
    """Derives the tokens of the links in deliveries."""

    def of(self, id: UUID) -> str:
        """Return the token for an id. It is the same for each call, and cannot be guessed."""
        ...

    def accepts(self, id: UUID, token: str) -> bool:
        """Whether a token is for an id, also if it was derived from an earlier secret of the key ring."""
        ...


class Letters:
    """Preparations of deliveries, one for each kind or for several (see `deliveries.ports.Preparation`)."""

    def __init__(self, tokens: LinkTokens) -> None:
        self._tokens = tokens

    def notice(self, work: LetterWork, delivery: Delivery) -> Prepared:
        """Prepare a notice about a change of the account. It goes to the delivery's address or the verified one."""
        user = work.users.find_unlocked(delivery.user_id) if delivery.user_id else None
        to = user and (delivery.address or user.verified_email)
        return (delivery, letter_to(user, to, delivery)) if user and to else NO_ADDRESS

    def verify_email(self, work: LetterWork, delivery: Delivery) -> Prepared:
        """Prepare the link that verifies an address. The holder of a verified address gets another letter instead."""
        user = work.users.find(delivery.user_id) if delivery.user_id else None
        address = delivery.address
        if user is None or not address or address != user.unverified_email:
            return "the address is not to be verified any more"
        if work.deliveries.count_since(delivery.kind, address, work.now - IN_TIME) > MAX_MAILS:  # with this one
            return TOO_MANY
        holder = work.users.find_by_login(address)
        if holder is not None and holder.id != user.id and holder.verified_email is not None:
            return delivery, letter_to(holder, address, delivery, ADDRESS_TAKEN)
        return delivery, self._with_link(work, user, delivery, LinkKind.VERIFY_EMAIL, address)

    def reset_password(self, work: LetterWork, delivery: Delivery) -> Prepared:
        """Find the user by the entered name, delete the name, and prepare the link that replaces the password.

        If the password or the address changes later, the delivery is skipped. So a used link is never made again.
        """
        if delivery.user_id is None:
            named = work.users.find_by_login(delivery.parameters["name"])
            user = work.users.find(named.id) if named is not None else None
            if user is None or user.verified_email is None:
                return "no account with a verified address has this name"
            if work.deliveries.count_since(delivery.kind, user.verified_email, work.now - IN_TIME) >= MAX_MAILS:
                return TOO_MANY
            state = {"state": state_of(user).hex()}
            delivery = replace(delivery, user_id=user.id, address=user.verified_email, parameters=state)
        else:
            user = work.users.find(delivery.user_id)
        if user is None or not user.verified_email:
            return NO_ADDRESS
        if not user.is_active:
            return "the account is disabled"
        if delivery.parameters["state"] != state_of(user).hex():
            return "the password or the address was changed meanwhile"
        return delivery, self._with_link(work, user, delivery, LinkKind.RESET_PASSWORD, user.verified_email)

    def invitation(self, work: LetterWork, delivery: Delivery) -> Prepared:
        """Prepare an invitation to the service, unless it was revoked, used up, or has expired."""
        token = self._tokens.of(delivery.id)
        invite = work.invites.renew(delivery.cause, digest_of(token), work.now)
        inviter = work.users.find_unlocked(invite.created_by) if invite and invite.created_by else None
        if invite is None:
            return "the invitation was revoked or used up, or has expired"
        until = {"until": invite.expires_at.isoformat()}
        return delivery, letter_to_stranger(delivery, inviter, until, (delivery.kind, token))

    def _with_link(self, work: LetterWork, user: User, delivery: Delivery, kind: LinkKind, address: str) -> Letter:
        token = create_link(work, user, kind, address, token=self._tokens.of(delivery.id))
        return letter_to(user, address, delivery, link=(kind, token))


def letter_to_stranger(
    delivery: Delivery, sender: User | None, parameters: Mapping[str, str], link: tuple[str, str]
) -> Letter:
    """Return the letter of a delivery to an address without an account, in the sender's language.

    Times in the letter are in UTC, so that it does not reveal the sender's time zone.
    """
    assert delivery.address is not None, "a delivery without a user has an address"
    return Letter(
        kind=delivery.kind,
        message_id=delivery.message_id,
        created_at=delivery.created_at,
        to=delivery.address,
        language=sender.language if sender else DEFAULT_LANGUAGE,
        parameters=parameters,
        link=link,
    )


def letter_to(
    user: User,
    to: str | None,
    delivery: Delivery,
    kind: str | None = None,
    link: tuple[str, str] | None = None,
    parameters: Mapping[str, str] | None = None,
    **more: Any,
) -> Letter:
    """Return the letter of a delivery to an address of a user, in their language and time zone."""
    assert to is not None, "the user has an address"
    values = delivery.parameters if parameters is None else parameters
    return Letter(
        kind=kind or delivery.kind,
        message_id=delivery.message_id,
        created_at=delivery.created_at,
        to=to,
        language=user.language,
        parameters={**values, "username": user.username, "time_zone": user.time_zone},
        link=link,
        **more,
    )
