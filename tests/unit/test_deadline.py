"""Deadlines of calls."""

from __future__ import annotations

import math
import time
from contextlib import suppress
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
    lifted = Deadline(0)
    lifted.lift()
    assert lifted.remaining(1000) == 1000


def test_hashing_a_password_does_not_use_up_the_deadline() -> None:
    hasher = Argon2PasswordHasher(memory_kib=8, passes=1000)
    until = Deadline(100)
    context = copy_context()
    context.run(deadline.set_current, until)
    start, used = time.monotonic(), time.process_time()
    password_hash = context.run(hasher.hash, "secret")
    assert context.run(hasher.verify, "secret", password_hash)
    used = time.process_time() - used
    assert 0 < 0.5 * used <= until.at - 100 <= time.monotonic() - start


def test_the_time_of_work_is_excluded_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 7.0
    monkeypatch.setattr(deadline, "monotonic", lambda: now)
    until = Deadline(100)
    context = copy_context()
    context.run(deadline.set_current, until)

    def work(seconds: float) -> None:
        nonlocal now
        with suppress(KeyError), deadline.paused(0.1):
            now += seconds
            raise KeyError  # the time counts also if the work fails

    context.run(work, 0.01)
    assert until.at == pytest.approx(100.01)
    context.run(work, 0.2)
    assert until.at == pytest.approx(100.11)
