"""The baseline: a program written by hand that answers only the requests of the benchmark.

It has no framework, ORM, container or layers. Like the server, it runs on uvicorn with the same settings and number of
threads, verifies the same tokens with PyJWT, runs the same statements in the same transactions, and sends the same
answers and headers (`benchmarks.check` compares them). It leaves out what those requests do not use: other routes,
methods, filters and fields, a message for each invalid field, HEAD and OPTIONS, idempotency keys, throttling, API
tokens, and reconnecting after a lost connection.
"""

from __future__ import annotations

import asyncio
import gc
import hashlib
import hmac
import os
import re
import time
import unicodedata
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial
from typing import Annotated, Any, Literal, NamedTuple
from urllib.parse import parse_qsl
from uuid import UUID, uuid4, uuid5

import jwt
import msgspec
import uvicorn
from msgspec import UNSET, Meta, Struct, UnsetType
from uuid_utils.compat import uuid7

from benchmarks.baseline_storage import TASK_COLUMNS, Postgres, Sqlite
from tasktracker.adapters.security.keys import KeyRing
from tasktracker.entrypoints import settings
from tasktracker.entrypoints.http.core.threads import ThreadRunner

TASKS, REFRESH = "/api/tasks", "/api/accounts/refresh"
WINDOW = timedelta(days=30)
SANE_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")
COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.ASCII)
TAG = re.compile(rb'"([1-9][0-9]{0,18})(?:\.o)?"')
EVERYWHERE = [
    (b"vary", b"Origin"),
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
]
MAX_BODY = 262_144
LEEWAY = 5
VERIFIED = 4096

TRICKS = "BASELINE_TRICKS"
"""An environment variable. If it is `on`, the baseline caches verified tokens and uses the threads of the server."""

Answer = tuple[int, bytes | None, list[tuple[bytes, bytes]]]

DATA = [
    *("id", "title", "description", "priority", "state", "due_date", "category", "parent", "owners"),
    *("created_by", "created_at", "updated_at", "completed_at", "version"),
]
TaskData = msgspec.defstruct("TaskData", DATA)
TaskView = msgspec.defstruct("TaskView", [*DATA[:6], "is_overdue", *DATA[6:]])
USER = ("id", "username", "email", "first_name", "last_name", "time_zone", "is_admin", "created_at")


class Claims(Struct, frozen=True, forbid_unknown_fields=True):
    """The claims of a token."""

    iss: str
    aud: str
    sub: UUID
    sid: UUID
    gen: Annotated[int, Meta(ge=1, le=2**31 - 1)]
    jti: UUID
    iat: int
    exp: int


class TaskBody(Struct, forbid_unknown_fields=True, kw_only=True):
    """The fields of a task that a request may have."""

    title: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    priority: Annotated[int, Meta(ge=1, le=4)] | UnsetType = UNSET
    state: Literal["open", "in_progress", "done", "cancelled"] | UnsetType = UNSET


class RefreshBody(Struct, forbid_unknown_fields=True):
    """A refresh token."""

    refresh: str


class SyncCursor(Struct):
    """The position of a device in its feed."""

    epoch: bytes
    sequence: int
    began: int
    since: datetime


class Call(NamedTuple):
    """A request with a verified token."""

    claims: Claims
    headers: dict[bytes, bytes]
    query: dict[str, str]
    body: bytes
    task_id: str


class Refused(Exception):
    """An answer that reports an error."""

    def __init__(self, status: int, title: str) -> None:
        super().__init__(title)
        self.status = status


