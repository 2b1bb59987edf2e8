"""HTTP requests to the server: tokens, retries, and the exception for each failed response."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx

from tasktracker_client.errors import CursorExpired, LoginRequired, NotUnderstood, Offline, Refused, Unavailable
from tasktracker_client.local import LocalCopy

ATTEMPTS = 3
MAX_WAIT = 30.0
TIMEOUT = httpx.Timeout(30, connect=10)
STREAM_READ_TIMEOUT = 60.0  # in seconds; the server sends something at least every 20 seconds
PROBLEM = "application/problem+json"


class Api:
    """Sends requests for the user who is logged in. The copy stores the tokens."""

    def __init__(
        self,
        url: str,
        local: LocalCopy,
        client: httpx.Client | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._url = url.rstrip("/")
        self._local = local
        self._owns_client = client is None
        self._client = client or httpx.Client(timeout=TIMEOUT)
        self._sleep = sleep
        self._refreshing = threading.Lock()

    def close(self) -> None:
        """Close the connections."""
        if self._owns_client:
            self._client.close()

    # -------------------------------------------------------------- sessions

    def open_session(self, path: str, body: Mapping[str, Any]) -> None:
        """Log in or register, and store the tokens. Raises WrongUser if the copy belongs to another user."""
        answer = self._read(self._attempt("POST", path, json=body))
        try:
            self._local.set_user(answer["user"]["id"], access=answer["access"], refresh=answer["refresh"])
        except (KeyError, TypeError):
            raise NotUnderstood("The answer to the login cannot be read.") from None

    def close_session(self) -> None:
        """Log out, and remove the tokens."""
        refresh = self._local.get("refresh")
        if refresh:
            self._attempt("POST", "/accounts/logout/", json={"refresh": refresh})
        self._local.set(access=None, refresh=None)

    # -------------------------------------------------------------- requests

    def get(self, path: str, **params: Any) -> Any:
        """Send a GET request and return the body of the answer. Raises SyncError."""
        return self._call("GET", path, params=params)

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """Send a POST request and return the body of the answer. Raises SyncError."""
        return self._call("POST", path, json=body)

    @contextmanager
    def stream(self, path: str, last_event_id: str | None) -> Iterator[Iterator[str]]:
        """Open a stream, and yield its lines as they arrive."""
        access = self._access()
        for _ in range(2):
            headers = {"Authorization": f"Bearer {access}", "Accept": "text/event-stream"}
            if last_event_id:
                headers["Last-Event-ID"] = last_event_id
            try:
                with self._client.stream(
                    "GET", self._url + path, headers=headers, timeout=httpx.Timeout(30, read=STREAM_READ_TIMEOUT)
                ) as response:
                    if response.status_code == 401:
                        response.read()
                    else:
                        if response.status_code != 200:
                            response.read()
                            self._read(response)
                        yield response.iter_lines()
                        return
            except (httpx.TransportError, httpx.StreamError) as error:
                raise Offline(f"The stream was interrupted: {error!r}") from error
            access = self._refreshed(access)
        raise LoginRequired("The session has ended.")

    def _call(self, method: str, path: str, **more: Any) -> Any:
        access = self._access()
        response = self._attempt(method, path, access, **more)
        if response.status_code == 401:
            response = self._attempt(method, path, self._refreshed(access), **more)
        return self._read(response)

    def _access(self) -> str:
        access = self._local.get("access")
        if access is None:
            raise LoginRequired("No user is logged in.")
        return access

    def _refreshed(self, stale: str) -> str:
        """Return an access token that replaces an expired one.

        If the answer is lost, the same refresh token returns the same tokens again.
        """
        with self._refreshing:
            access, refresh = self._access(), self._local.get("refresh")
            if access != stale:
                return access  # another thread was faster
            if refresh is None:
                raise LoginRequired("The token is no longer valid.")
            response = self._attempt("POST", "/accounts/refresh/", json={"refresh": refresh})
            if response.status_code == 401:
                raise LoginRequired("The session has ended.")
            answer = self._read(response)
            try:
                self._local.set(access=answer["access"], refresh=answer["refresh"])
                return str(answer["access"])
            except (KeyError, TypeError):
                raise NotUnderstood("The answer to the refresh cannot be read.") from None

    def _attempt(self, method: str, path: str, access: str | None = None, **more: Any) -> httpx.Response:
        """Send a request, and retry when the server asks for it, with limits on the attempts and the wait."""
        headers = {"Authorization": f"Bearer {access}"} if access else {}
        attempt = 0
        while True:
            attempt += 1
            try:
                response = self._client.request(method, self._url + path, headers=headers, **more)
            except httpx.TransportError as error:
                raise Offline(f"The server cannot be reached: {error!r}") from error
            if response.status_code not in (429, 503):
                return response
            wait = _retry_after(response, 1.0)
            if attempt == ATTEMPTS or wait > MAX_WAIT:
                raise Unavailable("The server is busy.", wait)
            self._sleep(wait)

    @staticmethod
    def _read(response: httpx.Response) -> Any:
        """Return the body of a successful answer. Raises SyncError for any other."""
        status = response.status_code
        try:
            body = response.json() if response.content else None
        except ValueError:
            body = None
        if status == 413:  # may come from any proxy
            raise Refused(status, body if isinstance(body, Mapping) else {"title": "Too large", "status": status})
        if status >= 500:
            raise Unavailable(f"The server answers with status {status}.", _retry_after(response, 0.0))
        if response.is_success and isinstance(body, Mapping):
            return body
        if not response.headers.get("content-type", "").startswith(PROBLEM) or not isinstance(body, Mapping):
            raise NotUnderstood(f"The answer is not from Task Tracker: status {status} from {response.url}")
        raise (CursorExpired if status == 410 else Refused)(status, body)


def _retry_after(response: httpx.Response, otherwise: float) -> float:
    try:
        return max(0.0, float(response.headers["retry-after"]))
    except (KeyError, ValueError):
        return otherwise  # no value, or a date, which proxies may send
