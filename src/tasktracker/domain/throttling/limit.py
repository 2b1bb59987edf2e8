"""Limits on the rate of attempts.

A limit is a bucket that holds `burst` attempts and regains one every `refill` (GCRA, ITU-T I.371; RFC 2697 in spirit).
The narrowest limit is checked first. If it refuses an attempt, the attempt does not count against a wider limit. So an
attacker who is limited at one address cannot use up the attempts of the account's owner at another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv6Address, ip_address, ip_network


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `burst` attempts at once, and one more every `refill`."""

    name: str
    burst: int
    refill: timedelta

    @property
    def length(self) -> timedelta:
        """The time in which an empty bucket becomes full."""
        return self.burst * self.refill


@dataclass(frozen=True, slots=True)
class Bucket:
    """A limit applied to one account, address or session. The key is a hash, so it does not reveal the account."""

    key: str
    limit: Limit

    @classmethod
    def of(cls, limit: Limit, *parts: str) -> Bucket:
        """Return the bucket of a limit for the account, address or session that `parts` name."""
        text = "\0".join((limit.name, *parts))
        return cls(hashlib.sha256(text.encode()).hexdigest(), limit)


LOGIN_BY_PAIR = Limit("login/account+address", 10, timedelta(minutes=1))
LOGIN_BY_ADDRESS = Limit("login/address", 100, timedelta(seconds=5))
# A network of any size regains one attempt a minute, a third of the rate of the account. Exhausting the account's limit
# therefore takes several networks. Existing sessions and trusted networks are not affected.
LOGIN_BY_ACCOUNT = Limit("login/account", 200, timedelta(seconds=20))
REGISTRATION_BY_ADDRESS = Limit("registration/address", 100, timedelta(seconds=30))
REFRESH_BY_SESSION = Limit("refresh/session", 120, timedelta(seconds=5))
REFRESH_BY_ADDRESS = Limit("refresh/address", 600, timedelta(milliseconds=200))
PASSWORD_BY_ACCOUNT = Limit("password/account", 10, timedelta(minutes=1))
CODE_BY_ACCOUNT = Limit("code/account", 10, timedelta(minutes=1))
INVITATION_BY_ACCOUNT = Limit("invitation/account", 100, timedelta(seconds=30))

# The networks of one customer. An IPv6 /64 is one link; providers give customers up to a /56 or a /48 (RFC 6177).
PREFIXES = (64, 56, 48)
# The limits of these networks, in the same order.
PAIR_LIMITS = (
    LOGIN_BY_PAIR,
    Limit("login/account+56", 20, timedelta(minutes=1)),
    Limit("login/account+48", 40, timedelta(minutes=1)),
)
ADDRESS_LIMITS = (
    LOGIN_BY_ADDRESS,
    Limit("login/56", 200, timedelta(seconds=2.5)),
    Limit("login/48", 400, timedelta(seconds=1.25)),
)
REGISTRATION_LIMITS = (
    REGISTRATION_BY_ADDRESS,
    Limit("registration/56", 200, timedelta(seconds=15)),
    Limit("registration/48", 400, timedelta(seconds=7.5)),
)
FORGOTTEN_LIMITS = (
    Limit("forgotten/address", 20, timedelta(minutes=3)),
    Limit("forgotten/56", 40, timedelta(minutes=1.5)),
    Limit("forgotten/48", 80, timedelta(minutes=0.75)),
)

TRUSTED_FOR = timedelta(days=180)
"""How long a network is trusted after a successful login from it. This is longer than a session lasts by default."""


def networks(address: str | None) -> Sequence[str]:
    """Return the networks of an address, the narrowest first: the whole IPv4 address, or a network of each prefix."""
    if address is None:
        return ("",)
    try:
        parsed = ip_address(address)
    except ValueError:
        return (address,)  # the path of a socket, or an address made up by a test
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped:
            return (str(parsed.ipv4_mapped),)
        return [str(ip_network((parsed, prefix), strict=False)) for prefix in PREFIXES]
    return (str(parsed),)


def network(address: str | None) -> str:
    """Return the narrowest network of an address."""
    return networks(address)[0]


def buckets(limits: Sequence[Limit], address: str | None, *account: str) -> list[Bucket]:
    """Return a bucket for each network of an address, the narrowest first; `limits` are those of `PREFIXES`."""
    return [Bucket.of(limit, *account, network) for limit, network in zip(limits, networks(address), strict=False)]
