"""Settings of the service in SQL."""

from __future__ import annotations

from sqlalchemy import bindparam, select, text

from tasktracker.adapters.sql.connection import Connection
from tasktracker.adapters.sql.schema import service_settings

_FIND = select(service_settings.c.value).where(service_settings.c.name == bindparam("name"))
# A change waits until the units of work that read the setting end. Units of work that begin later see the change.
_SHARE = _FIND.with_for_update(read=True)
_SAVE = text(
    "INSERT INTO service_settings (name, value) VALUES (:name, :value)"
    " ON CONFLICT (name) DO UPDATE SET value = excluded.value"
)


class SqlServiceSettings:
    """Implements ServiceSettingsRepository."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def find(self, name: str) -> str | None:
        found: str | None = self._connection.value(_SHARE if self._connection.is_writing else _FIND, {"name": name})
        return found

    def save(self, name: str, value: str) -> None:
        self._connection.change(_SAVE, {"name": name, "value": value})
