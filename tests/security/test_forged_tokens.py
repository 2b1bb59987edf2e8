"""Forged tokens: every one is answered with 401, and none causes an error of the server."""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from uuid import uuid4

import pytest

from tasktracker.adapters.security.keys import KeyRing
from tasktracker.adapters.security.tokens import AUDIENCE, ISSUER
from tests.http import PASSWORD, SETTINGS, Person, bearer, expect
from tests.security.conftest import NewPair
from tests.security.processes import Pair
from tests.waiting import PATIENCE

RING = KeyRing([SETTINGS["SECRET_KEYS"]])
OTHERS = KeyRing(["another secret, which is just as long as ours"])
KINDS = {"access": "at+jwt", "refresh": "rt+jwt"}
CLAIMS = ("iss", "aud", "sub", "sid", "gen", "jti", "iat", "exp")

Forge = Callable[..., str]


def encoded(raw: bytes) -> bytes:
    return urlsafe_b64encode(raw).rstrip(b"=")


def token_of(header: object, payload: object, key: bytes, digest: Callable[..., Any] | None = hashlib.sha256) -> str:
    """Build a token by hand, because libraries refuse to forge one. Bytes are used unchanged."""
    parts = [part if isinstance(part, bytes) else json.dumps(part).encode() for part in (header, payload)]
    signed = b".".join(map(encoded, parts))
    signature = b"" if digest is None else encoded(hmac.digest(key, signed, digest))
    return (signed + b"." + signature).decode()


class Forger:
    """Makes valid tokens for a session of a user, except for the changes of a test."""

    def __init__(self, person: Person, kind: str) -> None:
        self.kind = kind
        self.header: dict[str, Any] = {"alg": "HS256", "typ": KINDS[kind], "kid": RING.signing}
        session = expect(person.get("/api/accounts/sessions/"), 200)["results"][0]
        now = int(time.time())
        self.claims: dict[str, Any] = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": person.id,
            "sid": session["id"],
            "gen": 1,
            "jti": str(uuid4()),
            "iat": now,
            "exp": now + 600,
        }
        self.key = RING.key(RING.signing, KINDS[kind])

    def token(
        self,
        header: Mapping[str, Any] | None = None,
        claims: Mapping[str, Any] | None = None,
        *,
        without: str = "",
        key: bytes | None = None,
        digest: Callable[..., Any] | None = hashlib.sha256,
    ) -> str:
        """Return a token with other header fields, claims or another key."""
        payload = {name: value for name, value in {**self.claims, **(claims or {})}.items() if name != without}
        return token_of({**self.header, **(header or {})}, payload, self.key if key is None else key, digest)

    def raw(self, name: str, text: str) -> str:
        """Return a token with this JSON text as the value of a claim."""
        payload = json.dumps({**self.claims, name: "HERE"}).replace('"HERE"', text)
        return token_of(self.header, payload.encode(), self.key)


