"""Attacks on the service as it runs: processes, a real database, real HTTP."""

import pytest

# Before anything imports it: its assertions, too, say what they compared.
pytest.register_assert_rewrite("tests.http")
