"""Tokens as JSON Web Tokens (RFC 7519), by the current best practice for them (RFC 8725)."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Any, Final
from uuid import UUID, uuid5

import jwt
import msgspec

from tasktracker.adapters.security.keys import KeyRing
from tasktracker.domain.accounts.token import TokenClaims, TokenKind
from tasktracker.domain.kernel.errors import InvalidToken

ALGORITHM: Final = "HS256"
ISSUER: Final = "tasktracker"
AUDIENCE: Final = "tasktracker"
LEEWAY: Final = 5  # seconds by which the clocks of two servers may differ
VERIFIED: Final = 4096  # tokens whose signature is remembered; about 1 KiB each
LONGEST: Final = 2048
TYPES: Final = {TokenKind.ACCESS: "at+jwt", TokenKind.REFRESH: "rt+jwt"}  # RFC 9068 §2.1 for the first
KINDS: Final = {name: kind for kind, name in TYPES.items()}
# As RFC 7515 §7.1 writes it; PyJWT is content with padding.
COMPACT: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.ASCII)
GENERATION_LARGEST: Final = 2**31 - 1  # that a database stores


class _Claims(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The payload, typed strictly: PyJWT would take `exp` as a numeric string."""

    iss: str
    aud: str
    sub: UUID
    sid: UUID
    gen: Annotated[int, msgspec.Meta(ge=1, le=GENERATION_LARGEST)]
    jti: UUID
    iat: int
    exp: int


class JwtTokenSigner:
    """Signs and reads tokens with a key ring.

    Each kind of token has keys of its own, so one kind cannot pass for another even where `typ` were ignored.
    """

    def __init__(self, keys: KeyRing) -> None:
        self._signing = keys.signing
        self._keys = {(kid, kind): keys.key(kid, TYPES[kind]) for kid in keys.ids for kind in TokenKind}
        # A token is sent many times, and never says anything else: verifying took half of the time of a request. What
        # may change, whether it has expired and its session has ended, is looked at each time.
        self._verified = lru_cache(VERIFIED)(self._verify)

    def sign(self, claims: TokenClaims) -> str:
        """Return the claims as a compact JWT, a pure function of the claims and the signing key."""
        issued_at, expires_at = int(claims.issued_at.timestamp()), int(claims.expires_at.timestamp())
        payload = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": str(claims.user_id),
            "sid": str(claims.session_id),
            "gen": claims.generation,
            "jti": str(uuid5(claims.session_id, f"{claims.kind} {claims.generation} {issued_at}")),
            "iat": issued_at,
            "exp": expires_at,
        }
        headers = {"typ": TYPES[claims.kind], "kid": self._signing}
        return jwt.encode(payload, self._keys[self._signing, claims.kind], algorithm=ALGORITHM, headers=headers)

    def read(self, token: str, *, expired: bool = False) -> TokenClaims:
        """Return what a genuine token says. Raises InvalidToken."""
        claims = self._verified(token)
        if not expired and claims.expires_at.timestamp() <= time.time() - LEEWAY:
            raise InvalidToken
        return claims

    def _verify(self, token: str) -> TokenClaims:
        """Return what a token says, if it is genuine, whether or not it has expired. Raises InvalidToken."""
        if len(token) > LONGEST or not COMPACT.fullmatch(token):
            raise InvalidToken
        try:
            header = jwt.get_unverified_header(token)
            kind = KINDS[header["typ"]]
            payload = jwt.decode(
                token,
                self._keys[header["kid"], kind],
                algorithms=[ALGORITHM],
                issuer=ISSUER,
                audience=AUDIENCE,
                leeway=LEEWAY,
                options={"verify_exp": False, "require": list(_Claims.__struct_fields__)},
            )
            claims = msgspec.convert(payload, _Claims)
            return TokenClaims(
                kind=kind,
                user_id=claims.sub,
                session_id=claims.sid,
                generation=claims.gen,
                issued_at=_moment(claims.iat),
                expires_at=_moment(claims.exp),
            )
        # A key error is an unknown `typ` or `kid`; the others are what odd numbers, moments before any calendar and
        # nesting come to.
        except (
            jwt.PyJWTError,
            msgspec.ValidationError,
            KeyError,
            TypeError,
            ValueError,
            ArithmeticError,
            OSError,
        ) as error:
            raise InvalidToken from error
        except RecursionError:
            raise InvalidToken from None


def _moment(seconds: Any) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
