"""The file with the signing secret, used if no secret is configured."""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
from pathlib import Path


def read_or_create(path: Path) -> str:
    """Return the secret in the file. A missing file is created with a random secret. Only its owner can read it.

    Processes that start concurrently get the same secret: the first one to link its file decides. Raises OSError, and
    UnicodeDecodeError for a binary file.
    """
    path = Path(os.path.realpath(path))  # a link may point to a file that does not exist yet
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # mkstemp creates the file with mode 0600.
        handle, name = tempfile.mkstemp(dir=path.parent)
        try:
            with os.fdopen(handle, "w") as file:
                file.write(secrets.token_urlsafe(48))
                file.flush()
                os.fsync(file.fileno())
            with contextlib.suppress(FileExistsError):
                os.link(name, path)
        finally:
            Path(name).unlink()
    return path.read_text().strip()
