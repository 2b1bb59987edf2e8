"""What domain errors say: their kind, their message, and when to try again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from tasktracker.domain.kernel.errors import (
    MAX_RETRY_SECONDS,
    Busy,
    DomainError,
    FieldError,
    InsufficientScope,
    InvalidInput,
    QuotaExceeded,
    StorageUnavailable,
    TooManyRequests,
)


def kinds(base: type[DomainError] = DomainError) -> Iterator[type[DomainError]]:
    yield base
    for kind in base.__subclasses__():
        yield from kinds(kind)


def test_each_kind_of_error_has_its_own_slug_and_title() -> None:
    found = [kind for kind in kinds() if kind.__module__ == DomainError.__module__]
    assert len(found) == len({kind.slug for kind in found}) == len({kind.title for kind in found})


@pytest.mark.parametrize("kind", [DomainError, Busy, StorageUnavailable])
def test_an_error_says_what_its_cause_says_or_its_title(kind: type[DomainError]) -> None:
    assert (kind().detail, str(kind())) == (f"{kind.title}.", f"{kind.title}.")
    assert (kind("The disk is slow.").detail, str(kind("The disk is slow."))) == ("The disk is slow.",) * 2


def test_the_reason_of_a_failure_of_the_storage_is_apart_from_what_clients_get() -> None:
    error = StorageUnavailable("For clients.", reason="for the operator")
    assert (error.detail, error.reason, error.retry_after) == ("For clients.", "for the operator", 1)
    assert StorageUnavailable("For clients.").reason is None


def test_clients_that_are_refused_at_the_same_time_retry_at_different_times() -> None:
    assert {Busy().retry_after for _ in range(300)} == set(range(1, MAX_RETRY_SECONDS + 1))


@pytest.mark.parametrize(("seconds", "after"), [(0, 1), (1e-6, 1), (1, 1), (1 + 1e-6, 2), (60, 60), (90_000, 90_000)])
def test_a_retry_after_the_stated_seconds_is_not_too_early(seconds: float, after: int) -> None:
    error = TooManyRequests(timedelta(seconds=seconds))
    assert (error.retry_after, error.detail) == (after, f"Try again in {after} seconds.")


def test_an_error_of_fields_names_each_of_them_also_within_another_field() -> None:
    error = InvalidInput(FieldError("a", "is bad"), FieldError("b", "is worse"))
    assert error.detail == "a: is bad; b: is worse"
    assert error.within("x").errors == (FieldError("x.a", "is bad"), FieldError("x.b", "is worse"))
    assert InvalidInput.of("a", "is bad").errors == (FieldError("a", "is bad"),)


def test_a_missing_scope_is_named() -> None:
    error = InsufficientScope("tasks:write")
    assert (error.scope, error.detail) == ("tasks:write", "This requires the scope tasks:write.")


@pytest.mark.parametrize("quota", ["tasks", "categories", "bytes"])
def test_a_quota_is_named_with_its_limit(quota: str) -> None:
    error = QuotaExceeded(quota, 7)
    assert (error.quota, error.limit) == (quota, 7)
    assert error.detail.startswith(f"The owner's account may have at most 7 {quota}")
