"""The URLs of one-time links and of invitations."""

from __future__ import annotations

from urllib.parse import urlencode

from tasktracker.domain.accounts.links import LinkKind
from tasktracker.domain.deliveries.delivery import DeliveryKind
from tasktracker.entrypoints.settings import Settings


def link_to(settings: Settings, kind: LinkKind | DeliveryKind, token: str) -> str:
    """Return the URL of a link, or only its path if the server does not know its public URL."""
    return f"{settings.public_url}/link/{kind}?{urlencode({'token': token})}"