FORGERIES: dict[str, Callable[[Forger], str]] = {
    "alg none": lambda forger: forger.token({"alg": "none"}, digest=None),
    "alg None, signed": lambda forger: forger.token({"alg": "None"}),
    "alg HS512": lambda forger: forger.token({"alg": "HS512"}, digest=hashlib.sha512),
    "alg HS384 by name only": lambda forger: forger.token({"alg": "HS384"}),
    "alg RS256": lambda forger: forger.token({"alg": "RS256"}),
    "alg a number": lambda forger: forger.token({"alg": 256}),
    "alg missing": lambda forger: token_of({"typ": KINDS[forger.kind], "kid": RING.signing}, forger.claims, forger.key),
    "no signature": lambda forger: forger.token(digest=None),
    "another key": lambda forger: forger.token(key=OTHERS.key(OTHERS.signing, KINDS[forger.kind])),
    "another key and its name": lambda forger: forger.token(
        {"kid": OTHERS.signing}, key=OTHERS.key(OTHERS.signing, KINDS[forger.kind])
    ),
    "the empty key": lambda forger: forger.token(key=b""),
    "the secret itself as key": lambda forger: forger.token(key=SETTINGS["SECRET_KEYS"].encode()),
    "the key of the other kind": lambda forger: forger.token(key=other_key(forger)),
    "the key of cursors": lambda forger: forger.token(key=RING.key(RING.signing, "cursor")),
    "kid missing": lambda forger: token_of({"alg": "HS256", "typ": KINDS[forger.kind]}, forger.claims, forger.key),
    "kid a path": lambda forger: forger.token({"kid": "../../dev/null"}, key=b""),
    "kid a list": lambda forger: forger.token({"kid": [RING.signing]}),
    "kid an object": lambda forger: forger.token({"kid": {}}),
    "kid null": lambda forger: forger.token({"kid": None}),
    "typ JWT": lambda forger: forger.token({"typ": "JWT"}),
    "typ missing": lambda forger: token_of({"alg": "HS256", "kid": RING.signing}, forger.claims, forger.key),
    "typ of the other kind": lambda forger: forger.token({"typ": other_type(forger)}),
    "typ a list": lambda forger: forger.token({"typ": [KINDS[forger.kind]]}),
    "aud of another service": lambda forger: forger.token(claims={"aud": "another"}),
    "aud a list": lambda forger: forger.token(claims={"aud": [AUDIENCE, "another"]}),
    "iss of another service": lambda forger: forger.token(claims={"iss": "another"}),
    "crit": lambda forger: forger.token({"crit": ["exp"]}),
    "crit of something unknown": lambda forger: forger.token({"crit": ["tt"], "tt": 1}),
    "crit b64": lambda forger: forger.token({"crit": ["b64"], "b64": False}),
    "crit empty": lambda forger: forger.token({"crit": []}),
    "exp past": lambda forger: forger.token(claims={"exp": int(time.time()) - 6}),
    "exp as text": lambda forger: forger.token(claims={"exp": str(forger.claims["exp"])}),
    "exp 1e400": lambda forger: forger.raw("exp", "1e400"),
    "exp a float": lambda forger: forger.raw("exp", f"{forger.claims['exp']}.5"),
    "exp infinite": lambda forger: forger.raw("exp", "Infinity"),
    "exp not a number": lambda forger: forger.raw("exp", "NaN"),
    "exp beyond all years": lambda forger: forger.raw("exp", "9" * 30),
    "exp of five thousand digits": lambda forger: forger.raw("exp", "9" * 1000),
    "exp true": lambda forger: forger.token(claims={"exp": True}),
    "exp null": lambda forger: forger.token(claims={"exp": None}),
    "exp a list": lambda forger: forger.token(claims={"exp": [forger.claims["exp"]]}),
    "iat as text": lambda forger: forger.token(claims={"iat": str(forger.claims["iat"])}),
    "iat beyond all years": lambda forger: forger.raw("iat", "-" + "9" * 30),
    "nbf to come": lambda forger: forger.token(claims={"nbf": int(time.time()) + 3600}),
    "gen to come": lambda forger: forger.token(claims={"gen": 2}),
    "gen as text": lambda forger: forger.token(claims={"gen": "1"}),
    "gen beyond 64 bits": lambda forger: forger.token(claims={"gen": 2**70}),
    "gen beyond 32 bits": lambda forger: forger.token(claims={"gen": 2**40}),
    "gen below 64 bits": lambda forger: forger.token(claims={"gen": -(2**70)}),
    "sub of no user": lambda forger: forger.token(claims={"sub": str(uuid4())}),
    "sub no id": lambda forger: forger.token(claims={"sub": "alice"}),
    "sid of no session": lambda forger: forger.token(claims={"sid": str(uuid4())}),
    "sid a lone surrogate": lambda forger: forger.raw("sid", '"\\ud800"'),
    "jti a number": lambda forger: forger.token(claims={"jti": 7}),
    "a claim more": lambda forger: forger.token(claims={"admin": True}),
    "a payload that is a list": lambda forger: token_of(forger.header, [forger.claims], forger.key),
    "a payload that is no JSON": lambda forger: token_of(forger.header, b"{", forger.key),
    "a payload that is no UTF-8": lambda forger: token_of(forger.header, b'{"a": "\xff"}', forger.key),
    "a payload nested deeply": lambda forger: token_of(forger.header, b"[" * 1000, forger.key),
    "a header nested deeply": lambda forger: token_of(b'{"a":' * 250, forger.claims, forger.key),
    "a header that is a list": lambda forger: token_of([forger.header], forger.claims, forger.key),
    "four parts": lambda forger: forger.token() + ".x",
    "two parts": lambda forger: forger.token().rpartition(".")[0],
    "no parts": lambda _: "nothing",
    "padding": lambda forger: forger.token() + "=",
    "another last character": lambda forger: forger.token()[:-5] + ("AAAAA" if forger.token()[-5:] != "AAAAA" else "B"),
    "characters that are not ASCII": lambda forger: forger.token() + "é",
    "50 kB of claims": lambda forger: forger.token(claims={"iss": "x" * 37_000}),
    "50 kB of nothing": lambda _: "x" * 50_000,
    "no text": lambda _: "",
    "an unknown API token": lambda _: "tt_" + urlsafe_b64encode(bytes(56)).decode().rstrip("="),
    "an API token too short": lambda _: "tt_AAAA",
    "an API token too long": lambda _: "tt_" + "A" * 100,
    "an API token that is no base64": lambda _: "tt_" + "!" * 75,
    "an API token that is not ASCII": lambda _: "tt_" + "é" * 75,
    "an API token of 50 kB": lambda _: "tt_" + "A" * 50_000,
    "an API token without anything": lambda _: "tt_",
    **{f"{claim} missing": lambda forger, claim=claim: forger.token(without=claim) for claim in CLAIMS},  # type: ignore[misc]
}


