"""Users, their names and their passwords."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo, reset_tzpath

import pytest
from hypothesis import given

from tasktracker.domain.accounts.links import state_of
from tasktracker.domain.accounts.password import credential, new_password, normalized
from tasktracker.domain.accounts.user import (
    USER,
    User,
    UserFields,
    canonical_email,
    canonical_username,
)
from tasktracker.domain.kernel import time_zones
from tasktracker.domain.kernel.errors import InvalidInput
from tasktracker.domain.kernel.fields import Refused, check
from tests import strategies
from tests.fakes import CHARACTERS

ALICE = User(id=UUID(int=1), username="alice", password_hash="secret", created_at=datetime(2026, 1, 1, tzinfo=UTC))


class TestUser:
    def test_a_change_sets_the_next_version(self) -> None:
        edited = ALICE.edit({"first_name": "Alice", "email": "alice@example.org"})
        assert (edited.first_name, edited.email, edited.version) == ("Alice", "alice@example.org", 2)
        assert edited.edit({"email": None}).version == 3

    def test_a_change_without_effect_returns_the_same_user(self) -> None:
        assert ALICE.edit({}) is ALICE
        assert ALICE.edit({"username": "alice", "first_name": ""}) is ALICE
        assert ALICE.activated(True) is ALICE
        assert ALICE.with_password("secret") is ALICE

    def test_changes_of_password_and_activation_set_the_next_version(self) -> None:
        for user in (ALICE, replace(ALICE, is_active=False)):
            assert user.with_password("other") == replace(user, password_hash="other", version=2)
        assert ALICE.activated(False).version == 2
        assert not ALICE.activated(False).is_active
        assert ALICE.activated(False).activated(True).version == 3

    def test_a_link_ends_with_the_password_and_the_address_alone(self) -> None:
        user = replace(ALICE, email="alice@example.org")
        changes: Any
        for changes in ({"email": "ALICE@example.org"}, {"pending_email": "new@example.org"}, {"username": "bob"}):
            assert state_of(replace(user, **changes)) == state_of(user)
        for changes in ({"email": "new@example.org"}, {"email": None}, {"password_hash": "other"}):
            assert state_of(replace(user, **changes)) != state_of(user)

    def test_removing_the_address_removes_the_pending_one(self) -> None:
        user = replace(ALICE, email="alice@example.org", pending_email="new@example.org")
        for is_mail_on in (True, False):
            assert user.edit({"email": None}, is_mail_on=is_mail_on).unverified_email is None

    def test_the_password_hash_is_not_shown(self) -> None:
        assert "secret" not in repr(ALICE)


class TestUsername:
    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ("alice", "alice"),
            ("  Alice.B+c-d_1  ", "Alice.B+c-d_1"),
            ("abc", "abc"),
            ("a" * 150, "a" * 150),
            (" " * 200 + "abc" + " " * 200, "abc"),
            ("\u00c5ngstr\u00f6m", "\u00c5ngstr\u00f6m"),
            ("A\u030angstro\u0308m", "\u00c5ngstr\u00f6m"),
            ("\uff41\uff42\uff43", "abc"),
            ("\u65e5\u672c\u8a9e", "\u65e5\u672c\u8a9e"),
            ("\u05e9\u05dc\u05d5\u05dd", "\u05e9\u05dc\u05d5\u05dd"),
            ("\U0001d41a\U0001d41b\U0001d41c", "abc"),
            ("\ufb01x", "fix"),
            ("\u0939\u093f\u0928\u094d\u0926\u0940", "\u0939\u093f\u0928\u094d\u0926\u0940"),
            ("\u0e20\u0e32\u0e29\u0e32\u0e44\u0e17\u0e22", "\u0e20\u0e32\u0e29\u0e32\u0e44\u0e17\u0e22"),
            ("x\u0302\u0323yz", "x\u0323\u0302yz"),  # no composed form
        ],
    )
    def test_a_username_is_canonicalised(self, value: str, expected: str) -> None:
        assert canonical_username(value) == expected

    @pytest.mark.parametrize(
        "value",
        [
            "",
            "ab",
            "  ab  ",
            "a" * 151,
            "a b c",
            "alice@example.org",
            "alice\uff20example",  # NFKC turns it into an at sign
            "al\0ice",
            "al\ud800ice",
            "al\u200bice",
            "al\u202eice",
            "al/ice",
            "al\u2100ice",  # NFKC turns it into a/c
            "\U0001f600" * 3,
            "a\nbc",
            "\u0301abc",  # a mark without a letter
            "a-\u0301bc",
            "ab1\u0301",
            "abc\u20dd",  # an enclosing mark
        ],
    )
    def test_a_malformed_username_is_refused(self, value: str) -> None:
        with pytest.raises(Refused):
            canonical_username(value)

    @pytest.mark.parametrize(
        "value",
        [
            "alice-1",
            "\u00c5ngstr\u00f6m",
            "\u0939\u093f\u0928\u094d\u0926\u0940",
            "\u0623\u062d\u0645\u062f",
            "\u05e9\u05dc\u05d5\u05dd2",
            "\u03a3\u03af\u03c3\u03c5\u03c6\u03bf\u03c2",
            "\u0410\u043b\u0438\u0441\u0430.1",
            "\u6771\u4eactower",
            "\u30e9\u30fc\u30e1\u30f3\u5c4b",
            "\ud55c\uad6dKorea",
            "\u6f22\u5b57\u3105a",
            "Vi\u1ec7tnam",
            "bob\u0301\u0302\u0303\u0304",
        ],
    )
    def test_a_new_username_may_be_in_any_living_script(self, value: str) -> None:
        assert check(USER.new_rules(CHARACTERS), UserFields(username=value)) == {"username": value}

    @pytest.mark.parametrize(
        "value",
        [
            "bob\u3164",  # a Hangul filler, which NFKC makes U+1160
            "bob\uffa0",
            "bob\u115f",
            "bob\u17b4",
            "bob\u034f",
            "bob\u3164bob",
            "\u0430lice",  # a Cyrillic letter
            "al\u03b9ce",  # a Greek letter
            "\u00b5torrent",
            "ali\u0441e.b",
            "bob\u0966",  # a Devanagari zero
            "\uac00\u30ab\u30ca",
            "\U00010330\U00010331\U00010332",  # Gothic
            "\ua4ee\ua4f2ice",  # Lisu letters that look like Latin capitals
            "bo\u0301\u0301b",  # two marks that look like one
            "bob\u0301\u0302\u0303\u0304\u0308",
        ],
    )
    def test_a_new_username_that_imitates_another_is_refused(self, value: str) -> None:
        canonical_username(value)  # may exist, and may be sent back
        with pytest.raises(InvalidInput) as caught:
            check(USER.new_rules(CHARACTERS), UserFields(username=value))
        assert [error.field for error in caught.value.errors] == ["username"]

    @given(strategies.raw_usernames())
    def test_an_accepted_username_is_accepted_again_and_has_no_at_sign(self, value: str) -> None:
        try:
            accepted = canonical_username(value)
        except Refused:
            return
        assert canonical_username(accepted) == accepted
        assert 3 <= len(accepted) <= 150
        assert "@" not in accepted
        assert not any(character.isspace() for character in accepted)


class TestEmail:
    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ("a@b.c", "a@b.c"),
            ("  Alice@Example.ORG\n", "Alice@Example.ORG"),
            ("first.last+tag@sub.example.org", "first.last+tag@sub.example.org"),
            ("\u00fcser@b\u00fccher.example", "\u00fcser@b\u00fccher.example"),
            ("alice\uff20example.org", "alice@example.org"),
            ("a" * 242 + "@example.org", "a" * 242 + "@example.org"),
            ("", None),
            (" \t ", None),
        ],
    )
    def test_an_email_address_is_canonicalised(self, value: str, expected: str | None) -> None:
        assert canonical_email(value) == expected

    @pytest.mark.parametrize(
        "value",
        [
            "alice",
            "alice@",
            "@example.org",
            "alice@localhost",
            "alice@.org",
            "alice@example.",
            "alice@-example.org",
            "alice@example.org-",
            "alice@example..org",
            "alice@@example.org",
            "a@b@example.org",
            "ali ce@example.org",
            "alice@exam\u00a0ple.org",
            "alice\u200b@example.org",
            "alice@exa\u202emple.org",
            "alice\0@example.org",
            "alice\ud800@example.org",
            "alice\r\nBcc: bob@example.org",
            "<alice@example.org>",
            "bob@example.org,alice@example.org",
            "alice(work)@example.org",
            "a" * 243 + "@example.org",
        ],
    )
    def test_a_malformed_email_address_is_refused(self, value: str) -> None:
        with pytest.raises(Refused):
            canonical_email(value)

    def test_a_new_email_address_has_no_filler(self) -> None:
        with pytest.raises(InvalidInput):
            check(USER.new_rules(CHARACTERS), UserFields(email="bob\u3164@example.org"))

    @given(strategies.raw_emails())
    def test_an_accepted_email_address_is_accepted_again(self, value: str) -> None:
        try:
            accepted = canonical_email(value)
        except Refused:
            return
        if accepted is not None:
            assert canonical_email(accepted) == accepted
            assert len(accepted) <= 254
            assert accepted.count("@") == 1


@pytest.mark.parametrize("value", ["UTC", "Europe/Vienna", "America/Argentina/Buenos_Aires"])
def test_an_iana_time_zone_is_accepted(value: str) -> None:
    assert time_zones.known_time_zone(value) == value


@pytest.fixture
def odd_host(tmp_path: Path) -> Iterator[None]:
    """A host with time zone files that other hosts lack."""
    utc = files("tzdata").joinpath("zoneinfo", "UTC").read_bytes()
    for name in ("localtime", "posixrules", "posix/UTC", "right/UTC", "Mars/Olympus"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(utc)
    time_zones.time_zone_names.cache_clear()
    ZoneInfo.clear_cache()
    reset_tzpath([tmp_path])
    yield
    reset_tzpath()
    ZoneInfo.clear_cache()


@pytest.mark.parametrize("value", ["localtime", "posixrules", "posix/UTC", "right/UTC", "Factory", "Mars/Olympus"])
def test_a_time_zone_of_some_hosts_only_is_refused(odd_host: None, value: str) -> None:
    ZoneInfo(value)  # this host has it
    with pytest.raises(Refused, match="IANA"):
        time_zones.known_time_zone(value)


def test_every_accepted_time_zone_exists_on_a_host_without_own_files(tmp_path: Path) -> None:
    reset_tzpath([tmp_path])
    try:
        assert {ZoneInfo.no_cache(name).key for name in time_zones.time_zone_names()} >= {"Europe/Vienna", "UTC"}
    finally:
        reset_tzpath()


def test_a_stored_time_zone_that_is_gone_becomes_utc_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert time_zones.stored_time_zone("Gone/Zone").key == "UTC"
        assert time_zones.stored_time_zone("Europe/Vienna").key == "Europe/Vienna"
    assert [record.getMessage() for record in caplog.records] == [
        "The stored time zone Gone/Zone does not exist; UTC is used instead."
    ]


@pytest.mark.parametrize("value", ["", "Vienna", "europe/vienna", "+01:00", "../../etc/passwd", "UTC\0", "\ud800"])
def test_an_unknown_time_zone_is_refused(value: str) -> None:
    with pytest.raises(Refused):
        time_zones.known_time_zone(value)


def test_personal_names_are_trimmed_and_limited() -> None:
    names: UserFields = {"first_name": "  Alice  ", "last_name": " " * 10 + "x" * 150}
    assert check(USER.rules, names) == {"first_name": "Alice", "last_name": "x" * 150}
    too_long: UserFields = {"first_name": "x" * 151, "last_name": "\0"}
    with pytest.raises(InvalidInput) as caught:
        check(USER.rules, too_long)
    assert [error.field for error in caught.value.errors] == ["first_name", "last_name"]


class TestPassword:
    @pytest.mark.parametrize(
        "value", ["x" * 8, "x" * 128, "  spaces count  ", "p\u00e4ssw\u00f6rter", "\U0001f600" * 8]
    )
    def test_a_password_within_the_limits_is_accepted(self, value: str) -> None:
        assert new_password()(value) == value

    @pytest.mark.parametrize("value", ["", "x" * 7, "x" * 129, "x" * 8 + "\0", "x" * 8 + "\ud800"])
    def test_a_malformed_password_is_refused(self, value: str) -> None:
        with pytest.raises(Refused):
            new_password()(value)

    def test_the_minimum_length_can_be_higher(self) -> None:
        assert new_password(12)("x" * 12) == "x" * 12
        with pytest.raises(Refused, match="at least 12"):
            new_password(12)("x" * 11)

    def test_a_password_is_normalised(self) -> None:
        assert new_password()("pa\u0308sswort") == normalized("pa\u0308sswort") == "p\u00e4sswort"
        assert new_password()("\uff41" * 8) == "\uff41" * 8

    @pytest.mark.parametrize("space", ["\u00a0", "\u1680", "\u2003", "\u2009", "\u202f", "\u205f", "\u3000"])
    def test_every_space_of_a_password_is_an_ascii_space(self, space: str) -> None:
        assert new_password()(f"correct{space}horse") == normalized(f"correct{space}horse") == "correct horse"

    def test_the_length_is_counted_after_normalisation(self) -> None:
        with pytest.raises(Refused):
            new_password()("a\u0308" * 4)

    @pytest.mark.parametrize("value", ["", "x", "x" * 1024])
    def test_any_presented_password_within_the_size_limit_is_accepted(self, value: str) -> None:
        assert credential(value) == value

    @pytest.mark.parametrize("value", ["x" * 1025, "\0", "\udfff"])
    def test_an_impossible_presented_password_is_refused(self, value: str) -> None:
        with pytest.raises(Refused):
            credential(value)
