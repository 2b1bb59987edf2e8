"""What clients may rely on, whatever the storage: one suite, with the same assertions on memory, SQLite and PostgreSQL.

A subclass gives the fixture `shared`, the application on a storage.
"""

import pytest

for name in (
    "base",
    "devices",
    "documentation",
    "accounts",
    "sessions",
    "categories",
    "tasks",
    "sync",
    "lists",
    "subtasks",
    "idempotency",
    "put_create",
    "shares",
    "trash",
    "history",
    "conventions",
    "bad_input",
):
    pytest.register_assert_rewrite(f"tests.contracts.http.{name}")
pytest.register_assert_rewrite("tests.http")
