"""Rules that check the values of fields, for every kind of input.

A *rule* takes a value of the right type and returns it in canonical form, or raises `Refused`. Every storage accepts
every value that passes its rule. So the rules refuse values that only some databases can store (NUL, lone surrogates,
times outside UTC's range).

A *rule for new values* needs properties of characters, and applies only to values that are set now. Values that were
stored before the rule existed can still be read, exported, imported and sent back unchanged.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, dataclass, fields
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeVar, cast, get_args, get_origin, get_type_hints

from tasktracker.domain.kernel.characters import Characters
from tasktracker.domain.kernel.errors import FieldError, InvalidInput

Rule = Callable[[Any], Any]
NewRule = Callable[[Any, Characters], None]
"""Raises `Refused` for a value, in canonical form, that must not be set."""


class Refused(ValueError):
    """The value breaks its rule; the message completes the sentence "this field …"."""


Fields = TypeVar("Fields", bound=Mapping[str, Any])


def check(
    rules: Mapping[str, Rule],
    values: Fields,
    *,
    required: Iterable[str] = (),
    also: Iterable[FieldError] = (),
) -> Fields:
    """Return `values` in canonical form. A value without a rule is returned unchanged.

    Raises InvalidInput with every field that breaks its rule or is required but missing, and the errors in `also`.
    """
    cleaned: dict[str, Any] = {}
    errors = [FieldError(name, "is required") for name in required if name not in values]
    errors += also
    for name, value in values.items():
        rule = rules.get(name)
        try:
            cleaned[name] = rule(value) if rule else value
        except Refused as refused:
            errors.append(FieldError(name, str(refused)))
        except InvalidInput as invalid:  # of the fields of an object
            errors += invalid.within(name).errors
    if errors:
        raise InvalidInput(*errors)
    return cast(Fields, cleaned)


@dataclass(frozen=True, slots=True)
class Editable:
    """Stands in the annotation of an entity's field that users may set, with its rule and its rule for new values.

    If the entity has a history, it contains the changes of editable fields, and users can undo these changes. An
    `owner_only` field is ignored when another user sends it. A `private` field is visible to the owner only.
    """

    rule: Rule | None = None
    new: NewRule | None = None
    owner_only: bool = False
    private: bool = False


class EditableFields(Generic[Fields]):
    """The editable fields of an entity, read from its declaration; `Fields` is their TypedDict.

    Of the `exclusive` fields, at most one has a value: setting one clears the others. In conflicts, the `joined` fields
    are one field.
    """

    def __init__(self, entity: type, *, exclusive: tuple[str, ...] = (), joined: tuple[str, ...] = ()) -> None:
        annotations = get_type_hints(entity, include_extras=True)
        self.types: dict[str, Any] = {}
        self.rules: dict[str, Rule] = {}
        defaults: dict[str, Any] = {}
        marks: dict[str, Editable] = {}
        for each in fields(entity):
            annotation = annotations[each.name]
            extras = get_args(annotation)[1:] if get_origin(annotation) is Annotated else ()
            for editable in (extra for extra in extras if isinstance(extra, Editable)):
                marks[each.name] = editable
                self.types[each.name] = get_args(annotation)[0]
                if editable.rule is not None:
                    self.rules[each.name] = editable.rule
                if each.default is not MISSING:
                    defaults[each.name] = each.default
        self.names = tuple(marks)
        self.defaults = cast(Fields, defaults)
        self.required = tuple(name for name in self.names if name not in defaults)
        self.owner_only = frozenset(name for name, mark in marks.items() if mark.owner_only)
        self.private = frozenset(name for name, mark in marks.items() if mark.private)
        self.exclusive = exclusive
        self.joined = frozenset(joined)
        self._new = {name: mark.new for name, mark in marks.items() if mark.new is not None}

    def new_rules(self, characters: Characters) -> dict[str, Rule]:
        """Return the rules of all fields, with those for new values."""
        return self.rules | {name: with_new(self.rules[name], new, characters) for name, new in self._new.items()}

    def check(self, values: Fields) -> Fields:
        """Return these fields in canonical form. An exclusive field sets the others to None. Raises InvalidInput."""
        cleaned = check(self.rules, values, also=self._too_many(values))
        if any(values.get(name) is not None for name in self.exclusive):
            return cast(Fields, {**cleaned, **{name: cleaned.get(name) for name in self.exclusive}})
        return cleaned

    def complete(self, values: Fields, characters: Characters | None = None) -> Fields:
        """Return all fields in canonical form; missing ones get their defaults. Raises InvalidInput.

        With `characters`, they are the fields of a new entity, and the rules for new values apply.
        """
        whole = {**self.defaults, **values}
        in_order = cast(Fields, {name: whole[name] for name in self.names if name in whole})
        rules = self.rules if characters is None else self.new_rules(characters)
        return check(rules, in_order, required=self.required, also=self._too_many(in_order))

    def check_changes(self, before: object, after: object, characters: Characters) -> None:
        """Apply the rules for new values to the fields in which two entities differ. Raises InvalidInput."""
        values = {name: getattr(after, name) for name in self._new}
        changed = {name: value for name, value in values.items() if value != getattr(before, name)}
        if changed:
            check(self.new_rules(characters), changed)

    def _too_many(self, values: Fields) -> list[FieldError]:
        """Return an error for each exclusive field with a value after the first one."""
        first, *others = [name for name in self.exclusive if values.get(name) is not None] or [""]
        return [FieldError(name, f"cannot be set together with {first}") for name in others]

    def of(self, entity: object) -> dict[str, Any]:
        """Return the values of an entity's editable fields."""
        return {name: getattr(entity, name) for name in self.names}

    def without_owner_only(self, values: Fields) -> Fields:
        """Return the fields that users other than the owner may set."""
        return cast(Fields, {name: value for name, value in values.items() if name not in self.owner_only})


