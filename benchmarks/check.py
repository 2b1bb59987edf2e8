"""Check that two servers give the same answers: status, headers and JSON, apart from new ids, tokens and times.

The server may answer with fields that the baseline does not have.
"""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import jwt
import msgspec

from benchmarks.workloads import WORKLOADS, Data, Request

SLACK = timedelta(minutes=1)
LIVES = {"now": timedelta(0), "end of an idle session": timedelta(days=14), "end of the window": timedelta(days=30)}
MADE_NOW = {"iat", "exp", "jti"}
TOKEN = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]+")
CURSOR = re.compile(r'(?<="next_cursor":")[\w-]+|(?<=cursor=)[\w-]+')
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{6})?Z")
NEW_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def differences(server: httpx.Client, baseline: httpx.Client, of_server: Data, of_baseline: Data) -> list[str]:
    """Send the first request of every workload to both, and return the differences between their answers."""
    found = []
    for workload in WORKLOADS:
        request, same = (workload.requests(data)[0] for data in (of_server, of_baseline))
        for name, sent in _variants(request, same):
            mine, its = (_answer(client, each) for client, each in zip((server, baseline), sent, strict=True))
            if not _covers(mine, its):
                found.append(f"{workload.title}{name}:\n  server {mine}\n  baseline  {its}")
    return found


def _variants(request: Request, same: Request) -> list[tuple[str, tuple[Request, Request]]]:
    """Return a request and invalid variants of it, which both servers must refuse."""
    variants = [("", (request, same))]
    wrong: dict[str, Callable[[Request], Request]] = {}
    if request.token:
        wrong[" with a forged token"] = lambda each: each._replace(token=each.token[:-4] + "AAAA")
        wrong[" without a token"] = lambda each: each._replace(token="")
    if request.header == "If-Match":
        wrong[" of another version"] = lambda each: each._replace(value='"999"')
    if request.method == "GET" and "/tasks/" in request.path and "?" not in request.path:
        wrong[" that does not exist"] = lambda each: each._replace(path=each.path[:-9] + "00000000/")
    if request.body:
        wrong[" with an unknown field"] = lambda each: each._replace(body=each.body[:-1] + ',"unknown":1}')
    variants += [(name, (change(request), change(same))) for name, change in wrong.items()]
    return variants


def _answer(client: httpx.Client, request: Request) -> Any:
    headers = {"X-Request-ID": "compared"}
    if request.token:
        headers["Authorization"] = f"Bearer {request.token}"
    if request.header:
        headers[request.header] = request.value
    if request.body:
        headers["Content-Type"] = "application/json"
    answer = client.request(request.method, request.path, headers=headers, content=request.body or None)
    if answer.status_code >= 400:
        return answer.status_code
    kept = {name: alike(value) for name, value in answer.headers.items() if name != "date"}
    kept.pop("content-length", None)
    return [answer.status_code, kept, json.loads(alike(answer.text) or "null")]


def _covers(mine: Any, its: Any) -> bool:
    """Return whether an answer of the server has everything that the answer of the baseline has."""
    if isinstance(its, dict) and isinstance(mine, dict):
        return all(name in mine and _covers(mine[name], value) for name, value in its.items())
    if isinstance(its, list) and isinstance(mine, list):
        return len(mine) == len(its) and all(_covers(*pair) for pair in zip(mine, its, strict=True))
    return bool(mine == its)


def alike(text: str) -> str:
    """Replace ids, tokens, cursors and times in an answer by their kinds, so that answers can be compared."""
    text = TOKEN.sub(lambda match: _quoted(_token(match[0])), text)
    text = CURSOR.sub(lambda match: _quoted(_cursor(match[0])), text)
    text = MOMENT.sub(lambda match: _moment(datetime.fromisoformat(match[0])), text)
    return NEW_ID.sub("<new id>", text)


def _quoted(text: str) -> str:
    """Return the text escaped for a JSON string."""
    return json.dumps(text)[1:-1]


def _token(text: str) -> str:
    header, claims = jwt.get_unverified_header(text), jwt.decode(text, options={"verify_signature": False})
    said = {name: value for name, value in claims.items() if name not in MADE_NOW}
    return f"<token {header} {said} for {claims['exp'] - claims['iat']} s>"


def _cursor(text: str) -> str:
    position = msgspec.msgpack.decode(urlsafe_b64decode(text + "=" * (-len(text) % 4))[16:])
    return f"<cursor {_within(position)}>"


def _within(value: Any) -> Any:
    if isinstance(value, datetime):
        return _moment(value)
    if isinstance(value, dict):
        return {name: _within(each) for name, each in value.items()}
    return [_within(each) for each in value] if isinstance(value, list) else value


def _moment(value: datetime) -> str:
    passed = value - datetime.now(UTC)
    for what, life in LIVES.items():
        if abs(passed - life) < SLACK:
            return f"<{what}>"
    return str(value)
