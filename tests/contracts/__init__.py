"""What every storage adapter must do, whichever it is.

A contract is a class of tests that names no adapter. An adapter honours it with a subclass whose fixtures
`store` and `clock` give an empty store and the clock it goes by.
"""

import pytest

NAMES = (
    "base",
    "users",
    "sessions",
    "categories",
    "tasks",
    "work",
    "fields",
    "accounts",
    "filing",
    "activity",
    "api_tokens",
    "credentials",
    "second_factors",
    "rate_limiter",
    "lists",
    "trash",
    "history",
    "idempotency",
    "sharing",
    "feed",
    "archive",
    "snapshots",
)

for name in NAMES:
    pytest.register_assert_rewrite(f"tests.contracts.{name}")