def with_new(rule: Rule, new: NewRule, characters: Characters) -> Rule:
    """Accept what both rules accept. The rule for new values is not applied to None."""

    def both(value: Any) -> Any:
        accepted = rule(value)
        if accepted is not None:
            new(accepted, characters)
        return accepted

    return both


def text(*, longest: int, shortest: int = 0, trim: bool = False, unit: str = "characters") -> Rule:
    """Text of `shortest` to `longest` code points. With `trim`, white space at both ends is removed before counting.

    `unit` names code points in the error of a text that is too long.
    """

    def rule(value: str) -> str:
        require_storable(value)
        cleaned = value.strip() if trim else value
        if len(cleaned) < shortest:
            raise Refused("must not be empty" if shortest == 1 else f"must be at least {shortest} characters long")
        if len(cleaned) > longest:
            raise Refused(f"must be at most {longest} {unit} long")
        return cleaned

    return rule


def require_storable(value: str) -> None:
    """Refuse text that no UTF-8 database can hold: NUL characters and lone surrogates."""
    if "\0" in value:
        raise Refused("must not contain NUL characters")
    # Encoding is the fastest test for surrogates, because it runs in C.
    try:
        value.encode()
    except UnicodeEncodeError:
        raise Refused("must not contain lone surrogates") from None


def require_visible(value: str, characters: Characters) -> None:
    """Refuse text that looks empty: for new names and titles."""
    if not characters.has_visible(value):
        raise Refused("must contain a visible character")


def optional(rule: Rule) -> Rule:
    """Accept None, and check any other value by `rule`."""
    return lambda value: None if value is None else rule(value)


def moment(value: datetime) -> datetime:
    """A point in time, in UTC. Refuses a time without an offset, and a time outside UTC's range."""
    if value.tzinfo is None:
        raise Refused("must have a UTC offset, as in 2026-01-31T12:00:00Z")
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise Refused("must be between the years 1 and 9999 in UTC") from None


def case_key(value: str) -> str:
    """A key for comparing names: equal for names that users read as the same (NFKC, case-folded; UAX #15, UTR #36)."""
    folded = unicodedata.normalize("NFKC", value).casefold()
    return unicodedata.normalize("NFKC", folded)
