"""A server that starts again at once when it is killed. Its parent has already imported the program."""

from __future__ import annotations

import os
import sys

from tasktracker.entrypoints import cli, server  # noqa: F401  # imported before the fork

COMMAND = [sys.executable, "-m", "tests.faults.forking_server"]


def main() -> None:
    while True:
        child = os.fork()
        if not child:
            cli.main(["serve"])
        _, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status):
            sys.exit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main()
