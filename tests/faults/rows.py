"""Rows of the database of running servers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from sqlalchemy import create_engine, text

from tasktracker.adapters.sql.urls import database_url
from tests.waiting import wait_until


class Rows:
    """Reads the tables of a database, beside its servers."""

    def __init__(self, url: str) -> None:
        self._engine = create_engine(database_url(url))

    def select(self, statement: str, **values: Any) -> list[tuple[Any, ...]]:
        """Return rows. Ids are text with hyphens, in both databases."""
        with self._engine.connect() as connection:
            return [tuple(map(_plain, row)) for row in connection.execute(text(statement), values)]

    def ids(self, statement: str, **values: Any) -> set[str]:
        """Return the ids in the first column."""
        return {str(UUID(str(row[0]))) for row in self.select(statement, **values)}

    def change(self, statement: str, **values: Any) -> None:
        """Change rows."""
        with self._engine.begin() as connection:
            connection.execute(text(statement), values)

    def has_jobs(self) -> bool:
        """Whether a job is left."""
        return bool(self.select("SELECT id FROM jobs"))

    def wait_for_jobs(self) -> None:
        """Wait until the servers have done all jobs."""
        wait_until(lambda: not self.has_jobs(), "the jobs do not end")

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()


@contextmanager
def opened(url: str) -> Iterator[Rows]:
    """Open the database of this URL."""
    rows = Rows(url)
    try:
        yield rows
    finally:
        rows.close()


def _plain(value: object) -> object:
    """Return an id as text. SQLite has it as 32 digits."""
    if isinstance(value, str) and len(value) == 32:
        try:
            return str(UUID(value))
        except ValueError:
            return value
    return str(value) if isinstance(value, UUID) else value
