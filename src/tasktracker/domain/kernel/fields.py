"""What a field's value must be like, whichever way it came in.

A *rule* takes a value of the right type and returns it in its canonical form, or raises `Refused`. Every
storage accepts whatever passes its rule: what one database would store and another refuse (NUL, lone
surrogates, times outside UTC's range) is refused here.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar, cast

from tasktracker.domain.kernel.errors import FieldError, InvalidInput

Rule = Callable[[Any], Any]


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
    """Return `values` in canonical form. A value without a rule passes as it is.

    Raises InvalidInput naming every field that breaks its rule or is required and missing, and those in `also`.
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
    if errors:
        raise InvalidInput(*errors)
    return cast(Fields, cleaned)


def text(*, longest: int, shortest: int = 0, trim: bool = False) -> Rule:
    """Text of `shortest` to `longest` code points, counted after trimming white space where `trim` is set."""

    def rule(value: str) -> str:
        require_storable(value)
        cleaned = value.strip() if trim else value
        if len(cleaned) < shortest:
            raise Refused("must not be empty" if shortest == 1 else f"must be at least {shortest} characters long")
        if len(cleaned) > longest:
            raise Refused(f"must be at most {longest} characters long")
        return cleaned

    return rule


def require_storable(value: str) -> None:
    """Refuse text that no UTF-8 database can hold: NUL characters and lone surrogates."""
    if "\0" in value:
        raise Refused("must not contain NUL characters")
    # Encoding is the one test for surrogates that runs at the speed of C.
    try:
        value.encode()
    except UnicodeEncodeError:
        raise Refused("must not contain lone surrogates") from None


def optional(rule: Rule) -> Rule:
    """Let None pass, and everything else by `rule`."""
    return lambda value: None if value is None else rule(value)


def moment(value: datetime) -> datetime:
    """A point in time, in UTC. Refuses a time without an offset, and one that UTC's calendar cannot express."""
    if value.tzinfo is None:
        raise Refused("must have a UTC offset, as in 2026-01-31T12:00:00Z")
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise Refused("must lie between the years 1 and 9999 in UTC") from None


def case_key(value: str) -> str:
    """The form in which names that people would call the same are equal: NFKC, case-folded (UAX #15, UTR #36)."""
    folded = unicodedata.normalize("NFKC", value).casefold()
    return unicodedata.normalize("NFKC", folded)
