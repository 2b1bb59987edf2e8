"""Writing files with personal data. Only the owner can read them, and a file is complete or does not exist."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO


@contextmanager
def writing(path: Path) -> Iterator[IO[bytes]]:
    """Open a file for writing. Links are followed. A pipe or a device is written into. Raises OSError with the path.

    A regular file is replaced when all data is written, so it is never partial. Its mode is then 0600.
    """
    mode = stat.S_IFREG
    with suppress(FileNotFoundError):
        mode = path.stat().st_mode
    if not stat.S_ISREG(mode):
        with path.open("wb") as file:
            yield file
        return
    target = Path(os.path.realpath(path))
    try:
        # mkstemp creates a new file with mode 0600, so its name cannot be a link.
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=".tasktracker-", suffix=".partial")
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(target)
    finally:
        Path(name).unlink(missing_ok=True)
