"""Tests, by what they need: see CONTRIBUTING.md."""

import pytest

# Failed assertions in these modules show their values, too, although these are not test modules.
pytest.register_assert_rewrite("tests.http", "tests.contracts.base", "tests.contracts.http", "tests.device")
