"""Real databases, real processes."""

import pytest

# Before anything imports it: its assertions, too, say what they compared.
pytest.register_assert_rewrite("tests.http")
