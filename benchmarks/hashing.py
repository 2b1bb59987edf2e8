"""Measure the hash function alone: passwords verified on a number of threads.

The threads have the same low priority as in the server, so that other load on the machine slows both equally.
"""

from __future__ import annotations

import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher

from tasktracker.adapters.security.passwords import NICENESS
from tasktracker.entrypoints.settings import Settings

PASSWORD = "the password of no account"  # noqa: S105  # of no account


def hasher() -> PasswordHasher:
    """Return the hash function with the default parameters of the server."""
    usual = Settings()
    return PasswordHasher(
        memory_cost=usual.argon2_memory_kib, time_cost=usual.argon2_passes, parallelism=usual.argon2_lanes
    )


def main() -> None:
    """Verify a password for some seconds on some threads, and print the number per second."""
    threads, seconds = int(sys.argv[1]), float(sys.argv[2])
    os.nice(NICENESS)
    argon2 = hasher()
    stored = argon2.hash(PASSWORD)

    def verify(_: int) -> int:
        count, end = 0, time.perf_counter() + seconds
        while time.perf_counter() < end:
            argon2.verify(stored, PASSWORD)
            count += 1
        return count

    with ThreadPoolExecutor(threads) as pool:
        began = time.perf_counter()
        count = sum(pool.map(verify, range(threads)))
        print(count / (time.perf_counter() - began))  # noqa: T201  # read by benchmarks.bench


if __name__ == "__main__":
    main()
