"""Refresh tokens in a cookie, for browser apps that the server's own origin serves.

A script of the page cannot read the cookie. It is sent only to this site (`SameSite`), and is used only if the request
has the header `X-Session-Transport: cookie`. Pages of other origins cannot send this header: CORS does not allow it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msgspec
from litestar import Response
from litestar.exceptions import PermissionDeniedException
from msgspec import UNSET, Struct

from tasktracker.domain.kernel.clock import Clock
from tasktracker.domain.kernel.errors import InvalidInput, InvalidToken
from tasktracker.entrypoints.http.core.request import Request, header
from tasktracker.entrypoints.http.core.responses import JsonResponse

TRANSPORT = "X-Session-Transport"
COOKIE = "cookie"


ViewT = TypeVar("ViewT", bound=Struct)


class RefreshCookie:
    """Reads and sets the cookie. Its name and path follow from PUBLIC_URL, or from the request if that is not set."""

    def __init__(self, public_url: str, clock: Clock) -> None:
        self._public_url = public_url
        self._clock = clock

    def is_used(self, request: Request) -> bool:
        """Whether the client asks for the cookie. Raises InvalidInput for an unknown transport."""
        transport = header(request, TRANSPORT)
        if transport not in (None, COOKIE):
            raise InvalidInput.of(TRANSPORT, f"must be {COOKIE}")
        return transport == COOKIE

    def check(self, request: Request) -> None:
        """Refuse to set the cookie for a page of another origin. Raises like `is_used` and `require_same_origin`."""
        if self.is_used(request):
            self.require_same_origin(request, is_proof_needed=False)

    def require_same_origin(self, request: Request, *, is_proof_needed: bool) -> None:
        """Refuse a request from a page of another origin. If proof is needed, refuse one with neither header, too.

        Raises PermissionDeniedException. Browsers set `Sec-Fetch-Site` and `Origin`, and scripts cannot change them
        (Fetch Metadata Request Headers §2.3; RFC 6454 §7).
        """
        site, origin = header(request, "Sec-Fetch-Site"), header(request, "Origin")
        if site is not None:
            is_same = site == "same-origin"
        elif origin is not None:
            is_same = origin == self._own_origin(request)
        else:
            is_same = not is_proof_needed
        if not is_same:
            raise PermissionDeniedException("The request must be sent by a page of the same origin.")

    def token(self, request: Request) -> str | None:
        """Return the refresh token in the cookie of a request from the same origin, if there is one."""
        self.require_same_origin(request, is_proof_needed=True)
        return request.cookies.get(self._name(request))

    def required_token(self, request: Request) -> str:
        """Return the refresh token in the cookie. Raises InvalidToken."""
        token = self.token(request)
        if token is None:
            raise InvalidToken
        return token

    def respond(self, request: Request, view: ViewT, expires_at: datetime) -> Response[ViewT]:
        """Respond with new tokens. The refresh token is in the cookie if the client asks for the cookie."""
        if not self.is_used(request):
            return JsonResponse(view)
        token: Any = msgspec.structs.asdict(view)["refresh"]
        seconds = max(0, int((expires_at - self._clock.now()).total_seconds()))
        headers = {"Set-Cookie": self._cookie(request, token, seconds)}
        return JsonResponse(msgspec.structs.replace(view, refresh=UNSET), headers=headers)

    def removal(self, request: Request) -> dict[str, str]:
        """Return the header that removes the cookie."""
        return {"Set-Cookie": self._cookie(request, "", 0)}

    def _cookie(self, request: Request, token: str, seconds: int) -> str:
        parts = [f"{self._name(request)}={token}", f"Path={self._path}", f"Max-Age={seconds}", "HttpOnly"]
        return "; ".join([*parts, "SameSite=Strict", *(["Secure"] if self._is_secure(request) else [])])

    def _name(self, request: Request) -> str:
        """Return the name. Browsers accept its prefix only for secure cookies (RFC 6265bis §4.1.3)."""
        if not self._is_secure(request):
            return "refresh"
        return "__Host-refresh" if self._path == "/" else "__Secure-refresh"

    @property
    def _path(self) -> str:
        return urlsplit(self._public_url).path or "/"

    def _is_secure(self, request: Request) -> bool:
        return (urlsplit(self._public_url).scheme or request.scope["scheme"]) == "https"

    def _own_origin(self, request: Request) -> str:
        if self._public_url:
            parts = urlsplit(self._public_url)
            return f"{parts.scheme}://{parts.netloc}"
        return f"{request.scope['scheme']}://{header(request, 'Host') or ''}"
