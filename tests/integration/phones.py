"""Devices in this process, with the real application and a network that the test controls."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from tasktracker_client import Replica
from tests.http import Api
from tests.line import Line

URL = "http://testserver.local/api"


class Phone(Replica):
    """A replica with a network that the test controls."""

    def __init__(self, path: Path, api: Api) -> None:
        self.path = path
        self.line = Line(api.client)
        self.waits: list[float] = []
        super().__init__(path, URL, client=httpx.Client(transport=self.line), sleep=self.waits.append)

    def titles(self) -> list[str]:
        return sorted(task.title for task in self.tasks())

    def sql(self, statement: str) -> list[Any]:
        """Run a statement on the file of the replica."""
        database = sqlite3.connect(self.path, isolation_level=None)
        try:
            return database.execute(statement).fetchall()
        finally:
            database.close()


Add = Callable[..., Phone]


def in_sync(*phones: Phone) -> None:
    for phone in phones:
        phone.sync()
    for phone in phones:
        assert phone.verify().is_in_sync
        assert not phone.pending
