"""Genuine and forged signed tokens."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasktracker.adapters.security.keys import KeyRing, derive, key_id
from tasktracker.adapters.security.tokens import LEEWAY, MAX_LENGTH, TYPES, JwtTokenSigner
from tasktracker.domain.accounts.token import TokenClaims, TokenKind
from tasktracker.domain.kernel.clock import Clock
from tasktracker.domain.kernel.errors import InvalidToken
from tasktracker.entrypoints.http.sessions import SessionController
from tests.fakes import ManualClock

FIRST, SECOND, THIRD = (f"{name} secret, long enough to be one at all" for name in ("first", "second", "third"))
NOW = datetime.now(UTC).replace(microsecond=0)
CLAIMS = TokenClaims(
    kind=TokenKind.ACCESS,
    user_id=UUID(int=1),
    session_id=UUID(int=2),
    generation=3,
    issued_at=NOW - timedelta(minutes=1),
    expires_at=NOW + timedelta(days=1),
)
ISSUED, EXPIRES = (int(moment.timestamp()) for moment in (CLAIMS.issued_at, CLAIMS.expires_at))
PAYLOAD = {
    "iss": "tasktracker",
    "aud": "tasktracker",
    "sub": str(UUID(int=1)),
    "sid": str(UUID(int=2)),
    "gen": 3,
    "jti": str(UUID(int=4)),
    "iat": ISSUED,
    "exp": EXPIRES,
}
HEADER = {"alg": "HS256", "typ": "at+jwt", "kid": key_id(FIRST)}
ABSENT = object()


@pytest.fixture
def signer() -> JwtTokenSigner:
    return new_signer(FIRST)


def new_signer(*secrets: str, clock: Clock | None = None) -> JwtTokenSigner:
    return JwtTokenSigner(KeyRing(secrets), clock or ManualClock(NOW))


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def signed(
    header: bytes, payload: bytes, *, secret: str = FIRST, purpose: str = "at+jwt", digest: str = "sha256"
) -> str:
    """Sign any header and payload."""
    text = f"{encoded(header)}.{encoded(payload)}"
    signature = hmac.digest(derive(secret.encode(), purpose), text.encode(), digest)
    return f"{text}.{encoded(signature)}"


def make_token(header: dict[str, Any] | None = None, payload: dict[str, Any] | None = None, **more: Any) -> str:
    """Make a token with changes of a genuine one; ABSENT removes a member."""
    members = (HEADER | (header or {}), PAYLOAD | (payload or {}))
    texts = [json.dumps({name: value for name, value in each.items() if value is not ABSENT}) for each in members]
    return signed(texts[0].encode(), texts[1].encode(), **more)


def require_refused(signer: JwtTokenSigner, token: str) -> None:
    """Require InvalidToken, whether or not expired tokens are accepted."""
    for expired in (False, True):
        with pytest.raises(InvalidToken):
            signer.read(token, expired=expired)


class TestGenuine:
    @pytest.mark.parametrize("kind", TokenKind)
    def test_a_signed_token_contains_its_claims(self, signer: JwtTokenSigner, kind: TokenKind) -> None:
        claims = replace(CLAIMS, kind=kind)
        assert signer.read(signer.sign(claims)) == claims

    def test_the_same_claims_give_the_same_token_in_every_process(self, signer: JwtTokenSigner) -> None:
        assert new_signer(FIRST).sign(CLAIMS) == signer.sign(CLAIMS)

    def test_other_claims_give_another_token_id(self, signer: JwtTokenSigner) -> None:
        others = (
            replace(CLAIMS, kind=TokenKind.REFRESH),
            replace(CLAIMS, generation=4),
            replace(CLAIMS, session_id=UUID(int=9)),
            replace(CLAIMS, issued_at=CLAIMS.issued_at - timedelta(seconds=1)),
        )
        ids = [jwt.decode(signer.sign(each), options={"verify_signature": False})["jti"] for each in (CLAIMS, *others)]
        assert len(set(ids)) == len(ids)

    def test_times_are_rounded_down_to_seconds(self, signer: JwtTokenSigner) -> None:
        late = timedelta(microseconds=999_999)
        claims = replace(CLAIMS, issued_at=CLAIMS.issued_at + late, expires_at=CLAIMS.expires_at + late)
        assert signer.read(signer.sign(claims)) == CLAIMS

    def test_the_unchanged_test_token_is_accepted(self, signer: JwtTokenSigner) -> None:
        """Otherwise every forgery below would be refused for the wrong reason."""
        assert signer.read(make_token()) == CLAIMS
        assert signer.read(make_token({"typ": "rt+jwt"}, purpose="rt+jwt")) == replace(CLAIMS, kind=TokenKind.REFRESH)

    def test_the_header_names_algorithm_type_and_key(self, signer: JwtTokenSigner) -> None:
        assert jwt.get_unverified_header(signer.sign(CLAIMS)) == HEADER
        assert set(jwt.decode(signer.sign(CLAIMS), options={"verify_signature": False})) == set(PAYLOAD)


class TestForged:
    @pytest.mark.parametrize(
        "algorithm", ["none", "None", "NONE", "", None, "HS384", "HS512", "RS256", "ES256", 256, ABSENT]
    )
    def test_another_algorithm_is_refused(self, signer: JwtTokenSigner, algorithm: object) -> None:
        digests = {"HS384": "sha384", "HS512": "sha512"}
        digest = digests.get(algorithm, "sha256") if isinstance(algorithm, str) else "sha256"
        token = make_token({"alg": algorithm}, digest=digest)
        require_refused(signer, token)
        require_refused(signer, token.rpartition(".")[0] + ".")

    def test_a_missing_or_foreign_signature_is_refused(self, signer: JwtTokenSigner) -> None:
        header, payload, signature = signer.sign(CLAIMS).split(".")
        other = signer.sign(replace(CLAIMS, generation=4)).split(".")
        for token in (
            f"{header}.{payload}.",
            f"{header}.{payload}",
            f"{header}.{payload}.{signature[:-2]}",
            f"{header}.{payload}.{other[2]}",
            f"{header}.{other[1]}.{signature}",
            f"{header}.{payload}.{signature}.{signature}",
            f"{header}.{payload}.{encoded(hashlib.sha256(b'').digest())}",
        ):
            require_refused(signer, token)

    def test_another_key_is_refused(self, signer: JwtTokenSigner) -> None:
        require_refused(signer, make_token(secret=SECOND))
        require_refused(signer, make_token({"kid": key_id(SECOND)}, secret=SECOND))
        require_refused(signer, new_signer(SECOND).sign(CLAIMS))

    def test_a_key_in_the_header_is_ignored(self, signer: JwtTokenSigner) -> None:
        key = {"kty": "oct", "k": encoded(derive(SECOND.encode(), "at+jwt"))}
        require_refused(signer, make_token({"jwk": key}, secret=SECOND))
        require_refused(signer, make_token({"jku": "https://attacker.example/keys", "kid": ABSENT}, secret=SECOND))

    def test_the_secret_itself_or_an_empty_key_is_refused(self, signer: JwtTokenSigner) -> None:
        for key in (FIRST.encode(), b"", key_id(FIRST).encode()):
            text = f"{encoded(json.dumps(HEADER).encode())}.{encoded(json.dumps(PAYLOAD).encode())}"
            require_refused(signer, f"{text}.{encoded(hmac.digest(key, text.encode(), 'sha256'))}")

    @pytest.mark.parametrize("kid", ["", "unknown", None, 1, ["x"], "../../etc/passwd", ABSENT])
    def test_an_unknown_key_id_is_refused(self, signer: JwtTokenSigner, kid: object) -> None:
        require_refused(signer, make_token({"kid": kid}))

    @pytest.mark.parametrize("typ", ["JWT", "", "AT+JWT", "application/at+jwt", "rt+jwt", None, 1, [], ABSENT])
    def test_another_type_is_refused(self, signer: JwtTokenSigner, typ: object) -> None:
        require_refused(signer, make_token({"typ": typ}))

    @pytest.mark.parametrize("purpose", ["at+jwt", "rt+jwt"])
    def test_an_access_token_is_refused_as_a_refresh_token_and_vice_versa(
        self, signer: JwtTokenSigner, purpose: str
    ) -> None:
        other = next(typ for typ in TYPES.values() if typ != purpose)
        require_refused(signer, make_token({"typ": other}, purpose=purpose))
        _, payload, signature = signer.sign(CLAIMS).split(".")
        require_refused(signer, f"{encoded(json.dumps(HEADER | {'typ': 'rt+jwt'}).encode())}.{payload}.{signature}")

    @pytest.mark.parametrize("critical", [["exp"], ["b64"], ["unheard-of"], "exp", 1, {}, None])
    def test_an_unknown_critical_header_is_refused(self, signer: JwtTokenSigner, critical: object) -> None:
        """RFC 7515 §4.1.11: a recipient that does not understand the extension must refuse the token."""
        require_refused(signer, make_token({"crit": critical}))
        require_refused(signer, make_token({"crit": critical, "b64": False, "unheard-of": True}))

    def test_a_generation_is_a_number_that_can_be_stored(self, signer: JwtTokenSigner) -> None:
        for generation in (1, 2**31 - 1):
            assert signer.read(make_token(payload={"gen": generation})).generation == generation
        for generation in (0, 2**31):
            require_refused(signer, make_token(payload={"gen": generation}))

    @pytest.mark.parametrize("claim", PAYLOAD)
    def test_a_missing_claim_is_refused(self, signer: JwtTokenSigner, claim: str) -> None:
        require_refused(signer, make_token(payload={claim: ABSENT}))

    @pytest.mark.parametrize("claim", PAYLOAD)
    @pytest.mark.parametrize("value", [None, "", "x", "7", "\ud800", "\0", 1.5, True, False, [], {}, [1], 1e300])
    def test_a_claim_of_another_type_is_refused(self, signer: JwtTokenSigner, claim: str, value: object) -> None:
        require_refused(signer, make_token(payload={claim: value}))

    @pytest.mark.parametrize("issuer", ["Tasktracker", "https://tasktracker", ["tasktracker"]])
    def test_another_issuer_is_refused(self, signer: JwtTokenSigner, issuer: object) -> None:
        require_refused(signer, make_token(payload={"iss": issuer}))

    @pytest.mark.parametrize("audience", ["other", ["tasktracker"], ["other", "tasktracker"]])
    def test_another_audience_is_refused(self, signer: JwtTokenSigner, audience: object) -> None:
        require_refused(signer, make_token(payload={"aud": audience}))

    def test_an_additional_claim_is_refused(self, signer: JwtTokenSigner) -> None:
        require_refused(signer, make_token(payload={"admin": True}))
        require_refused(signer, make_token(payload={"nbf": EXPIRES}))

    @pytest.mark.parametrize(
        "expiry",
        [
            "1e400",
            "-1e400",
            "NaN",
            "Infinity",
            f'"{EXPIRES}"',
            f'"{EXPIRES}x"',
            "true",
            "1e30",
            f"{EXPIRES}.5",
            "9" * 400,
            "null",
        ],
        ids=range(11),  # some contain the time, which differs between test processes
    )
    def test_an_expiry_that_is_not_an_ordinary_integer_is_refused(self, signer: JwtTokenSigner, expiry: str) -> None:
        payload = json.dumps(PAYLOAD).replace(str(EXPIRES), expiry)
        require_refused(signer, signed(json.dumps(HEADER).encode(), payload.encode()))

    @pytest.mark.parametrize("expiry", [-1, 0, -(2**63), -(10**12)])
    def test_an_expiry_long_ago_is_refused(self, signer: JwtTokenSigner, expiry: int) -> None:
        with pytest.raises(InvalidToken):
            signer.read(make_token(payload={"exp": expiry}))

    @pytest.mark.parametrize("seconds", [0, 20, 90, 24 * 3600])
    def test_a_token_issued_by_a_host_whose_clock_is_ahead_is_accepted(
        self, signer: JwtTokenSigner, seconds: int
    ) -> None:
        ahead = int(NOW.timestamp()) + seconds
        assert signer.read(make_token(payload={"iat": ahead})).generation == CLAIMS.generation

    @pytest.mark.parametrize("payload", [b"", b"x", b"[]", b"null", b"1", b'"x"', b"\xff", b"{", b"[" * 1200])
    def test_a_payload_that_is_not_an_object_is_refused(self, signer: JwtTokenSigner, payload: bytes) -> None:
        require_refused(signer, signed(json.dumps(HEADER).encode(), payload))

    @pytest.mark.parametrize("header", [b"", b"x", b"[]", b"null", b"1", b'"x"', b"\xff", b"{", b"[" * 1200])
    def test_a_header_that_is_not_an_object_is_refused(self, signer: JwtTokenSigner, header: bytes) -> None:
        require_refused(signer, signed(header, json.dumps(PAYLOAD).encode()))

    @pytest.mark.parametrize(
        "text",
        [
            "",
            ".",
            "..",
            "...",
            " ",
            "\0",
            "\ud800",
            "é",
            "\U0001f427",
            "a.b.c",
            "null",
            "Bearer x",
            "eyJ",
            "=.=.=",
            "tt_x",
        ],
    )
    def test_text_that_is_not_a_token_is_refused(self, signer: JwtTokenSigner, text: str) -> None:
        require_refused(signer, text)

    @pytest.mark.parametrize("odd", ["\ud800", "é", "\0", "\n", " ", "="])
    def test_a_token_with_an_extra_character_is_refused(self, signer: JwtTokenSigner, odd: str) -> None:
        genuine = signer.sign(CLAIMS)
        header, payload, signature = genuine.split(".")
        for token in (odd + genuine, f"{header}{odd}.{payload}.{signature}", f"{header}.{odd}{payload}.{signature}"):
            require_refused(signer, token)
        require_refused(signer, genuine + odd)

    def test_a_token_that_is_too_long_is_refused(self, signer: JwtTokenSigner) -> None:
        require_refused(signer, "a" * 100_000)
        require_refused(signer, signer.sign(CLAIMS) + "." * 100_000)
        padded = make_token({"x": "x" * 100_000})
        assert len(padded) > MAX_LENGTH
        require_refused(signer, padded)

    def test_a_change_of_any_character_is_refused(self, signer: JwtTokenSigner) -> None:
        genuine = signer.sign(CLAIMS)
        for position in range(0, genuine.rindex("."), 7):
            other = "A" if genuine[position] != "A" else "B"
            require_refused(signer, genuine[:position] + other + genuine[position + 1 :])

    @given(text=st.text(st.characters(codec=None), max_size=200) | st.from_regex(r"\A[\w-]*\.[\w-]*\.[\w-]*\Z"))
    def test_arbitrary_text_is_refused(self, text: str) -> None:
        require_refused(new_signer(FIRST), text)


class TestExpiry:
    def make_token(self, seconds: float) -> str:
        return make_token(payload={"exp": int(NOW.timestamp() + seconds)})

    def test_an_expired_token_is_accepted_within_the_leeway(self, signer: JwtTokenSigner) -> None:
        leeway = LEEWAY.total_seconds()
        assert leeway == 5
        signer.read(self.make_token(-leeway + 1))
        with pytest.raises(InvalidToken):
            signer.read(self.make_token(-leeway))

    def test_a_token_that_was_read_before_still_expires(self) -> None:
        clock = ManualClock(NOW)
        signer = new_signer(FIRST, clock=clock)
        token = self.make_token(60)
        assert signer.read(token) == signer.read(token)
        clock.advance(timedelta(seconds=60) + LEEWAY)
        with pytest.raises(InvalidToken):
            signer.read(token)
        assert signer.read(token, expired=True).generation == CLAIMS.generation

    def test_an_expired_token_is_read_on_request(self, signer: JwtTokenSigner) -> None:
        signer.read(self.make_token(-10 * 365 * 24 * 3600), expired=True)

    def test_an_expired_token_uses_the_threads_of_its_user(self, signer: JwtTokenSigner) -> None:
        controller = cast(SessionController, SimpleNamespace(signer=signer))
        expired = self.make_token(-3600)
        assert SessionController.owner_of(controller, expired) == CLAIMS.user_id.int
        assert SessionController.owner_of(controller, expired + "x") is None


class TestRotation:
    def test_the_first_key_signs_and_all_verify(self) -> None:
        old = new_signer(FIRST).sign(CLAIMS)
        ring = new_signer(SECOND, FIRST)
        new = ring.sign(CLAIMS)
        assert jwt.get_unverified_header(new)["kid"] == key_id(SECOND)
        assert ring.read(old) == ring.read(new) == CLAIMS

    def test_an_appended_key_verifies_before_it_signs(self) -> None:
        ring = new_signer(FIRST, SECOND)
        assert jwt.get_unverified_header(ring.sign(CLAIMS))["kid"] == key_id(FIRST)
        assert ring.read(new_signer(SECOND, FIRST).sign(CLAIMS)) == CLAIMS

    def test_a_retired_key_is_refused(self) -> None:
        require_refused(new_signer(SECOND, THIRD), new_signer(FIRST).sign(CLAIMS))

    @pytest.mark.parametrize("secrets", [[], [""], ["x" * 31], [FIRST, "x" * 31]])
    def test_a_short_secret_is_refused(self, secrets: list[str]) -> None:
        with pytest.raises(ValueError, match="at least"):
            KeyRing(secrets)

    def test_a_secret_may_have_the_least_length(self) -> None:
        assert len(KeyRing(["x" * 32]).ids) == 1

    def test_a_key_id_reveals_nothing_of_its_key(self) -> None:
        ring = KeyRing([FIRST])
        for purpose in ("at+jwt", "rt+jwt", "second-factor"):
            assert key_id(FIRST) not in ring.key(ring.signing, purpose).hex()
        assert len({ring.key(ring.signing, purpose) for purpose in ("at+jwt", "rt+jwt", "second-factor")}) == 3
