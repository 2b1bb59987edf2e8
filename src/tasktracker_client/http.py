"""HTTP requests to the server: the owner of the copy, tokens, retries, and the exception for each failed response."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx

from tasktracker_client.errors import (
    RETRY_SECONDS,
    CursorExpired,
    InvalidArgument,
    LoginRequired,
    NotUnderstood,
    Offline,
    Refused,
    SyncError,
    Unavailable,
    WrongUser,
    understanding,
)
from tasktracker_client.local import LocalCopy

ATTEMPTS = 3
MAX_WAIT = 30.0
TIMEOUT = httpx.Timeout(30, connect=10)
STREAM_READ_TIMEOUT = 60.0  # in seconds; the server sends something at least every 20 seconds
ACCOUNT_DISABLED = "/problems/account-disabled"
PROBLEM = "application/problem+json"


class Api:
    """Sends requests for the user who is logged in. The copy stores the tokens.

    Before the first request with a token or a password, it checks that the copy belongs to this server. It also checks
    that a token given by the caller belongs to the copy's user.
    """

    def __init__(
        self,
        url: str,
        local: LocalCopy,
        token: str | None = None,
        client: httpx.Client | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._url = url.rstrip("/")
        self._local = local
        self._token = token  # not stored before it is known to be the user's
        self._owns_client = client is None
        self._client = client or httpx.Client(timeout=TIMEOUT)
        self._sleep = sleep
        self._server: str | None = None  # None: it is still to be checked
        self._binding = threading.RLock()
        self._refreshing = threading.Lock()

    def close(self) -> None:
        """Close the connections."""
        if self._owns_client:
            self._client.close()

    # --------------------------------------------------------------- binding

    def _bound(self) -> str:
        """Check the server and the user once, and return an access token."""
        with self._binding:
            server = self._checked_server()
            if self._token is not None:
                user = self._user(self._describe(self._token))
                self._local.bind(server, **user, access=self._token, refresh=None)
                self._token = None
            elif not (self._local.get("server") and self._local.get("user")):
                # An earlier version has stored the tokens.
                try:
                    described = self._describe(self._access())
                except LoginRequired:
                    described = self._describe(self._refreshed(self._access()))
                self._local.bind(server, **self._user(described))
        return self._access()

    def _checked_server(self) -> str:
        if self._server is None:
            with understanding("the description of the server"):
                described = self._describe(None)
                server, days = str(described["server"]), (described.get("limits") or {}).get("retention_days")
            self._local.require_server(server)
            if isinstance(days, int):
                self._local.set(retention_days=str(days))
            self._server = server
        return self._server

    def _describe(self, access: str | None) -> Any:
        response = self._attempt("GET", "/", access)
        if response.status_code == 401 and access is not None:
            raise LoginRequired("The token is not valid.")
        return self._read(response)

    @staticmethod
    def _user(described: Any) -> dict[str, str]:
        with understanding("the user"):
            return {"user": str(described["user"]["id"]), "username": str(described["user"]["username"])}

    def forget(self) -> None:
        """Forget the token given by the caller, and the checked server."""
        with self._binding:
            self._token = self._server = None

    # -------------------------------------------------------------- sessions

    def register(self, body: Mapping[str, Any]) -> None:
        """Create an account and log in. Raises WrongUser if the copy already has a user."""
        if self._local.get("user"):
            raise WrongUser("This copy already belongs to a user.")
        self._open_session("/accounts/register/", body)

    def login(self, body: Mapping[str, Any]) -> None:
        """Log in, and store the tokens. Raises WrongServer and WrongUser."""
        self._open_session("/accounts/login/", body)

    def _open_session(self, path: str, body: Mapping[str, Any]) -> None:
        with self._binding:
            server = self._checked_server()
            answer = self._read(self._attempt("POST", path, json=body))
            with understanding("the new session"):
                tokens = _tokens(answer)
            try:
                self._local.bind(server, **self._user(answer), **tokens)
            except WrongUser:
                with suppress(SyncError):
                    self._attempt("POST", "/accounts/logout/", json={"refresh": tokens["refresh"]})
                raise
            self._token = None

    def logout(self) -> None:
        """Log out, and remove the tokens."""
        refresh = self._local.get("refresh")
        if refresh:
            self._checked_server()
            self._attempt("POST", "/accounts/logout/", json={"refresh": refresh})
        self._token = None
        self._local.set(access=None, refresh=None)

    # -------------------------------------------------------------- requests

    def get(self, path: str, **params: Any) -> Any:
        """Send a GET request and return the body of the answer. Raises SyncError."""
        return self.call("GET", path, params=params)

    def call(self, method: str, path: str, **more: Any) -> Any:
        """Send a request with `params` or a `json` body, and return the body of the answer. Raises SyncError."""
        self._require_login()
        access = self._bound()
        response = self._attempt(method, path, access, **more)
        if response.status_code == 401:
            response = self._attempt(method, path, self._refreshed(access), **more)
        return self._read(response)

    @contextmanager
    def stream(self, path: str, last_event_id: str | None) -> Iterator[httpx.Response]:
        """Open a stream."""
        self._require_login()
        access = self._bound()
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
                        yield response
                        return
            except (httpx.HTTPError, httpx.StreamError) as error:
                raise Offline(f"The stream was interrupted: {error!r}") from error
            access = self._refreshed(access)
        raise LoginRequired("The session has ended.")

    def _require_login(self) -> None:
        if self._token is None:
            self._access()

    def _access(self) -> str:
        access = self._local.get("access")
        if access is None:
            raise LoginRequired("No user is logged in.")
        return access

    def _refreshed(self, stale: str) -> str:
        """Return an access token that replaces an expired one.

        If the answer is lost, the next call with the same refresh token returns the same tokens.
        """
        with self._refreshing:
            access, refresh = self._access(), self._local.get("refresh")
            if access != stale:
                return access  # another thread or process was faster
            if refresh is None:
                raise LoginRequired("The token is no longer valid.")
            response = self._attempt("POST", "/accounts/refresh/", json={"refresh": refresh})
            if response.status_code == 401:
                if (access := self._access()) != stale:
                    return access
                raise LoginRequired("The session has ended.")
            try:
                answer = self._read(response)
            except Refused as error:
                if error.problem.get("type") == ACCOUNT_DISABLED:
                    raise LoginRequired(str(error)) from error
                raise
            with understanding("the refreshed tokens"):
                tokens = _tokens(answer)
            if stored := self._local.replace_tokens(refresh, **tokens):
                return stored
            raise LoginRequired("The user has logged out.")

    def _attempt(self, method: str, path: str, access: str | None = None, **more: Any) -> httpx.Response:
        """Send a request. Retry if the server asks for it, within limits on the attempts and the wait."""
        headers = {"Authorization": f"Bearer {access}"} if access else {}
        attempt = 0
        while True:
            attempt += 1
            try:
                request = self._client.build_request(method, self._url + path, headers=headers, **more)
            except (TypeError, ValueError) as error:
                raise InvalidArgument("A value that was given cannot be sent.") from error
            try:
                response = self._client.send(request)
            except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
                # At the next attempt, there may be another server at this address.
                self._server = None
                raise Offline(f"The server cannot be reached: {error!r}") from error
            if response.status_code not in (429, 503):
                return response
            wait = _retry_after(response, 1.0)
            if attempt == ATTEMPTS or wait > MAX_WAIT:
                raise Unavailable("The server is busy.", wait)
            self._sleep(wait)

    @staticmethod
    def _read(response: httpx.Response) -> Any:
        """Return the body of a successful answer, or {} if it has no body. Raises SyncError for any other answer."""
        status = response.status_code
        if status == 204:
            return {}
        try:
            body = response.json() if response.content else None
        except (ValueError, RecursionError):
            body = None
        if status == 413:  # may come from any proxy
            raise Refused(status, body if isinstance(body, Mapping) else {"title": "Too large", "status": status})
        if status >= 500:
            raise Unavailable(f"The server answers with status {status}.", _retry_after(response, RETRY_SECONDS))
        if response.is_success and isinstance(body, Mapping):
            return body
        if not response.headers.get("content-type", "").startswith(PROBLEM) or not isinstance(body, Mapping):
            raise NotUnderstood(f"The answer is not from Task Tracker: status {status} from {response.url}")
        raise (CursorExpired if status == 410 else Refused)(status, body)


def check_arguments(path: Path | str, url: str, token: str | None) -> None:
    """Raise InvalidArgument for a value that cannot be used. The message does not contain the token."""
    try:
        is_path = b"\0" not in os.fsencode(path)
    except (TypeError, ValueError):
        is_path = False
    if not is_path:
        raise InvalidArgument("The path must be text or a Path, without NUL and lone surrogates.")
    try:
        parsed = httpx.URL(url)
        is_address = bool(parsed.host) and (parsed.port or 1) in range(1, 65536)
        is_valid = parsed.scheme in ("http", "https") and is_address and not (parsed.query or parsed.fragment)
    except (httpx.InvalidURL, TypeError, ValueError):
        is_valid = False
    if not is_valid:
        raise InvalidArgument("The URL of the API must be one such as http://127.0.0.1:8000/api.")
    if token is not None and not _is_token(token):
        raise InvalidArgument("The token must be visible ASCII characters, without spaces and line breaks.")


def _is_token(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch("[!-~]+", value) is not None


def _tokens(answer: Any) -> dict[str, str]:
    tokens = {name: answer[name] for name in ("access", "refresh")}
    if not all(_is_token(value) for value in tokens.values()):
        raise ValueError("a token has characters that cannot be sent")
    return tokens


def _retry_after(response: httpx.Response, otherwise: float) -> float:
    try:
        return max(0.0, float(response.headers["retry-after"]))
    except (KeyError, ValueError):
        return otherwise  # no value, or a date, which proxies may send
