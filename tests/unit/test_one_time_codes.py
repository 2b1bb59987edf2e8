"""One-time codes of RFC 6238."""

from __future__ import annotations

from base64 import b32encode
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, unquote, urlsplit

import pyotp
import pytest

from tasktracker.adapters.security.one_time_codes import PyotpOneTimeCodes

CODES = PyotpOneTimeCodes()
SECRET = b32encode(b"12345678901234567890").decode()  # of the test vectors


@pytest.mark.parametrize(
    ("seconds", "code"),
    # RFC 6238, appendix B, to six digits.
    [
        (59, "287082"),
        (1111111109, "081804"),
        (1111111111, "050471"),
        (1234567890, "005924"),
        (2000000000, "279037"),
        (20000000000, "353130"),
    ],
)
def test_the_test_vectors_of_rfc_6238_are_accepted(seconds: int, code: str) -> None:
    now = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    assert CODES.step(SECRET, code, now) == seconds // 30


@pytest.mark.parametrize(("offset", "is_accepted"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_the_current_and_neighbouring_steps_are_accepted(offset: int, is_accepted: bool) -> None:
    now = datetime(2026, 3, 1, 12, 0, 29, 999_999, tzinfo=UTC)
    step = int(now.timestamp()) // 30 + offset
    code = pyotp.TOTP(SECRET).generate_otp(step)
    assert CODES.step(SECRET, code, now) == (step if is_accepted else None)


@pytest.mark.parametrize("code", ["", "0", "28708", "2870820", "94287082", "-287082", "287082\0", "abcdef", "287082x"])
def test_a_malformed_code_is_refused(code: str) -> None:
    assert CODES.step(SECRET, code, datetime(1970, 1, 1, 0, 0, 59, tzinfo=UTC)) is None


def test_secrets_are_random_and_have_160_bits() -> None:
    secrets = {CODES.new_secret() for _ in range(50)}
    assert len(secrets) == 50
    assert all(len(secret) == 32 for secret in secrets)


@pytest.mark.parametrize("account", ["alice", "\u00c5ngstr\u00f6m", "a+b.c", "stra\u00dfe"])
def test_the_uri_contains_the_account_the_secret_and_the_issuer(account: str) -> None:
    uri = urlsplit(CODES.provisioning_uri(SECRET, account))
    assert (uri.scheme, uri.netloc) == ("otpauth", "totp")
    assert unquote(uri.path) == f"/Task Tracker:{account}"
    assert parse_qs(uri.query) == {"secret": [SECRET], "issuer": ["Task Tracker"]}