def other_type(forger: Forger) -> str:
    return next(name for kind, name in KINDS.items() if kind != forger.kind)


def other_key(forger: Forger) -> bytes:
    return RING.key(RING.signing, other_type(forger))


@pytest.fixture(scope="module")
def person(pairs: NewPair) -> Iterator[Person]:
    person = pairs("postgresql").visitor().register()
    yield person
    expect(person.get("/api/accounts/me/"), 200)  # no forgery has ended the session


@pytest.fixture(scope="module", params=KINDS)
def forger(request: pytest.FixtureRequest, person: Person) -> Forger:
    return Forger(person, request.param)


def require_refused(pair: Pair, token: str) -> None:
    """Send a token to every kind of endpoint, and require 401."""
    visitor = pair.visitor()
    header = {"Authorization": f"Bearer {token}".strip().encode()}
    answers = [
        visitor.get("/api/accounts/me/", headers=header),
        visitor.get("/api/tasks/", headers=header),
        visitor.delete(f"/api/tasks/{uuid4()}/", headers=header),
        visitor.post("/api/accounts/refresh/", {"refresh": token}),
        visitor.post("/api/accounts/verify/", {"token": token}),
    ]
    for answer in answers:
        assert answer.status_code == 401, f"{answer.request.url}: {answer.status_code} {answer.text}"
        assert answer.headers["www-authenticate"].startswith("Bearer")


def test_the_forger_makes_valid_tokens_by_default(pair: Pair, forger: Forger) -> None:
    token = forger.token()
    assert expect(pair.visitor().post("/api/accounts/verify/", {"token": token}), 200)["token_type"] == forger.kind
    if forger.kind == "access":
        expect(pair.visitor().get("/api/accounts/me/", headers=bearer(token)), 200)


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forged_token_is_refused(pair: Pair, forger: Forger, forgery: str) -> None:
    require_refused(pair, FORGERIES[forgery](forger))


