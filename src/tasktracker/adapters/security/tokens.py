"""Access and refresh tokens as JSON Web Tokens (RFC 7519), following their best current practices (RFC 8725)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Annotated, Any, Final
from uuid import UUID, uuid5

import jwt
import msgspec

from tasktracker.adapters.security.keys import KeyRing
from tasktracker.domain.accounts.token import TokenClaims, TokenKind
from tasktracker.domain.kernel.clock import Clock
from tasktracker.domain.kernel.errors import InvalidToken

ALGORITHM: Final = "HS256"
ISSUER: Final = "tasktracker"
AUDIENCE: Final = "tasktracker"
LEEWAY: Final = timedelta(seconds=5)  # for this time, an expired token is still accepted
MAX_CACHED: Final = 4096  # verified tokens; about 1 KiB each
MAX_LENGTH: Final = 2048
TYPES: Final = {TokenKind.ACCESS: "at+jwt", TokenKind.REFRESH: "rt+jwt"}  # RFC 9068 §2.1 for the first
KINDS: Final = {name: kind for kind, name in TYPES.items()}
# The compact serialization of RFC 7515 §7.1. PyJWT also accepts padding.
COMPACT: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.ASCII)
MAX_GENERATION: Final = 2**31 - 1  # the limit of the database column


class _Claims(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The payload, with strict types, because PyJWT would accept a numeric string as `exp`."""

    iss: str
    aud: str
    sub: UUID
    sid: UUID
    gen: Annotated[int, msgspec.Meta(ge=1, le=MAX_GENERATION)]
    jti: UUID
    iat: int
    exp: int


class JwtTokenSigner:
    """Signs and verifies tokens with a key ring.

    `iat` is not compared with the time, because the clock of the host that issued the token may be ahead. Each kind of
    token has separate keys, so one kind cannot be used as another even if `typ` were ignored.
    """

    def __init__(self, keys: KeyRing, clock: Clock) -> None:
        self._clock = clock
        self._signing = keys.signing
        self._keys = {(kid, kind): keys.key(kid, TYPES[kind]) for kid in keys.ids for kind in TokenKind}
        # Verified tokens are cached, because a token is sent many times, and verifying it takes half of the time of a
        # request. The expiry and the session are checked each time.
        self._verified = lru_cache(MAX_CACHED)(self._verify)

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
        """Return the claims of a valid token. `expired` also accepts an expired one. Raises InvalidToken."""
        claims = self._verified(token)
        if not expired and claims.expires_at + LEEWAY <= self._clock.now():
            raise InvalidToken
        return claims

    def _verify(self, token: str) -> TokenClaims:
        """Return the claims of a token with a valid signature, expired or not. Raises InvalidToken."""
        if len(token) > MAX_LENGTH or not COMPACT.fullmatch(token):
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
                options={"verify_exp": False, "verify_iat": False},
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
        # KeyError: an unknown `typ` or `kid`. ValueError: a claim is missing or of another type. The others: numbers
        # and times out of range.
        except (jwt.PyJWTError, KeyError, TypeError, ValueError, ArithmeticError, OSError) as error:
            raise InvalidToken from error


def _moment(seconds: Any) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
