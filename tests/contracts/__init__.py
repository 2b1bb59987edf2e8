"""What every storage adapter must do, whichever it is.

A contract is a class of tests that names no adapter. An adapter honours it with a subclass whose fixtures
`store` and `clock` give an empty store and the clock it goes by.
"""

import pytest

for name in (
    "base",
    "users",
    "sessions",
    "categories",
    "tasks",
    "work",
    "fields",
    "accounts",
    "filing",
    "lists",
    "trash",
    "history",
    "idempotency",
    "sharing",
):
    pytest.register_assert_rewrite(f"tests.contracts.{name}")