def test_a_forged_token_ends_no_session(pair: Pair, forger: Forger) -> None:
    for token in (forger.token({"alg": "none"}, digest=None), forger.token(key=b""), "nothing"):
        expect(pair.visitor().post("/api/accounts/logout/", {"refresh": token}), 401)
        expect(pair.visitor().post("/api/accounts/logout/", headers=bearer(token)), 401)


def test_no_kind_of_token_is_accepted_as_another(pair: Pair) -> None:
    person = pair.visitor().register()
    visitor = pair.visitor()
    body = {"name": "a script", "scopes": ["tasks:read", "tasks:write"]}
    api_token = expect(person.post("/api/accounts/tokens/", {**body, "password": PASSWORD}), 201)["token"]
    for token in (person.access, api_token):
        expect(visitor.post("/api/accounts/refresh/", {"refresh": token}), 401)
    for path in ("/api/accounts/me/", "/api/tasks/", "/api/accounts/sessions/"):
        expect(visitor.get(path, headers=bearer(person.refresh)), 401)
    expect(visitor.post("/api/accounts/verify/", {"token": api_token}), 401)
    expect(person.get("/api/accounts/me/"), 200)


def test_a_garbled_api_token_is_refused(pair: Pair) -> None:
    person = pair.visitor().register()
    visitor = pair.visitor()
    body = {"name": "a script", "scopes": ["tasks:read"]}
    token = expect(person.post("/api/accounts/tokens/", {**body, "password": PASSWORD}), 201)["token"]
    expect(visitor.get("/api/tasks/", headers=bearer(token)), 200)
    for position in range(3, len(token)):
        garbled = token[:position] + ("A" if token[position] != "A" else "B") + token[position + 1 :]
        answer = visitor.get("/api/tasks/", headers=bearer(garbled))
        assert answer.status_code == 401, f"garbled at {position}"
    for garbled in (token[:-1], token + "A", token[3:], token.upper(), token.replace("tt_", "TT_")):
        expect(visitor.get("/api/tasks/", headers=bearer(garbled)), 401)


@pytest.mark.parametrize("path", ["/api/accounts/refresh/", "/api/accounts/verify/", "/api/accounts/logout/"])
def test_a_lone_surrogate_in_a_body_is_refused(pair: Pair, person: Person, path: str) -> None:
    field = "token" if "verify" in path else "refresh"
    for token in ('"\\ud800"', f'"{person.refresh}\\udc00"', '"tt_\\ud800"'):
        answer = pair.visitor().send("POST", path, f'{{"{field}": {token}}}'.encode())
        assert answer.status_code in (400, 401), answer.text


@pytest.mark.parametrize("value", [b"\xed\xa0\x80", b"tt_\xed\xa0\x80", b"\xff\xfe", b"a\x01b"])
def test_a_header_that_is_no_text_is_refused(pair: Pair, value: bytes) -> None:
    status, head = raw_request(pair, b"Bearer " + value)
    assert status in (400, 401), head
    assert status == 400 or b"www-authenticate: bearer" in head.lower()


def test_a_token_longer_than_the_limit_of_headers_is_refused(pair: Pair) -> None:
    status, head = raw_request(pair, b"Bearer " + b"x" * 100_000)
    assert status == 431, head


def raw_request(pair: Pair, authorization: bytes) -> tuple[int, bytes]:
    """Send a header that no client library would send, and return status and head of the answer."""
    with socket.create_connection(("127.0.0.1", pair.servers[0].port), timeout=PATIENCE) as connection:
        connection.sendall(
            b"GET /api/accounts/me/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: "
            + authorization
            + b"\r\n\r\n"
        )
        head = b""
        while received := connection.recv(65536):
            head += received
    return int(head.split()[1]), head
