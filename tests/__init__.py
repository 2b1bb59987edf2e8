"""Tests, by what they need: see CONTRIBUTING.md."""

import pytest

# Their assertions explain themselves, too, although these modules are not test modules.
pytest.register_assert_rewrite("tests.http", "tests.contracts.base", "tests.contracts.http", "tests.device")