class Baseline:
    """The ASGI application."""

    def __init__(self, loaded: settings.Settings | None = None) -> None:
        loaded = loaded or settings.load()
        ring = KeyRing(loaded.secret_keys)
        self._keys = {(kid, typ): ring.key(kid, typ) for kid in ring.ids for typ in ("at+jwt", "rt+jwt")}
        self._kid = ring.signing
        self._waiting: dict[str, list[asyncio.Event]] = {}
        self._loop = asyncio.get_running_loop()
        self._verified = self._verify
        self._run: Callable[..., Awaitable[Answer]]
        if os.environ.get(TRICKS) == "on":
            # Only the signature is cached: the expiry is checked each time.
            self._verified = lru_cache(VERIFIED)(self._verify)
            threads = ThreadRunner(loaded.database_connections, "requests")
            self._run, self._end = threads.run, threads.close
        else:
            pool = ThreadPoolExecutor(loaded.database_connections)
            self._run, self._end = partial(self._loop.run_in_executor, pool), pool.shutdown
        kind = Sqlite if loaded.database_url.startswith("sqlite:") else Postgres
        self._storage: Any = kind(loaded.database_url, lambda user: self._loop.call_soon_threadsafe(self._wake, user))
        self._sql = self._storage.sql
        with self._storage.reading() as cursor:
            (self._secret,) = cursor.execute(self._sql.secret).fetchone()
        self._routes: dict[tuple[str, str], Callable[[Call], Answer]] = {
            ("GET", TASKS): self.list_tasks,
            ("POST", TASKS): self.create_task,
            ("GET", f"{TASKS}/"): self.get_task,
            ("PATCH", f"{TASKS}/"): self.edit_task,
            ("GET", "/api/accounts/me"): self.profile,
            ("POST", REFRESH): self.refresh,
            ("GET", "/api/sync"): self.pull,
        }

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            return await self._live(receive, send)
        headers = dict(scope["headers"])
        request_id = headers.get(b"x-request-id", b"")
        if not SANE_REQUEST_ID.fullmatch(request_id):
            request_id = uuid4().hex.encode()
        body: bytes | None
        try:
            status, body, extra = await self._answer(scope, headers, receive)
        except Refused as refused:
            status, extra = refused.status, []
            body = msgspec.json.encode({"title": str(refused), "status": status})
        if body is not None:
            extra += [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        extra += [(b"x-request-id", request_id), *EVERYWHERE]
        await send({"type": "http.response.start", "status": status, "headers": extra})
        await send({"type": "http.response.body", "body": body or b""})
        return None

    async def _answer(self, scope: Any, headers: dict[bytes, bytes], receive: Any) -> Answer:
        method, path, task_id = scope["method"], scope["path"].rstrip("/"), ""
        if path.startswith(f"{TASKS}/"):
            path, task_id = path[: len(TASKS) + 1], path[len(TASKS) + 1 :]
        handler = self._routes.get((method, path))
        if handler is None:
            raise Refused(404, "not found")
        claims: Any = None
        if path != REFRESH:
            scheme, _, token = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
            if scheme.lower() != "bearer":
                raise Refused(401, "not authenticated")
            claims = self._read(token.strip(), "at+jwt")
        body = b""
        if method != "GET":
            if headers.get(b"content-type", b"").partition(b";")[0] != b"application/json":
                raise Refused(415, "unsupported media type")
            more = True
            while more:
                message = await receive()
                body += message.get("body", b"")
                more = message.get("more_body", False)
                if len(body) > MAX_BODY:
                    raise Refused(413, "too large")
        query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        return await self._run(handler, Call(claims, headers, query, body, task_id))

    # -------------------------------------------------------------------------------------------------- requests

    def list_tasks(self, call: Call) -> Answer:
        """Answer the first page of the list."""
        user_id, limit, now = call.claims.sub, _limit(call.query, {"limit"}), _now()
        with self._reading(call.claims) as cursor:
            rows = cursor.execute(self._sql.tasks, {"user_id": user_id, "limit": limit + 1}).fetchall()
        me, task = self._storage.from_token(user_id), self._storage.task
        views = [_view(task(row), me, now) for row in rows[:limit]]
        following, headers = None, []
        if len(rows) > limit:
            after = {"value": views[-1].created_at, "id": views[-1].id}
            following = self._seal([now, after], f"{user_id} {TASKS} ")
            headers.append((b"link", f'<{TASKS}?limit={limit}&cursor={following}>; rel="next"'.encode()))
        return 200, msgspec.json.encode({"results": views, "next_cursor": following}), headers

    def get_task(self, call: Call) -> Answer:
        """Answer one task, or 304 if the client has its current version."""
        me, task_id = self._storage.from_token(call.claims.sub), _id(call.task_id)
        with self._reading(call.claims) as cursor:
            row = cursor.execute(self._sql.task, {"id": task_id}).fetchone()
        view = _view(_visible(row and self._storage.task(row), me), me, _now())
        tag = _etag(view)
        if tag in [each.strip() for each in call.headers.get(b"if-none-match", b"").split(b",")]:
            return 304, None, [(b"etag", tag)]
        return 200, msgspec.json.encode(view), [(b"etag", tag)]

    def create_task(self, call: Call) -> Answer:
        """Create a task."""
        fields = {"title": "", "description": "", "priority": 2, "state": "open", **_fields(call.body)}
        if not fields["title"]:
            raise Refused(400, "a title is required")
        with self._writing(call.claims) as cursor:
            now, task_id, user_id = _now(), uuid7(), call.claims.sub
            done = now if fields["state"] == "done" else None
            row = (task_id, *fields.values(), None, None, None, task_id, "", user_id, now, now, done, None, None, 1)
            task = dict(zip(TASK_COLUMNS, row, strict=True))
            stored = task | _searched(task)
            cursor.execute(self._sql.add_task, stored)
            cursor.execute(self._sql.add_entry, stored)
            self._record(cursor, "create", call.claims, task, {name: (None, value) for name, value in fields.items()})
            view = _view(row, user_id, _now())
            body = msgspec.json.encode(view)
        self._storage.notify(user_id)
        return 201, body, [(b"etag", _etag(view)), (b"location", f"{TASKS}/{task_id}/".encode())]

    def edit_task(self, call: Call) -> Answer:
        """Change the fields that are sent."""
        me, task_id, fields = self._storage.from_token(call.claims.sub), _id(call.task_id), _fields(call.body)
        match = call.headers.get(b"if-match")
        with self._writing(call.claims) as cursor:
            row = cursor.execute(self._sql.lock_task, {"id": task_id}).fetchone()
            before = _visible(row and self._storage.task(row), me, editing=True)
            task = dict(zip(TASK_COLUMNS, row, strict=True))
            if match is not None and b"%d" % task["version"] not in TAG.findall(match):
                raise Refused(412, "changed meanwhile")
            changed = {name: (task[name], value) for name, value in fields.items() if task[name] != value}
            if changed:
                now = max(_now(), before[12])
                task |= fields | {"updated_at": now, "version": task["version"] + 1}
                if "state" in changed:
                    task["completed_at"] = now if fields["state"] == "done" else None
                stored = task | _searched(task)
                if cursor.execute(self._sql.save_task, stored).rowcount != 1:
                    raise Refused(412, "changed meanwhile")
                cursor.execute(self._sql.save_entries, stored)
                self._record(cursor, "edit", call.claims, task, changed)
                after = [*before[:11], before[11], now, task["completed_at"], *before[14:16], task["version"]]
                after[1:5] = (task[name] for name in TASK_COLUMNS[1:5])
            else:
                after = before
            view = _view(after, me, _now())
            body = msgspec.json.encode(view)
        self._storage.notify(call.claims.sub)
        return 200, body, [(b"etag", _etag(view))]

    def profile(self, call: Call) -> Answer:
        """Answer the caller's account."""
        with self._reading(call.claims) as cursor:
            row = cursor.execute(self._sql.profile, {"id": call.claims.sub}).fetchone()
        if row is None:
            raise Refused(401, "the session has ended")
        values = (call.claims.sub, *row[1:6], bool(row[6]), self._storage.moment(row[9]))
        return 200, msgspec.json.encode(dict(zip(USER, values, strict=True))), []

    def pull(self, call: Call) -> Answer:
        """Answer the changes since a cursor."""
        user_id, limit = call.claims.sub, _limit(call.query, {"limit", "cursor"})
        me, bound = self._storage.from_token(user_id), f"{user_id} sync category,task"
        place = self._unseal(call.query["cursor"], bound) if "cursor" in call.query else None
        with self._reading(call.claims) as cursor:
            now = _now()
            head, epoch = cursor.execute(self._sql.feed_state, {"user_id": user_id}).fetchone()
            place = place or SyncCursor(epoch, 0, head or 0, now)
            if place.epoch != epoch or place.sequence > (head or 0) or now > place.since + WINDOW:
                raise Refused(410, "the cursor has expired")
            parameters = {"user_id": user_id, "after": place.sequence, "began": place.began, "limit": limit + 1}
            rows = cursor.execute(self._sql.feed_page, parameters).fetchall()
        changes = []
        for _, _, type_, id_, version, op, reason, *item in rows[:limit]:
            if type_ != "task":
                raise Refused(400, "there are only tasks here")
            data = None if item[0] is None else _data(self._storage.task(item[:17]), me)
            change = {"type": type_, "id": self._storage.id(id_), "op": op, "version": version}
            changes.append(change | {"data": data, "reason": reason})
        has_more = len(rows) > limit
        reached = rows[:limit][-1][0] if rows else place.sequence
        following = SyncCursor(epoch, reached, place.began, place.since if has_more else now)
        answer = {"changes": changes, "next_cursor": self._seal(following, bound), "has_more": has_more}
        return 200, msgspec.json.encode(answer | {"cursor_valid_until": following.since + WINDOW}), []

    def refresh(self, call: Call) -> Answer:
        """Exchange a refresh token for its successors."""
        claims = self._read(_decode(call.body, RefreshBody).refresh, "rt+jwt")
        with self._storage.writing() as cursor:
            now = _now()
            row = cursor.execute(self._sql.lock_session, {"id": claims.sid}).fetchone()
            # The benchmark never sends an older refresh token again.
            if row is None or row[3] != claims.gen or self._storage.id(row[1]) != self._storage.from_token(claims.sub):
                raise Refused(401, "the session has ended")
            idle_until, ends_at = map(self._storage.moment, row[7:9])
            if now >= min(idle_until, ends_at):
                raise Refused(401, "the session has ended")
            generation, idle_until = row[3] + 1, now + timedelta(days=14)
            values = {"id": claims.sid, "generation": generation, "confirmed": row[3]}
            cursor.execute(self._sql.save_session, values | {"rotated_at": now, "idle_until": idle_until})
        ends = min(idle_until, ends_at)
        until = min(now + timedelta(minutes=15), ends)
        answer = {
            "access": self._sign(claims, generation, "access", now, until),
            "refresh": self._sign(claims, generation, "refresh", now, ends),
            "token_type": "Bearer",
            "expires_in": max(0, int((until - _now()).total_seconds())),
        }
        return 200, msgspec.json.encode(answer), []

    # ---------------------------------------------------------------------------------------------------- tokens

    def _read(self, token: str, typ: str) -> Claims:
        claims = self._verified(token, typ)
        if claims.exp <= time.time() - LEEWAY:
            raise Refused(401, "expired")
        return claims

    def _verify(self, token: str, typ: str) -> Claims:
        if len(token) > 2048 or not COMPACT.fullmatch(token):
            raise Refused(401, "not a token")
        try:
            header = jwt.get_unverified_header(token)
            if header["typ"] != typ:
                raise Refused(401, "another kind of token")
            key, required = self._keys[header["kid"], typ], list(Claims.__struct_fields__)
            said: Any = {
                "issuer": "tasktracker",
                "audience": "tasktracker",
                "leeway": 5,
                "options": {"require": required},
            }
            return msgspec.convert(jwt.decode(token, key, algorithms=["HS256"], **said), Claims)
        except (jwt.PyJWTError, msgspec.ValidationError, KeyError, TypeError, ValueError, ArithmeticError) as error:
            raise Refused(401, "not a token of ours") from error

    def _sign(self, of: Claims, generation: int, kind: str, now: datetime, until: datetime) -> str:
        typ, issued_at = {"access": "at+jwt", "refresh": "rt+jwt"}[kind], int(now.timestamp())
        payload = {
            "iss": "tasktracker",
            "aud": "tasktracker",
            "sub": str(of.sub),
            "sid": str(of.sid),
            "gen": generation,
            "jti": str(uuid5(of.sid, f"{kind} {generation} {issued_at}")),
            "iat": issued_at,
            "exp": int(until.timestamp()),
        }
        header = {"typ": typ, "kid": self._kid}
        return jwt.encode(payload, self._keys[self._kid, typ], algorithm="HS256", headers=header)

    def _seal(self, position: object, bound: str) -> str:
        payload = msgspec.msgpack.encode(position)
        return urlsafe_b64encode(self._mac(payload, bound) + payload).rstrip(b"=").decode()

    def _unseal(self, text: str, bound: str) -> SyncCursor:
        sealed = urlsafe_b64decode(text + "=" * (-len(text) % 4))
        same = urlsafe_b64encode(sealed).rstrip(b"=").decode() == text
        if not same or not hmac.compare_digest(sealed[:16], self._mac(sealed[16:], bound)):
            raise Refused(400, "not a cursor of this list")
        return msgspec.msgpack.decode(sealed[16:], type=SyncCursor)

    def _mac(self, payload: bytes, bound: str) -> bytes:
        return hmac.digest(self._secret, hashlib.sha256(bound.encode()).digest() + payload, "sha256")[:16]

    # -------------------------------------------------------------------------------------------------- the work

    @contextmanager
    def _reading(self, claims: Claims) -> Iterator[Any]:
        with self._storage.reading() as cursor:
            if self._admit(cursor, claims) < claims.gen:
                with self._storage.writing() as writing:
                    writing.execute(self._sql.confirm, {"session_id": claims.sid, "confirmed": claims.gen})
            yield cursor

    @contextmanager
    def _writing(self, claims: Claims) -> Iterator[Any]:
        with self._storage.writing() as cursor:
            if self._admit(cursor, claims) < claims.gen:
                cursor.execute(self._sql.confirm, {"session_id": claims.sid, "confirmed": claims.gen})
            yield cursor

    def _admit(self, cursor: Any, claims: Claims) -> int:
        who = {"session_id": claims.sid, "user_id": claims.sub, "generation": claims.gen, "now": _now()}
        row = cursor.execute(self._sql.admit, who).fetchone()
        if row is None:
            raise Refused(401, "the session has ended")
        return int(row[0])

    def _record(self, cursor: Any, action: str, claims: Claims, task: dict[str, Any], changed: dict[str, Any]) -> None:
        """Add a change to the history, and to the feed of the only user who sees the task."""
        change = {"id": task["id"], "updated_at": task["updated_at"], "version": task["version"], "change_id": uuid7()}
        change |= {"action": action, "actor": claims.sub, "session_id": claims.sid}
        cursor.execute(self._sql.add_change, change | {"fields": msgspec.json.encode(changed).decode()})
        (sequence,) = cursor.execute(self._sql.advance, {"user_id": claims.sub}).fetchone()
        place = {"user_id": claims.sub, "id": task["id"], "sequence": sequence, "version": task["version"]}
        cursor.execute(self._sql.place, place | {"now": _now()})

    def _wake(self, user_id: str) -> None:
        for event in self._waiting.get(user_id, ()):
            event.set()

    async def _live(self, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self._end()
        self._storage.close()
        await send({"type": "lifespan.shutdown.complete"})


def _visible(row: Any, me: Any, *, editing: bool = False) -> Any:
    if row is None or row[14] is not None or (row[10] != me and f"{me}:" not in row[9]):
        raise Refused(404, "not found")
    if editing and row[10] != me and f"{me}:editor" not in row[9]:
        raise Refused(403, "not allowed")
    return row


def _view(row: Any, me: Any, now: datetime) -> Any:
    (id_, title, description, priority, state, due, category, parent, _, members, by, *moments, _, _, version) = row
    overdue = due is not None and due < now and state not in ("done", "cancelled")
    started = (id_, title, description, priority, state, due, overdue, category if by == me else None, parent)
    return TaskView(*started, _owners(by, members), by, *moments, version)


def _data(row: Any, me: Any) -> Any:
    (id_, title, description, priority, state, due, category, parent, _, members, by, *moments, _, _, version) = row
    started = (id_, title, description, priority, state, due, category if by == me else None, parent)
    return TaskData(*started, _owners(by, members), by, *moments, version)


def _owners(by: Any, members: str) -> list[Any]:
    return [by, *(each[:36] for each in members.split() if each.endswith(":editor"))] if members else [by]


def _etag(view: Any) -> bytes:
    return b'"%d.o"' % view.version if view.is_overdue else b'"%d"' % view.version


def _fields(body: bytes) -> dict[str, Any]:
    sent = msgspec.structs.asdict(_decode(body, TaskBody))
    fields = {name: value for name, value in sent.items() if value is not UNSET}
    if "title" in fields:
        fields["title"] = fields["title"].strip()
        if not 1 <= len(fields["title"]) <= 200:
            raise Refused(400, "the title is too long, or empty")
    if len(fields.get("description", "")) > 10_000:
        raise Refused(400, "the description is too long")
    if any("\0" in fields.get(name, "") for name in ("title", "description")):
        raise Refused(400, "NUL cannot be stored")
    return fields


def _decode(body: bytes, type_: Any) -> Any:
    try:
        return msgspec.json.decode(body, type=type_)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Refused(400, "not what belongs here") from error


def _limit(query: dict[str, str], known: set[str]) -> int:
    limit = query.get("limit", "100")
    if query.keys() - known or not limit.isdecimal() or not 1 <= int(limit) <= 200:
        raise Refused(400, "not what can be asked for")
    return int(limit)


def _id(text: str) -> UUID:
    try:
        return msgspec.convert(text, UUID)
    except msgspec.ValidationError as error:
        raise Refused(400, "not an id") from error


def _searched(task: dict[str, Any]) -> dict[str, str]:
    title_key = _folded(task["title"])
    return {"title_key": title_key, "search": f"{title_key}\n{_folded(task['description'])}"}


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def _now() -> datetime:
    return datetime.now(UTC)


def create() -> Baseline:
    """Build the application in each worker and freeze its objects for the garbage collector, as the server does."""
    baseline = Baseline()
    gc.collect()
    gc.freeze()
    return baseline


def main() -> None:
    """Serve with the settings of the server."""
    loaded = settings.load()
    uvicorn.run(
        "benchmarks.baseline:create",
        factory=True,
        host=loaded.host,
        port=loaded.port,
        workers=loaded.workers,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
    )


if __name__ == "__main__":
    main()
