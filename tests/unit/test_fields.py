"""The rules of fields that all entities share."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Annotated, TypedDict

import pytest
from hypothesis import given

from tasktracker.domain.kernel.characters import Characters
from tasktracker.domain.kernel.errors import FieldError, InvalidInput
from tasktracker.domain.kernel.fields import (
    Editable,
    EditableFields,
    Refused,
    Rule,
    case_key,
    check,
    moment,
    optional,
    text,
    with_new,
)
from tasktracker.domain.tasks.task import TASK
from tests import strategies
from tests.fakes import CHARACTERS
from tests.strategies import USERNAMES, spellings


def refuse(value: str) -> str:
    raise Refused("is refused")


def shout(value: str) -> str:
    return value.upper()


def errors_of(caught: pytest.ExceptionInfo[InvalidInput]) -> dict[str, str]:
    return {error.field: error.message for error in caught.value.errors}


class TestCheck:
    def test_values_with_a_rule_are_canonicalised_and_others_are_kept(self) -> None:
        values = {"a": "x", "b": "y"}
        assert check({"a": shout, "c": refuse}, values) == {"a": "X", "b": "y"}
        assert values == {"a": "x", "b": "y"}

    def test_all_errors_are_raised_together(self) -> None:
        with pytest.raises(InvalidInput) as caught:
            check(
                {"a": refuse, "b": refuse, "c": shout},
                {"a": "x", "b": "y", "c": "z"},
                required=("c", "d"),
                also=[FieldError("e", "is odd")],
            )
        assert errors_of(caught) == {"a": "is refused", "b": "is refused", "d": "is required", "e": "is odd"}

    def test_an_additional_error_alone_is_raised(self) -> None:
        with pytest.raises(InvalidInput):
            check({}, {"a": "x"}, also=[FieldError("e", "is odd")])

    def test_a_required_field_can_be_empty(self) -> None:
        assert check({}, {"a": ""}, required=("a",)) == {"a": ""}


class TestText:
    @pytest.mark.parametrize(
        ("rule", "value", "expected"),
        [
            (text(longest=3), "abc", "abc"),
            (text(longest=3), " a ", " a "),
            (text(longest=3, trim=True), "  \t a \n\u3000 ", "a"),
            (text(longest=3, trim=True), "    abc    ", "abc"),
            (text(longest=3, shortest=3), "abc", "abc"),
            (text(longest=3), "", ""),
            (text(longest=3, trim=True), "   ", ""),
            (text(longest=1), "\U0001f600", "\U0001f600"),
            (text(longest=2), "e\u0301", "e\u0301"),
        ],
    )
    def test_a_text_within_the_limits_is_accepted(self, rule: Rule, value: str, expected: str) -> None:
        assert rule(value) == expected

    @pytest.mark.parametrize(
        ("rule", "value", "message"),
        [
            (text(longest=3), "abcd", "must be at most 3 characters long"),
            (text(longest=3, shortest=1), "", "must not be empty"),
            (text(longest=3, shortest=1, trim=True), " \t\u00a0", "must not be empty"),
            (text(longest=3, shortest=2, trim=True), "  a  ", "must be at least 2 characters long"),
            (text(longest=3), "a\0b", "must not contain NUL characters"),
            (text(longest=3), "\0", "must not contain NUL characters"),
            (text(longest=3), "\ud800", "must not contain lone surrogates"),
            (text(longest=3), "a\udfff", "must not contain lone surrogates"),
            (text(longest=3), "\udc00\ud800", "must not contain lone surrogates"),
        ],
    )
    def test_a_text_outside_the_limits_is_refused(self, rule: Rule, value: str, message: str) -> None:
        with pytest.raises(Refused) as caught:
            rule(value)
        assert str(caught.value) == message

    @given(strategies.texts(20))
    def test_an_accepted_text_can_be_encoded_and_is_accepted_again(self, value: str) -> None:
        rule = text(longest=10, shortest=1, trim=True)
        try:
            accepted = rule(value)
        except Refused:
            return
        assert 1 <= len(accepted) <= 10
        assert "\0" not in accepted
        assert accepted.encode().decode() == accepted
        assert rule(accepted) == accepted


def test_a_new_entity_has_all_fields_and_lacks_no_required_one() -> None:
    assert TASK.complete({"title": " a "}) == {**TASK.defaults, "title": "a"}
    with pytest.raises(InvalidInput) as caught:
        TASK.complete({"description": "b"})
    assert caught.value.errors == (FieldError("title", "is required"),)


class TestMoment:
    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            (datetime(2026, 2, 3, 4, 5, 6, 7, UTC), datetime(2026, 2, 3, 4, 5, 6, 7, UTC)),
            (
                datetime(2026, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=5, minutes=45))),
                datetime(2026, 2, 2, 22, 20, tzinfo=UTC),
            ),
            (
                datetime(9999, 12, 31, 23, 59, 59, 999999, timezone(timedelta(hours=14))),
                datetime(9999, 12, 31, 9, 59, 59, 999999, UTC),
            ),
            (datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=-14))), datetime(1, 1, 1, 14, tzinfo=UTC)),
        ],
    )
    def test_a_time_is_converted_to_utc(self, value: datetime, expected: datetime) -> None:
        accepted = moment(value)
        assert accepted == expected
        assert accepted.tzinfo is UTC

    def test_a_time_without_an_offset_is_refused(self) -> None:
        with pytest.raises(Refused, match="UTC offset"):
            moment(datetime(2026, 2, 3))  # noqa: DTZ001 - naive on purpose

    @pytest.mark.parametrize(
        "value",
        [
            datetime(9999, 12, 31, 23, 59, 59, tzinfo=timezone(timedelta(hours=-14))),
            datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14))),
        ],
    )
    def test_a_time_beyond_the_calendar_is_refused(self, value: datetime) -> None:
        with pytest.raises(Refused, match="between the years 1 and 9999"):
            moment(value)

    @given(strategies.raw_times())
    def test_any_time_is_accepted_as_the_same_moment_or_refused(self, value: datetime) -> None:
        try:
            accepted = moment(value)
        except Refused:
            return
        assert accepted == value
        assert accepted.utcoffset() == timedelta()


def test_an_optional_value_is_none_or_follows_its_rule() -> None:
    assert optional(refuse)(None) is None
    with pytest.raises(Refused):
        optional(refuse)("")


class TestCaseKey:
    @pytest.mark.parametrize("name", USERNAMES)
    def test_all_spellings_have_one_key(self, name: str) -> None:
        assert len(spellings(name)) >= 4
        assert {case_key(spelling) for spelling in spellings(name)} == {case_key(name)}

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("stra\u00dfe", "STRASSE"),
            ("\ufb01n", "FIN"),
            ("\u03c3", "\u03c2"),
            ("\u212b", "\u00e5"),
            ("\u01c4", "\u01c6"),
        ],
    )
    def test_equivalent_names_have_one_key(self, one: str, other: str) -> None:
        assert case_key(one) == case_key(other)

    @pytest.mark.parametrize(("name", "key"), [("\u2121", "tel"), ("\u01f0", "\u01f0"), ("\u1e9e", "ss")])
    def test_a_key_is_folded_in_its_compatible_form(self, name: str, key: str) -> None:
        assert case_key(name) == key

    @pytest.mark.parametrize(
        ("one", "other"), [("e", "\u00e9"), ("i", "\u0131"), ("a", "\u0430"), ("o", "\u00f8"), ("a", "a ")]
    )
    def test_similar_names_have_different_keys(self, one: str, other: str) -> None:
        assert case_key(one) != case_key(other)

    @given(strategies.storable_texts(20))
    def test_a_key_is_idempotent_and_normalised(self, value: str) -> None:
        key = case_key(value)
        assert case_key(key) == key
        assert unicodedata.is_normalized("NFKC", key)
        assert case_key(unicodedata.normalize("NFD", value)) == key


def test_of_exclusive_fields_one_is_set_and_clears_the_other() -> None:
    day, at = date(2026, 3, 1), datetime(2026, 3, 1, tzinfo=UTC)
    assert TASK.check({"due_on": day}) == {"due_on": day, "due_date": None}
    assert TASK.check({"due_on": None, "title": "x"}) == {"due_on": None, "title": "x"}
    for call in (TASK.check, TASK.complete):
        with pytest.raises(InvalidInput) as caught:
            call({"title": "x", "due_on": day, "due_date": at})
        assert caught.value.errors == (FieldError("due_date", "cannot be set together with due_on"),)


class ThingFields(TypedDict, total=False):
    name: str
    first: int | None
    second: int | None
    third: int | None
    nested: str


def refuse_new(value: str, _: Characters) -> None:
    if "NEW" in value:
        raise Refused("is too new")


def refuse_fields(value: str) -> str:
    if value:
        raise InvalidInput(FieldError("inner", value))
    return value


@dataclass(frozen=True, kw_only=True)
class Thing:
    third: Annotated[int | None, Editable()] = None
    nested: Annotated[str, Editable(refuse_fields)] = ""
    name: Annotated[str, Editable(shout, new=refuse_new)]
    first: Annotated[int | None, Editable(owner_only=True)] = None
    second: Annotated[int | None, Editable(private=True)] = 2
    version: int = 1


THING = EditableFields[ThingFields](Thing, exclusive=("first", "second", "third"), joined=("name", "nested"))


class TestEditableFields:
    def test_a_declaration_is_read_from_the_entity(self) -> None:
        assert THING.names == ("third", "nested", "name", "first", "second")
        assert (THING.required, THING.defaults) == (
            ("name",),
            {"third": None, "nested": "", "first": None, "second": 2},
        )
        assert [sorted(each) for each in (THING.owner_only, THING.private)] == [["first"], ["second"]]
        assert sorted(THING.joined) == ["name", "nested"]
        assert THING.of(Thing(name="x")) == {"third": None, "nested": "", "name": "x", "first": None, "second": 2}
        given = ThingFields(name="x", first=1, second=2)
        assert THING.without_owner_only(given) == {"name": "x", "second": 2}

    def test_setting_one_of_several_exclusive_fields_clears_all_others(self) -> None:
        assert THING.check({"second": 5, "name": "x"}) == {"first": None, "second": 5, "third": None, "name": "X"}
        assert THING.check({"second": None}) == {"second": None}

    @pytest.mark.parametrize("call", [THING.check, THING.complete])
    def test_each_exclusive_field_after_the_first_is_named(self, call: Callable[[ThingFields], ThingFields]) -> None:
        with pytest.raises(InvalidInput) as caught:
            call({"first": 1, "second": 2, "third": 3, "nested": "bad", "name": "x"})
        message = "cannot be set together with first"
        assert errors_of(caught) == {"second": message, "third": message, "nested.inner": "bad"}

    def test_a_new_entity_has_its_fields_in_the_declared_order(self) -> None:
        assert list(THING.complete({"name": "new", "third": 1, "second": None})) == list(THING.names)
        assert THING.complete({"name": "new", "second": None})["name"] == "NEW"
        with pytest.raises(InvalidInput) as caught:
            THING.complete({"name": "new"}, CHARACTERS)
        assert errors_of(caught) == {"name": "is too new"}, "the rule is for the canonical form"
        assert THING.complete({"name": "old"}, CHARACTERS)["name"] == "OLD"

    def test_the_rules_for_new_values_apply_to_what_has_changed(self) -> None:
        before = Thing(name="NEW")
        THING.check_changes(before, replace(before, second=3), CHARACTERS)
        with pytest.raises(InvalidInput) as caught:
            THING.check_changes(before, replace(before, name="NEWER"), CHARACTERS)
        assert errors_of(caught) == {"name": "is too new"}
        THING.check_changes(before, replace(before, name="OLD"), CHARACTERS)
        assert THING.new_rules(CHARACTERS)["name"]("old") == "OLD"
        assert with_new(optional(shout), refuse_new, CHARACTERS)(None) is None


def test_a_text_that_is_too_long_names_its_unit() -> None:
    with pytest.raises(Refused, match="must be at most 2 letters long"):
        text(longest=2, unit="letters")("abc")
