"""What the bare hash function reaches: passwords verified on a number of threads, and nothing else.

The threads stand back as the server's do, so that on a machine that does other things, too, both have the same share.
"""

from __future__ import annotations

import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher

from tasktracker.adapters.security.passwords import NICENESS
from tasktracker.entrypoints.settings import Settings

PASSWORD = "of nobody, and for no other purpose"  # noqa: S105  # as it says


def hasher() -> PasswordHasher:
    """Return the function with the parameters that the server has unless set otherwise."""
    usual = Settings()
    return PasswordHasher(
        memory_cost=usual.argon2_memory_kib, time_cost=usual.argon2_passes, parallelism=usual.argon2_lanes
    )


def main() -> None:
    """Verify a password for some seconds on some threads, and print how often a second."""
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
