"""Making and using one-time links."""

from __future__ import annotations

from datetime import timedelta

from tasktracker.domain.accounts.links import LinkKind, OneTimeLink, digest_of
from tasktracker.domain.accounts.ports import LinkWork
from tasktracker.domain.accounts.user import User
from tasktracker.domain.kernel.errors import InvalidInput

DEAD_LINK = "is not valid: the link was used, was replaced by another one, or has expired"


def create_link(
    work: LinkWork,
    user: User,
    kind: LinkKind,
    address: str | None = None,
    token: str | None = None,
    lifetime: timedelta | None = None,
) -> str:
    """Make a link for a locked user, and return the link's token. The user's earlier link of the kind ends.

    By default, the token is random, and the lifetime that of the kind.
    """
    link, token = OneTimeLink.create(user, kind, work.now, address, token, lifetime)
    work.links.add(link)
    return token


def find_link(work: LinkWork, token: str, *kinds: LinkKind) -> tuple[OneTimeLink, User]:
    """Return the live link of one of these kinds that has this token, and its user. The link stays valid.

    A unit of work that writes locks the user. Raises InvalidInput for the field `token`.
    """
    link = work.links.find(digest_of(token))
    user = work.users.find(link.user_id) if link is not None and link.kind in kinds else None
    if link is None or user is None or not link.is_live(user, work.now):
        raise InvalidInput.of("token", DEAD_LINK)
    return link, user


def use_link(work: LinkWork, token: str, *kinds: LinkKind) -> tuple[OneTimeLink, User]:
    """Use up a link in the same transaction as its effect, and return the link and its locked user.

    Of concurrent units of work, only one succeeds. Raises InvalidInput for the field `token`.
    """
    link, user = find_link(work, token, *kinds)
    if not work.links.take(link.digest):
        raise InvalidInput.of("token", DEAD_LINK)
    return link, user
