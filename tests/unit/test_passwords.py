"""Hashing passwords, and the estimate of their strength."""

from __future__ import annotations

import os
import sys
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from tasktracker.adapters.security.keys import KeyRing
from tasktracker.adapters.security.link_tokens import HmacLinkTokens
from tasktracker.adapters.security.passwords import Argon2PasswordHasher, ZxcvbnPasswordStrength
from tasktracker.domain.accounts.password import PasswordPolicy, matching_form
from tasktracker.domain.kernel.fields import Refused


@pytest.fixture
def hasher() -> Argon2PasswordHasher:
    return Argon2PasswordHasher(memory_kib=8, passes=1)


def test_a_password_is_that_of_its_hash_and_no_other(hasher: Argon2PasswordHasher) -> None:
    first, second = (hasher.hash("correct horse") for _ in range(2))
    assert first != second, "each has its salt"
    assert hasher.verify("correct horse", first)
    assert not hasher.verify("wrong horse", first)
    for damaged in ("", "x", first[:-1], first.replace("argon2id", "argon2x")):
        assert not hasher.verify("correct horse", damaged)


def test_without_an_account_a_password_takes_as_long_and_is_wrong(
    hasher: Argon2PasswordHasher, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified: list[tuple[str, str]] = []
    argon2 = hasher._argon2
    slow = SimpleNamespace(hash=argon2.hash, verify=lambda *each: verified.append(each))
    monkeypatch.setattr(hasher, "_argon2", slow)
    assert [hasher.verify(text, None) for text in ("first", "second")] == [False, False]
    (dummy, first), (other, second) = verified
    assert (first, second) == ("first", "second")
    assert dummy == other, "making another one would take as long again"
    assert not argon2.check_needs_rehash(dummy)


@pytest.mark.parametrize(
    ("typed", "tried"),
    [
        ("correct horse", ["correct horse"]),
        ("pa\u0308sswort", ["p\u00e4sswort"]),
        ("pa\u0308ss\u00a0wort", ["p\u00e4ss wort", "p\u00e4ss\u00a0wort"]),
    ],
)
def test_a_password_is_tried_as_this_and_as_earlier_versions_hashed_it(typed: str, tried: list[str]) -> None:
    asked: list[tuple[str, str | None]] = []

    def verify(text: str, stored: str | None) -> bool:
        asked.append((text, stored))
        return text == stored

    hasher: Any = SimpleNamespace(verify=verify)
    assert matching_form(hasher, typed, None) is None
    assert asked == [(form, None) for form in tried]
    assert [matching_form(hasher, typed, form) for form in tried] == tried


@pytest.mark.parametrize(
    ("typed", "chosen"),
    [
        ("x" * 9, "must be at least 10 characters long"),
        ("x" * 10, "x" * 10),
        ("a\u0308" * 9 + "\u00a0", "\u00e4" * 9 + " "),
        ("a\u0308" * 9, "must be at least 10 characters long"),
        ("x" * 128, "x" * 128),
        ("x" * 129, "must be at most 128 characters long"),
    ],
)
def test_a_new_password_is_chosen_by_the_policy(typed: str, chosen: str) -> None:
    asked: list[tuple[str, list[str]]] = []
    strength: Any = SimpleNamespace(weakness=lambda *each: asked.append(each))
    rule = PasswordPolicy(strength, 10).rule("grace", None, "", "hopper")
    if chosen.startswith("must"):
        with pytest.raises(Refused, match=chosen):
            rule(typed)
    else:
        assert (rule(typed), asked) == (chosen, [(chosen, ["grace", "hopper"])])


def test_a_hash_with_other_parameters_is_made_again(hasher: Argon2PasswordHasher) -> None:
    made = hasher.hash("correct horse")
    assert not hasher.needs_rehash(made)
    for other in ({"memory_kib": 16}, {"passes": 2}, {"memory_kib": 16, "lanes": 2}):
        assert Argon2PasswordHasher(**{"memory_kib": 8, "passes": 1, **other}).needs_rehash(made)


@pytest.mark.parametrize(("platform", "given"), [("linux", [10]), ("darwin", [])])
def test_hashing_leaves_the_processor_to_requests(
    hasher: Argon2PasswordHasher, monkeypatch: pytest.MonkeyPatch, platform: str, given: list[int]
) -> None:
    nice: list[int] = []
    monkeypatch.setattr(os, "nice", nice.append)
    monkeypatch.setattr(sys, "platform", platform)
    hasher.hash("correct horse")
    hasher.hash("correct horse")
    assert nice == given, "once for each thread"


@pytest.mark.parametrize(
    ("score", "warning", "weakness"),
    [
        (4, "unused", None),
        (3, "unused", None),
        (2, "This is a common password.", "This is a common password."),
        (0, "", "Add another word or two; uncommon words are better."),
    ],
)
def test_the_weakness_is_that_of_the_estimate(
    monkeypatch: pytest.MonkeyPatch, score: int, warning: str, weakness: str | None
) -> None:
    asked: list[tuple[str, list[str]]] = []

    def zxcvbn(password: str, user_inputs: list[str]) -> dict[str, object]:
        asked.append((password, user_inputs))
        return {"score": score, "feedback": {"warning": warning}}

    monkeypatch.setitem(sys.modules, "zxcvbn", SimpleNamespace(zxcvbn=zxcvbn))
    assert ZxcvbnPasswordStrength().weakness("x" * 1000, ("grace", "hopper")) == weakness
    assert asked == [("x" * 32, ["grace", "hopper"])], "a long text would take seconds"


def test_the_token_of_a_link_is_the_same_in_each_attempt_and_in_each_version() -> None:
    first, second = ("first key that is long enough to be one", "other key that is long enough to be one")
    token = HmacLinkTokens(KeyRing([first])).of(UUID(int=1))
    assert (
        token
        == HmacLinkTokens(KeyRing([first, second])).of(UUID(int=1))
        == "d628DizFjooF_sUHGRqCtj2dOB27eWiKJVU1WD4w3DE"
    )
    assert token != HmacLinkTokens(KeyRing([second, first])).of(UUID(int=1))
    assert token != HmacLinkTokens(KeyRing([first])).of(UUID(int=2))


def test_a_token_of_an_earlier_secret_is_accepted_until_the_secret_is_removed() -> None:
    first, second = "a" * 32, "b" * 32
    token = HmacLinkTokens(KeyRing([first])).of(UUID(int=1))
    rotated = HmacLinkTokens(KeyRing([second, first]))
    assert rotated.accepts(UUID(int=1), token)
    assert rotated.accepts(UUID(int=1), rotated.of(UUID(int=1)))
    assert not rotated.accepts(UUID(int=2), token)
    assert not rotated.accepts(UUID(int=1), token + "é")
    assert not HmacLinkTokens(KeyRing([second])).accepts(UUID(int=1), token)
