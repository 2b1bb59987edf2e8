"""Errors of the client, all of the type `SyncError`. No error loses an edit: edits that were not sent are stored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any


class SyncError(Exception):
    """A call of the client failed."""


# ------------------------------------------------------------------- requests


RETRY_SECONDS = 5.0
"""When to try again if the server does not state it."""


class InvalidArgument(SyncError, ValueError):
    """An argument, such as the path or the token, cannot be used in this form. Nothing was opened or sent."""


class Offline(SyncError):
    """The server cannot be reached, or its answer was lost. Try again after `retry_after` seconds."""

    retry_after = RETRY_SECONDS


class Unavailable(SyncError):
    """The server cannot answer now. Try again after `retry_after` seconds."""

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message, retry_after)  # all arguments, so that it can be pickled
        self.retry_after = retry_after

    def __str__(self) -> str:
        return str(self.args[0])


class NotUnderstood(SyncError):
    """The answer does not follow this protocol. It may come from a proxy, or be the login page of a network."""


class LoginRequired(SyncError):
    """No user is logged in, or the session has ended."""


class WrongServer(SyncError):
    """This copy belongs to another server. No token and no edit was sent to it. Use another file, or `reset`."""


class WrongUser(SyncError):
    """This copy belongs to another user of the server. The copy was not changed. Use another file, or `reset`."""


class Refused(SyncError):
    """The server refused a request as a whole. `problem` is its explanation (RFC 9457)."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        super().__init__(status, dict(problem))
        self.status = status
        self.problem = dict(problem)

    def __str__(self) -> str:
        return str(self.problem.get("detail") or self.problem.get("title") or f"status {self.status}")


class CursorExpired(Refused):
    """The server no longer has all changes since the cursor. The full state must be fetched again."""


# ---------------------------------------------------------------------- edits


class UnknownItem(SyncError, LookupError):
    """The copy has no such item."""


class InvalidEdit(SyncError, ValueError):
    """The edit has an unknown field, or a value that cannot be sent. It was not stored."""


class EditsPending(SyncError):
    """The copy has edits that the server does not have: edits that were not sent, or issues."""


# ----------------------------------------------------------------------- file


class LocalStoreError(SyncError):
    """The file cannot be opened, read or written, or it is closed. The call changed nothing in the file."""


class DiskFull(LocalStoreError):
    """The file has no room to grow."""


class DamagedCopy(LocalStoreError):
    """The file is damaged, or is not a copy. Move it away, and open a new one."""


class NewerCopy(LocalStoreError):
    """A newer version of this package has written the file."""


@contextmanager
def understanding(what: str) -> Iterator[None]:
    """Raise NotUnderstood if `what` cannot be read from an answer."""
    try:
        yield
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise NotUnderstood(f"The server's answer cannot be read: {what}.") from error
