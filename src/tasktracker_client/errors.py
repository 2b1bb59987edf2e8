"""What can go wrong. None of it loses an edit: whatever was not sent is sent by the next sync."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class SyncError(Exception):
    """Something is in the way of syncing."""


class Offline(SyncError):
    """The server cannot be reached, or its answer was lost. To be tried again later."""


class Unavailable(SyncError):
    """The server cannot serve just now. `retry_after` are the seconds after which to try again."""

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class NotUnderstood(SyncError):
    """What answers does not speak this protocol: it may be a proxy, or the log-in page of a network."""


class LoginRequired(SyncError):
    """Nobody is logged in, or the session has ended."""


class WrongUser(SyncError):
    """This copy belongs to another user."""


class UnknownItem(SyncError, LookupError):
    """There is no such item here."""


class Refused(SyncError):
    """The server refused a request as a whole. `problem` is its explanation (RFC 9457)."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        super().__init__(str(problem.get("detail") or problem.get("title") or f"status {status}"))
        self.status = status
        self.problem = dict(problem)


class CursorExpired(Refused):
    """What has changed since the cursor cannot be told any more: the full state is to be fetched anew."""
