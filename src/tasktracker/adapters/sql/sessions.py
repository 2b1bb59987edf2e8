"""Sessions in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Integer, bindparam, delete, func, insert, or_, select, update

from tasktracker.adapters.sql.connection import Connection
from tasktracker.adapters.sql.rows import Rows
from tasktracker.adapters.sql.schema import sessions, users
from tasktracker.domain.accounts.session import Session
from tasktracker.domain.kernel.errors import Stale

_SESSIONS = Rows(Session, sessions, fixed=("id", "user_id", "device", "created_at", "ends_at"))

_FIND = select(*_SESSIONS.columns).where(sessions.c.id == bindparam("id"))
_LOCK = _FIND.with_for_update()
_LIST = (
    select(*_SESSIONS.columns)
    .where(sessions.c.user_id == bindparam("user_id"))
    .order_by(sessions.c.rotated_at.desc(), sessions.c.id.desc())
)
_ADD = insert(sessions)
_SAVE = update(sessions).where(sessions.c.id == bindparam("of_id"), sessions.c.generation <= bindparam("of_generation"))
_CLEAR_PROOFS = (
    update(sessions)
    .where(sessions.c.user_id == bindparam("of_user"), sessions.c.proved_at.is_not(None))
    .values(proved_at=None)
)
_REMOVE = delete(sessions).where(sessions.c.id == bindparam("id"))
_REMOVE_ALL = delete(sessions).where(sessions.c.user_id == bindparam("user_id"))
_PURGE = delete(sessions).where(
    sessions.c.id.in_(
        select(sessions.c.id)
        .where(or_(sessions.c.idle_until < bindparam("before"), sessions.c.ends_at < bindparam("before")))
        .limit(bindparam("limit", type_=Integer))
    )
)
_REMOVE_OTHERS = _REMOVE_ALL.where(sessions.c.id != bindparam("keep"))
_LAST_USE = select(func.max(sessions.c.used_at)).where(sessions.c.user_id == users.c.id).scalar_subquery()
_KEEP_LAST_USE = (
    update(users)
    .where(users.c.id == bindparam("of_user"), or_(users.c.seen_at.is_(None), users.c.seen_at < _LAST_USE))
    .values(seen_at=_LAST_USE)
)


class SqlSessions:
    """Implements SessionRepository."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, session: Session) -> None:
        self._connection.change(_ADD, _SESSIONS.row(session))

    def find(self, session_id: UUID) -> Session | None:
        row = self._connection.one(_LOCK if self._connection.is_writing else _FIND, {"id": session_id})
        return None if row is None else _SESSIONS.entity(row)

    def find_unlocked(self, session_id: UUID) -> Session | None:
        row = self._connection.one(_FIND, {"id": session_id})
        return None if row is None else _SESSIONS.entity(row)

    def save(self, session: Session) -> None:
        predecessor = {"of_id": session.id, "of_generation": session.generation}
        if not self._connection.change(_SAVE, _SESSIONS.changes(session) | predecessor):
            raise self._connection.refusal(Stale())

    def remove(self, session_id: UUID) -> None:
        self._connection.change(_REMOVE, {"id": session_id})

    def remove_others(self, user_id: UUID, keep: UUID | None) -> None:
        if keep is None:
            self._connection.change(_KEEP_LAST_USE, {"of_user": user_id})
            self._connection.change(_REMOVE_ALL, {"user_id": user_id})
        else:
            self._connection.change(_REMOVE_OTHERS, {"user_id": user_id, "keep": keep})

    def clear_proofs(self, user_id: UUID) -> None:
        self._connection.change(_CLEAR_PROOFS, {"of_user": user_id})

    def purge_before(self, before: datetime, limit: int) -> int:
        return self._connection.change(_PURGE, {"before": before, "limit": limit})

    def list(self, user_id: UUID) -> Sequence[Session]:
        return _SESSIONS.entities(self._connection.rows(_LIST, {"user_id": user_id}))
