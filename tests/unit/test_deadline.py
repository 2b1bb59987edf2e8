"""Deadlines of calls."""

from __future__ import annotations

import math
import time
from contextvars import copy_context

import pytest

from tasktracker.adapters.security.passwords import Argon2PasswordHasher
from tasktracker.domain.kernel import deadline
from tasktracker.domain.kernel.deadline import Deadline


def test_the_remaining_time_is_limited_and_never_negative() -> None:
    assert Deadline(time.monotonic() + 100).remaining(5) == 5
    assert Deadline(time.monotonic() + 5).remaining(100) == pytest.approx(5, abs=1)
    assert Deadline(time.monotonic() - 1).remaining(5) == 0
    assert Deadline(math.inf).remaining(5) == 5


def test_hashing_a_password_does_not_use_up_the_deadline() -> None:
    hasher = Argon2PasswordHasher(memory_kib=8, passes=1000)
    until = Deadline(100)
    context = copy_context()
    context.run(deadline.set_current, until)
    start = time.monotonic()
    password_hash = context.run(hasher.hash, "secret")
    assert context.run(hasher.verify, "secret", password_hash)
    taken = time.monotonic() - start
    assert until.at - 100 == pytest.approx(taken, rel=0.2)


def test_the_time_of_work_is_excluded_up_to_a_limit() -> None:
    until = Deadline(100)
    context = copy_context()
    context.run(deadline.set_current, until)

    def work(seconds: float) -> None:
        with deadline.paused(0.1):
            time.sleep(seconds)

    context.run(work, 0.01)
    assert 100.01 <= until.at < 100.1
    context.run(work, 0.2)
    assert 100.11 <= until.at < 100.2
