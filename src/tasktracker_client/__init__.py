"""A client of Task Tracker that works offline and keeps in sync. `docs/sync.md` describes the protocol."""

from tasktracker_client.client import Replica
from tasktracker_client.errors import (
    CursorExpired,
    LoginRequired,
    NotUnderstood,
    Offline,
    Refused,
    SyncError,
    Unavailable,
    UnknownItem,
    WrongUser,
)
from tasktracker_client.model import FieldConflict, Issue, Item, ItemType, Op, Status, SyncReport, Verification

__all__ = [
    "CursorExpired",
    "FieldConflict",
    "Issue",
    "Item",
    "ItemType",
    "LoginRequired",
    "NotUnderstood",
    "Offline",
    "Op",
    "Refused",
    "Replica",
    "Status",
    "SyncError",
    "SyncReport",
    "Unavailable",
    "UnknownItem",
    "Verification",
    "WrongUser",
]
