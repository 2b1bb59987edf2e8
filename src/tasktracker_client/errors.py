"""Errors of the client. None of them loses an edit: the next sync sends edits that were not sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class SyncError(Exception):
    """Syncing failed."""


class Offline(SyncError):
    """The server cannot be reached, or its answer was lost. Try again later."""


class Unavailable(SyncError):
    """The server cannot answer now. Try again after `retry_after` seconds."""

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class NotUnderstood(SyncError):
    """The answer does not follow this protocol. It may come from a proxy, or be the login page of a network."""


class LoginRequired(SyncError):
    """No user is logged in, or the session has ended."""


class WrongUser(SyncError):
    """This copy belongs to another user."""


class UnknownItem(SyncError, LookupError):
    """The copy has no such item."""


class Refused(SyncError):
    """The server refused a request as a whole. `problem` is its explanation (RFC 9457)."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        super().__init__(str(problem.get("detail") or problem.get("title") or f"status {status}"))
        self.status = status
        self.problem = dict(problem)


class CursorExpired(Refused):
    """The server no longer has all changes since the cursor. The full state must be fetched again."""
