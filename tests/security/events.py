"""An event stream as its clients see it."""

from __future__ import annotations

import json
import queue
import socket
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode

from tests.http import Caller
from tests.waiting import PATIENCE

PATH = "/api/events/"


@dataclass(frozen=True)
class Event:
    """One event."""

    id: str
    kind: str
    data: Any


class Follower:
    """Reads a stream in a separate thread until it ends or the block is left."""

    def __init__(self, caller: Caller, cursor: str | None = None, **params: str) -> None:
        self._events: queue.Queue[Event | None] = queue.Queue()
        host = caller.client.base_url
        self._connection = HTTPConnection(host.host, host.port or 80, timeout=PATIENCE)
        self._path = f"{PATH}?{urlencode(params)}" if params else PATH
        self._headers = dict(caller.headers)
        if cursor is not None:
            self._headers["Last-Event-ID"] = cursor
        self.last_id = cursor
        self.status: int | None = None
        self.headers: Mapping[str, str] = {}
        self._kept: dict[str, str] = {}
        self._began = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._began.wait(PATIENCE), "the stream does not begin"
        assert self.status == 200
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Ends the read in the thread.
        with suppress(OSError, AttributeError):
            self._connection.sock.shutdown(socket.SHUT_RDWR)
        self._thread.join(PATIENCE)
        self._connection.close()

    def next(self, seconds: float = PATIENCE) -> Event:
        """Return the next event."""
        event = self._events.get(timeout=seconds)
        assert event is not None, "the stream has ended"
        return event

    def data(self, number: int) -> list[Any]:
        """Return the data of the next events."""
        return [self.next().data for _ in range(number)]

    def is_quiet(self, seconds: float = 0.5) -> bool:
        """Return whether no event arrives for some time."""
        time.sleep(seconds)
        return self._events.empty()

    def has_ended(self, seconds: float = PATIENCE) -> bool:
        """Return whether the stream ends within a time."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _read(self) -> None:
        try:
            self._connection.request("GET", self._path, headers=self._headers)
            response = self._connection.getresponse()
            self.status, self.headers = response.status, {k.lower(): v for k, v in response.getheaders()}
            while line := response.readline():
                self._began.set()
                self._take(line.decode().rstrip("\n"))
        except (HTTPException, OSError, ValueError):
            pass
        finally:
            self._began.set()
            self._events.put(None)

    def _take(self, line: str) -> None:
        if not line:
            self._dispatch()
            return
        name, _, value = line.partition(":")
        if name:
            self._kept[name] = value.removeprefix(" ")

    def _dispatch(self) -> None:
        fields = dict(self._kept)
        self._kept.clear()
        if "id" in fields:
            self.last_id = fields["id"]
        if "data" in fields and fields.get("event") != "ready":  # which has no change
            self._events.put(Event(self.last_id or "", fields.get("event", "message"), json.loads(fields["data"])))
