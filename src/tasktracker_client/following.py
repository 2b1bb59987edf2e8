"""Following the server: local edits are sent at once, and changes are fetched as soon as the server reports them."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from contextlib import suppress

import httpx

from tasktracker_client.errors import CursorExpired, NotUnderstood, Offline, Refused, SyncError, Unavailable
from tasktracker_client.http import Api
from tasktracker_client.local import LocalCopy
from tasktracker_client.model import SyncReport
from tasktracker_client.stream import Backoff, Event, events
from tasktracker_client.syncer import Syncer

LOOK_SECONDS = 0.1
"""How often to look for edits of other processes, and whether to stop."""
END_SECONDS = 0.5
"""How long to wait for the current request when stopping."""

OnSync = Callable[[SyncReport], object]


class Following:
    """One thread syncs after each local edit and each event. Another thread reads the stream of events."""

    def __init__(self, local: LocalCopy, api: Api, syncer: Syncer, on_sync: OnSync, poll_seconds: float) -> None:
        self._local, self._api, self._syncer = local, api, syncer
        self._on_sync = on_sync
        self._poll_seconds = poll_seconds
        self._due = threading.Event()
        self._is_first_done = threading.Event()
        self._ended = threading.Event()
        self._response: httpx.Response | None = None
        self._error: BaseException | None = None

    def run(self, stop: threading.Event) -> None:
        """Follow until `stop` is set, and return within a second after that. Raises the error that ended a thread."""
        threads = [
            threading.Thread(target=self._guarded, args=(each,), daemon=True) for each in (self._sync, self._read)
        ]
        before, self._local.on_edit = self._local.on_edit, self._due.set
        self._due.set()
        try:
            for thread in threads:
                thread.start()
            while not self._ended.is_set() and not stop.wait(LOOK_SECONDS):
                if not self._due.is_set() and self._local.has_unsent:
                    self._due.set()  # another process has edited
        finally:
            self._local.on_edit = before
            self._end()
            for thread in threads:
                thread.join(END_SECONDS / len(threads))
        if self._error is not None:
            raise self._error

    def _end(self) -> None:
        self._ended.set()
        self._due.set()
        self._is_first_done.set()
        if (response := self._response) is not None and (stream := response.extensions.get("network_stream")):
            with suppress(OSError, AttributeError):
                stream.get_extra_info("socket").shutdown(socket.SHUT_RDWR)  # the reader does not wait any longer

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            if not self._ended.is_set():
                self._error = error
        finally:
            self._ended.set()

    def _sync(self) -> None:
        backoff = Backoff()
        while not self._ended.is_set():
            self._due.wait()
            self._due.clear()
            if self._ended.is_set():
                return
            try:
                report = self._syncer.sync()
            except (Offline, Unavailable, NotUnderstood, CursorExpired) as error:
                self._due.set()
                self._ended.wait(backoff.next(_delay(error)))
                continue
            backoff.reset()
            if not self._ended.is_set():
                self._on_sync(report)
            self._is_first_done.set()

    def _read(self) -> None:
        backoff = Backoff()
        self._is_first_done.wait()
        while not self._ended.is_set():
            try:
                self._listen(backoff)
                delay = backoff.next()
            except (Offline, Unavailable, NotUnderstood, CursorExpired) as error:
                delay = backoff.next(_delay(error))
            except Refused as refused:
                if refused.status not in (404, 409):  # there is no stream, or too many are open
                    raise
                delay = self._poll_seconds
            self._ended.wait(delay)
            self._due.set()

    def _listen(self, backoff: Backoff) -> None:
        with self._api.stream("/events/", self._local.cursor) as self._response:
            if self._ended.is_set():
                return
            for event in events(self._response.iter_lines()):
                backoff.reset()
                if event is not None and not self._includes(event):
                    self._due.set()

    def _includes(self, event: Event) -> bool:
        """Return whether the copy already includes the change of an event, such as this device's own edit."""
        with suppress(ValueError, KeyError, TypeError):
            data = json.loads(event.data)
            # A deletion is always fetched: the copy may lack the item only because a page with it is just being
            # received.
            known = self._local.version(data["type"], data["id"])
            return data["op"] == "upsert" and known is not None and known >= data["version"]
        return False


def _delay(error: SyncError) -> float:
    return error.retry_after if isinstance(error, Unavailable) else 0.0
