"""Limits on the rate of attempts.

A limit is a bucket that holds `burst` attempts and regains one every `refill` (GCRA, ITU-T I.371; RFC 2697 in spirit).
The narrowest limit is checked first. An attempt that it refuses does not count against a wider limit, so an attacker
limited at one address cannot use up the attempts that the account's owner has at another.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv6Address, ip_address, ip_network


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `burst` attempts at once, and one more every `refill`."""

    name: str
    burst: int
    refill: timedelta


@dataclass(frozen=True, slots=True)
class Bucket:
    """A limit applied to one account, address or session. The key is a hash, which does not reveal which one."""

    key: str
    limit: Limit

    @classmethod
    def of(cls, limit: Limit, *parts: str) -> Bucket:
        """Return the bucket of a limit for the account, address or session that `parts` name."""
        text = "\0".join((limit.name, *parts))
        return cls(hashlib.sha256(text.encode()).hexdigest(), limit)


LOGIN_BY_PAIR = Limit("login/account+address", 10, timedelta(minutes=1))
LOGIN_BY_ADDRESS = Limit("login/address", 100, timedelta(seconds=5))
# Exhausting it takes three addresses at their full rate. Existing sessions are not affected.
LOGIN_BY_ACCOUNT = Limit("login/account", 200, timedelta(seconds=20))
REGISTRATION_BY_ADDRESS = Limit("registration/address", 100, timedelta(seconds=30))
REFRESH_BY_SESSION = Limit("refresh/session", 120, timedelta(seconds=5))
REFRESH_BY_ADDRESS = Limit("refresh/address", 600, timedelta(milliseconds=200))
PASSWORD_BY_ACCOUNT = Limit("password/account", 10, timedelta(minutes=1))
CODE_BY_ACCOUNT = Limit("code/account", 10, timedelta(minutes=1))
INVITATION_BY_ACCOUNT = Limit("invitation/account", 100, timedelta(seconds=30))


def network(address: str | None) -> str:
    """Return the part of an address that one client controls: a whole IPv4 address, or the /64 of IPv6 (RFC 6177)."""
    if address is None:
        return ""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address  # the path of a socket, or an address made up by a test
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(ip_network((parsed, 64), strict=False))
    return str(parsed)
