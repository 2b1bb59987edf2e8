"""Writing files with personal data: for the owner only, and complete or not at all."""

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

    A regular file is replaced when all is written, so that it is never partial, and then has the mode 0600.
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
        # mkstemp creates the file with mode 0600, under a name that cannot be a link.
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
