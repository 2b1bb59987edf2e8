"""How often something may be tried.

A limit is a bucket that holds `burst` tries and regains one every `refill` (GCRA, ITU-T I.371; RFC 2697 in spirit).
The narrowest limit comes first: tries it refuses count against no wider one, so an attacker who is held back at one
address cannot use up what the account's owner has at another.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv6Address, ip_address, ip_network


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `burst` tries at once, and one more every `refill`."""

    name: str
    burst: int
    refill: timedelta


@dataclass(frozen=True, slots=True)
class Bucket:
    """A limit, applied to one account, address or the like. The key tells nobody which."""

    key: str
    limit: Limit

    @classmethod
    def of(cls, limit: Limit, *parts: str) -> Bucket:
        """Return the bucket of a limit for somebody or something."""
        text = "\0".join((limit.name, *parts))
        return cls(hashlib.sha256(text.encode()).hexdigest(), limit)


LOGIN_BY_PAIR = Limit("login/account+address", 10, timedelta(minutes=1))
LOGIN_BY_ADDRESS = Limit("login/address", 100, timedelta(seconds=5))
# Three addresses at full speed are needed to exhaust it; sessions that exist are not touched by it.
LOGIN_BY_ACCOUNT = Limit("login/account", 200, timedelta(seconds=20))
REGISTRATION_BY_ADDRESS = Limit("registration/address", 100, timedelta(seconds=30))
REFRESH_BY_SESSION = Limit("refresh/session", 120, timedelta(seconds=5))
REFRESH_BY_ADDRESS = Limit("refresh/address", 600, timedelta(milliseconds=200))
PASSWORD_BY_ACCOUNT = Limit("password/account", 10, timedelta(minutes=1))
CODE_BY_ACCOUNT = Limit("code/account", 10, timedelta(minutes=1))
INVITATION_BY_ACCOUNT = Limit("invitation/account", 100, timedelta(seconds=30))


def network(address: str | None) -> str:
    """Return what of an address one client is held to control: all of IPv4's, and of IPv6's a /64 (RFC 6177)."""
    if address is None:
        return ""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address  # a socket's path, or a test's made-up peer
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(ip_network((parsed, 64), strict=False))
    return str(parsed)
